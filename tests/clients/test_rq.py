"""RQ: what it has beside what every queue has, see test_queues.py."""

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

AHEAD_SECONDS = 600


@pytest.fixture
def stage(stage_of):
    return stage_of("rq")


def test_job_of_a_killed_worker_is_retried_where_retries_are_left(stage):
    client, journal = stage.client(), stage.journal
    worker = stage.worker()
    held = client.enqueue("hold", "held", retries=1)
    journal.wait_for("held", "held")

    worker.kill()
    journal.release()
    client.ask("maintain", ahead=AHEAD_SECONDS)
    stage.worker()

    assert client.wait_for(held)["result"] == "held"
    assert len(journal.times("held", "held")) == 2


def test_job_is_in_the_registry_of_its_state(stage):
    client, journal = stage.client(), stage.journal
    done = client.enqueue("add", "done", 1, 1)
    failed = client.enqueue("fail", "failed")
    cancelled = client.enqueue("add", "cancelled", 1, 1)
    client.ask("cancel", job_id=cancelled)
    deleted = client.enqueue("add", "deleted", 1, 1)
    client.ask("delete", job_id=deleted)
    later = client.enqueue("add", "later", 1, 1, delay=3600)
    held = client.enqueue("hold", "held")
    stage.worker()
    journal.wait_for("held", "held")

    found = client.ask("registries")

    assert found == {
        "queued": [],
        "started": [held],
        "finished": [done],
        "failed": [failed],
        "scheduled": [later],
        "canceled": [cancelled],
    }
    assert journal.tokens("ran") == ["done", "failed"]
    journal.release()
    wait_until(lambda: client.ask("registries")["started"] == [], stage.outputs)
    with pytest.raises(RuntimeError, match="NoSuchJobError"):
        client.look(deleted)
