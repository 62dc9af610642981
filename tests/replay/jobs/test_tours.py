"""What became of jobs that went through all that their libraries' pages offer.

tests/data/tours/README.md says how they were recorded; the expected values are what the
libraries themselves said and counted at the end.
"""

import collections
import json
from pathlib import Path

import pytest

from joblog.app.history.moments import Point
from tests.replay.jobs.tour_reading import (
    all_told,
    check_stories,
    follow,
    list_all,
    open_tour,
)
from tests.replay.jobs.tour_stories import (
    ASYNQ_STATES,
    BULL_STATES,
    BULLMQ_STATES,
    CELERY_STATES,
    DELANCIE_STATES,
    RQ_REGISTRIES,
    SAQ_STATES,
    TOURS,
)

RECORDED = Path(__file__).resolve().parents[2] / "data" / "tours"
BYTES_MAX = 512 * 1024


def told(library):
    return json.loads((RECORDED / library / "jobs.json").read_text())


@pytest.mark.parametrize("library", TOURS)
def test_every_story_of_a_tour_is_told_as_it_was(library):
    jobs = told(library)["jobs"]

    assert set(jobs) == set(TOURS[library])
    assert open_tour(RECORDED / library / "data")[1] == [library]
    assert check_stories(library, RECORDED / library / "data", jobs) == {}


@pytest.mark.parametrize("library", TOURS)
def test_list_of_all_jobs_says_the_same_as_each_jobs_story(library):
    jobs = told(library)["jobs"]
    listed = list_all(RECORDED / library / "data")

    assert {story: listed[job_id] for story, job_id in jobs.items()} == {
        story: all_told(library, story)[0].word for story in TOURS[library]
    }


def test_celery_says_the_same_of_each_task_that_keeps_a_result():
    said, listed = told("celery"), list_all(RECORDED / "celery" / "data")

    known = {
        story: CELERY_STATES[state]
        for story, state in said["counts"].items()
        if state in CELERY_STATES
    }

    assert known == {story: listed[said["jobs"][story]] for story in known}
    assert {"lost", "delivered twice"}.isdisjoint(listed.values())


def test_rqs_registries_have_as_many_jobs_as_are_told():
    said, listed = told("rq"), list_all(RECORDED / "rq" / "data")
    gone = [
        said["jobs"][story.removeprefix("status of ")]
        for story, status in said["counts"].items()
        if status == "gone"
    ]
    found = collections.Counter(
        "done" if word == "delivered twice" else word
        for job_id, word in listed.items()
        if job_id not in gone and "/" not in job_id
    )

    for registry, word in RQ_REGISTRIES.items():
        # Of the jobs that are blocked, one is held back by a rate limit.
        more = 1 if registry == "deferred" else 0
        assert found[word] == said["counts"][registry] + more, registry


@pytest.mark.parametrize(
    ("library", "states"),
    [
        ("bullmq", BULLMQ_STATES),
        ("bull", BULL_STATES),
        ("asynq", ASYNQ_STATES),
        ("saq", SAQ_STATES),
        ("delancie", DELANCIE_STATES),
    ],
)
def test_library_says_the_same_of_each_job_that_it_still_knows(library, states):
    said, listed = told(library), list_all(RECORDED / library / "data")

    known = {}
    for story, job_id in said["jobs"].items():
        word = states.get(said["counts"].get(f"state of {story}"))
        if word is not None and listed[job_id] != "delivered twice":
            known[story] = word

    assert len(known) > len(said["jobs"]) // 2
    assert known == {story: listed[said["jobs"][story]] for story in known}


@pytest.mark.parametrize(
    ("library", "place"), [("dramatiq", "is dead: {}"), ("sidekiq", "place of {}")]
)
def test_dead_letters_of_a_library_are_those_that_failed(library, place):
    said, listed = told(library), list_all(RECORDED / library / "data")

    dead = {
        story
        for story in said["jobs"]
        if said["counts"][place.format(story)] in {True, "dead"}
    }

    assert dead == {
        story for story, job_id in said["jobs"].items() if listed[job_id] == "failed"
    }


def test_no_message_of_bullmqs_relay_is_taken_for_a_job():
    assert not any("relay" in job for job in list_all(RECORDED / "bullmq" / "data"))


def test_arqs_schedule_is_done_as_often_as_it_ran():
    said, listed = told("arq"), list_all(RECORDED / "arq" / "data")
    words = [word for job, word in listed.items() if job.startswith("cron:tick:")]

    assert words.count("done") == said["counts"]["ticks"]
    assert set(words) <= {"done", "scheduled", "stuck"}


@pytest.mark.parametrize("library", TOURS)
def test_recorded_tour_is_small(library):
    logs = (RECORDED / library).rglob("*.log")

    assert 0 < sum(path.stat().st_size for path in logs) < BYTES_MAX


def test_task_whose_result_is_not_kept_is_told_so_once_it_is_acknowledged():
    log, _, end = open_tour(RECORDED / "celery" / "data")
    job = told("celery")["jobs"]["unkept"]
    [acked] = [
        step.record
        for step in follow(log, job, end).steps
        if step.kind == "acknowledged"
    ]

    then = follow(log, job, Point(acked.seq, acked.at_ms + 1))

    assert then.verdict.word == "taken"
    assert "its result is not kept: done, or begun" in then.verdict.reason
