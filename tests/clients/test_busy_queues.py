"""The server is killed while workers take one job after the other."""

import pytest

from tests.support.waiting import wait_until

# RQ and its kin take a second for each job; Sidekiq loses what it just popped.
BUSY = ["bullmq", "bullmq-node-redis", "bull", "bee-queue", "asynq"]
JOBS = 200
RAN_BEFORE = 20
AHEAD_SECONDS = 600


@pytest.mark.slow
@pytest.mark.parametrize("name", BUSY)
def test_no_job_is_lost_when_the_server_is_killed_under_load(name, stage_of):
    stage = stage_of(name)
    client, journal = stage.client(), stage.journal
    tokens = [f"job:{number}" for number in range(JOBS)]
    for token in tokens:
        client.enqueue("add", token, 1, 1, retries=3)
    workers = [stage.worker(), stage.worker()]
    wait_until(lambda: len(journal.tokens("ran")) >= RAN_BEFORE, lambda: "none ran")

    stage.server.kill()
    stage.server.start()

    def have_all_run():
        # A job that was given away in the very moment is somebody's whom nobody knows.
        if "maintain" in stage.queue.can:
            client.ask("maintain", ahead=AHEAD_SECONDS)
        for index, worker in enumerate(workers):
            if not worker.is_alive:
                assert not stage.queue.survives, worker.output()
                workers[index] = stage.worker()
        return set(tokens) <= set(journal.tokens("ran"))

    wait_until(have_all_run, lambda: f"lost: {set(tokens) - {*journal.tokens('ran')}}")
