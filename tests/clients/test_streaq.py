"""streaQ: what it has beside what every queue has, see test_queues.py."""

import pytest

pytestmark = pytest.mark.slow

RESULT = "streaq:default:task:results:"
WAITS = "streaq:default:task:dependencies:"


@pytest.fixture
def stage(stage_of):
    return stage_of("streaq")


def test_dependent_runs_behind_what_ended_and_waits_where_its_result_went(stage):
    """findings/streaq-dependents-of-ended-tasks.sh has what to think of that."""
    server, client = stage.server.connect(), stage.client()
    stage.worker()
    failed = client.enqueue("fail", "failed")
    done = client.enqueue("add", "done", 1, 1)
    client.wait_for(failed, "failed")
    client.wait_for(done)

    behind = client.enqueue("add", "behind", 1, 1, after=failed)
    client.wait_for(behind)
    assert server.ask("DEL", RESULT + done) == b":1\r\n"
    late = client.enqueue("add", "late", 1, 1, after=done)
    client.wait_for(client.enqueue("add", "last", 1, 1))

    assert client.look(late)["state"] == "pending"
    assert server.ask("SMEMBERS", WAITS + late).endswith(f"{done}\r\n".encode())
    assert stage.journal.times("ran", "late") == []
