"""What the tests of jobs share: a history's jobs, asked without a command line."""

from __future__ import annotations

from joblog.app.history.moments import Point
from joblog.replay.index.finder import LogIndex
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.shipped import detect_schemas, load_schemas
from joblog.replay.jobs.verdicts import Limits
from joblog.storage.filesystem import FileSystem

HOUR_MS = 3_600_000


def open_log(folder, *schemas):
    index = LogIndex(folder, FileSystem())
    return JobLog(index, load_schemas(schemas) if schemas else detect_schemas(index))


def point_of(history, later_ms=0):
    return Point(history.log.last_seq, history.clock.at_ms + later_ms)


def follow(history, job_id, *schemas, later_ms=0):
    """Return the one timeline of a job."""
    history.log.sync()
    log = open_log(history.folder, *schemas)
    (timeline,) = log.follow(job_id, point_of(history, later_ms))
    return timeline


def steps_of(timeline):
    return [(step.kind, step.record.origin.client_id) for step in timeline.steps]


def kinds_of(timeline):
    return [step.kind for step in timeline.steps]


def judge_all(history, *schemas, later_ms=0, wants=lambda _: True):
    history.log.sync()
    log = open_log(history.folder, *schemas)
    return {
        story.id: verdict.word
        for story, verdict in log.judge_all(
            point_of(history, later_ms), Limits(), wants
        )
    }
