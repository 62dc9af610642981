"""Reads the log of a tour, and compares what is told with its stories."""

from __future__ import annotations

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.storage.filesystem import FileSystem
from tests.replay.jobs.tour_stories import TOURS, Told

HOUR_MS = 3_600_000


def open_tour(folder):
    """Return a tour's jobs, its schemas' names, and the moment an hour after it."""
    index = LogIndex(folder, FileSystem())
    last = index.get_record(index.last_seq)
    schemas = detect_schemas(index)
    log = JobLog(index, schemas)
    names = [schema.name for schema in schemas]
    return log, names, Point(last.seq, last.at_ms + HOUR_MS)


def check_stories(library, folder, jobs):
    """Check what is told of each story of a tour, and return what is not as it was."""
    log, _, point = open_tour(folder)
    wrong = {}
    for story in TOURS[library]:
        timeline = follow(log, jobs[story], point)
        if not any(is_told(told, timeline) for told in all_told(library, story)):
            wrong[story] = (
                *timeline.verdict,
                [step.kind for step in timeline.steps],
                timeline.story.deliveries,
            )
    return wrong


def all_told(library, story):
    """Return each of what may be told of a story."""
    told = TOURS[library][story]
    return (told,) if isinstance(told, Told) else told


def is_told(told, timeline):
    """Tell whether a timeline tells what it should."""
    verdict, kinds = timeline.verdict, [step.kind for step in timeline.steps]
    return (
        verdict.word == told.word
        and told.reason in verdict.reason
        and is_part(told.kinds, kinds)
        and told.deliveries in {None, timeline.story.deliveries}
    )


def follow(log, job, point):
    """Return the timeline of a job, which may be named with its queue: `QUEUE/ID`."""
    queue, _, job_id = job.rpartition("/")
    (timeline,) = (
        each
        for each in log.follow(job_id.encode(), point)
        if not queue or each.story.queue == queue.encode()
    )
    return timeline


def is_part(wanted, kinds):
    """Tell whether steps come in this order, whatever is between them."""
    rest = iter(kinds)
    return all(kind in rest for kind in wanted)


def list_all(folder):
    """Return the verdict of each job in a log, as `replay jobs --all` lists them."""
    log, _, point = open_tour(folder)
    judged = log.judge_all(point, Limits(), lambda _: True)
    listed = {}
    for story, verdict in judged:
        job_id = story.id.decode()
        listed[job_id] = listed[f"{story.queue.decode()}/{job_id}"] = verdict.word
    return listed
