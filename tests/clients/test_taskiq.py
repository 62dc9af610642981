"""taskiq: what it has beside what every queue has, see test_queues.py."""

import time

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

AHEAD_SECONDS = 5
SETTLE_SECONDS = 3


@pytest.fixture
def stage(stage_of):
    return stage_of("taskiq")


def test_schedule_that_met_a_full_server_stays_for_another_scheduler(stage):
    """findings/taskiq-scheduler-tries-a-task-once.sh tells of the scheduler it met."""
    server = stage.server.connect()
    client = stage.client()
    scheduler = stage.worker("scheduler")
    wait_until(lambda: "Startup completed" in scheduler.output(), stage.outputs)
    client.enqueue("add", "late", 1, 1, delay=AHEAD_SECONDS)

    server.ask("CONFIG", "SET", "maxmemory", "1")
    wait_until(lambda: "Sending task" in scheduler.output(), stage.outputs)
    time.sleep(SETTLE_SECONDS)
    server.ask("CONFIG", "SET", "maxmemory", "0")
    time.sleep(SETTLE_SECONDS)

    assert server.ask("XLEN", "taskiq") == b":0\r\n"
    scheduler.kill()
    stage.worker("scheduler")
    wait_until(lambda: server.ask("XLEN", "taskiq") == b":1\r\n", stage.outputs)
