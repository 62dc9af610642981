"""Celery's tries are messages of their own; what is put back is no retry."""

import json

import pytest

from tests.replay.jobs.reading import follow, kinds_of
from tests.replay.jobs.scenarios import play


@pytest.fixture
def played(tmp_path):
    """Return a function that plays a scenario and gives its history."""
    histories = []

    def run(scenario):
        histories.append(play(tmp_path, scenario))
        return histories[0]

    yield run
    for history in histories:
        history.close()


def message(task="send", retries=0, replaced=0):
    """Return a message of Celery's for job 7."""
    headers = {"id": "7", "task": task, "retries": retries}
    return json.dumps({"headers": {**headers, "replaced_task_nesting": replaced}})


FIRST = message()
BIND = ("p", ["SADD", "_kombu.binding.celery", "celery"])
SENT = (BIND, ("p", ["LPUSH", "celery", FIRST]))


def take(sent, client, other):
    """Return how a worker takes a message: by two of its connections."""
    unacked = ["HSET", "unacked", "tag", json.dumps([json.loads(sent), "", "celery"])]
    return (client, ["BRPOP", "celery", "0"]), (other, unacked)


def put_back(sent, client):
    """Return how a worker restores what was with one of them for too long."""
    return (client, "EXEC", "HDEL unacked tag", ["RPUSH", "celery", sent])


def end(client, **words):
    """Return how a worker's process stores a result."""
    result = json.dumps({"status": "SUCCESS", "result": 1, **words})
    return (client, ["SETEX", "celery-task-meta-7", "60", result])


def test_message_that_a_worker_restores_was_taken_back_be_it_its_own(played):
    history = played((*SENT, *take(FIRST, "a", "b"), put_back(FIRST, "b")))

    timeline = follow(history, b"7")

    assert kinds_of(timeline) == ["enqueued", "taken", "taken back"]
    assert timeline.verdict.word == "waiting"


def test_worker_that_takes_its_own_message_again_has_all_its_connections(played):
    begun = ("c", ["SETEX", "celery-task-meta-7", "60", '{"status": "STARTED"}'])
    scenario = (
        *(*SENT, *take(FIRST, "a", "b"), begun, put_back(FIRST, "b")),
        *(*take(FIRST, "a", "b"), end("c"), ("b", "HDEL unacked tag")),
    )

    timeline = follow(played(scenario), b"7")

    assert timeline.verdict.word == "done"
    assert timeline.verdict.reason == "after 2 deliveries; it was taken back"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        pytest.param({"retries": 1}, "retried", id="retried"),
        pytest.param({"task": "other", "replaced": 1}, "replaced", id="replaced"),
    ],
)
def test_task_that_sends_another_message_of_its_id_ends_its_try(played, words, kind):
    second = message(**words)
    scenario = (
        *(*SENT, *take(FIRST, "a", "b"), ("b", "HDEL unacked tag")),
        *(("c", ["LPUSH", "celery", second]), *take(second, "a", "b"), end("c")),
    )

    timeline = follow(played(scenario), b"7")

    kinds = [each for each in kinds_of(timeline) if each != "acknowledged"]
    assert kinds == ["enqueued", "taken", kind, "taken", "done"]
    assert timeline.verdict.reason == "after 2 deliveries"
    assert timeline.story.facts["task"] == words.get("task", "send").encode()


def test_end_without_a_traceback_tells_the_error_of_its_result(played):
    error = {"exc_type": "TimeLimitExceeded", "exc_message": [1]}
    failed = end("c", status="FAILURE", result=error, traceback=None)

    timeline = follow(played((*SENT, *take(FIRST, "a", "b"), failed)), b"7")

    assert timeline.verdict.word == "failed"
    assert timeline.verdict.reason == "TimeLimitExceeded: 1"
