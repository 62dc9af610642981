"""Docket: what it has beside what every queue has, see test_queues.py."""

import pytest

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000


@pytest.fixture
def stage(stage_of):
    return stage_of("docket")


def test_cooldown_that_its_own_task_set_drops_its_retry(stage):
    """findings/docket-cooldown-drops-its-own-retry.sh has what to think of that."""
    server, client = stage.server.connect(), stage.client()
    stage.worker()

    warm = client.enqueue("flaky", "warm", 1)
    cool = client.enqueue("cool", "cool", 1)

    client.wait_for(warm)
    client.wait_for(cool, "cancelled")
    assert len(stage.journal.times("ran", "warm")) == 2
    assert len(stage.journal.times("ran", "cool")) == 1
    left_ms = server.ask("PTTL", "runner:cooldown:cool")
    assert 0 < int(left_ms[1:]) <= MINUTE_MS
