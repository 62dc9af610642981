"""Celery: what it has beside what every queue has, see test_queues.py."""

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(stage_of):
    return stage_of("celery")


def test_chord_gives_its_body_what_the_whole_header_returned(stage):
    client = stage.client()
    chord = client.ask("chord", token="part", numbers=[1, 2, 3])

    stage.worker()

    assert client.wait_for(chord)["result"] == 12


def test_task_of_a_higher_priority_runs_before_those_that_came_earlier(stage):
    client = stage.client()
    client.enqueue("hold", "held")
    stage.worker()
    stage.journal.wait_for("held", "held")
    for priority in (9, 6, 3, 0):
        client.enqueue("add", f"first:{priority}", 1, 1, priority=priority)
        last = client.enqueue("add", f"second:{priority}", 1, 1, priority=priority)
    stage.journal.release()

    client.wait_for(last)
    stage.journal.wait_for("ran", "second:9")

    # What the worker had fetched ahead while it was held is the oldest.
    ran = [token for token in stage.journal.tokens("ran") if token != "first:9"]
    assert ran == [
        "held",
        *("first:0", "second:0", "first:3", "second:3", "first:6", "second:6"),
        "second:9",
    ]


def test_revoked_task_does_not_run(stage):
    client = stage.client()
    stage.worker()
    wait_until(lambda: client.ask("ping") == 1, stage.outputs)
    client.enqueue("hold", "held")
    stage.journal.wait_for("held", "held")
    revoked = client.enqueue("add", "revoked", 1, 1)

    client.ask("cancel", job_id=revoked)
    wait_until(lambda: client.ask("ping") == 1, stage.outputs)
    stage.journal.release()

    client.wait_for(revoked, "cancelled")
    assert stage.journal.times("ran", "revoked") == []
