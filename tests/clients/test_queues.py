"""Every job queue lives a day on us and on Valkey, and then its parts are killed."""

import time

import pytest

from tests.clients.runners import Fate
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

JOBS = 5
DELAY_SECONDS = 2.0
# Some libraries count deadlines in whole seconds.
EARLY_SECONDS = 1.0
# What has not run so long after its time won't, but for another worker.
FORGOTTEN_SECONDS = 15.0
# By then every library takes a worker for dead.
AHEAD_SECONDS = 600


def test_jobs_run_and_are_retried_delayed_failed_and_cancelled(stage):
    can, journal = stage.queue.can, stage.journal
    client = stage.client()
    sums = [client.enqueue("add", f"sum:{n}", n, n) for n in range(JOBS)]
    if "retry" in can:
        flaky = client.enqueue("flaky", "flaky", 2, retries=3)
    failing = client.enqueue("fail", "failing")
    if "delay" in can:
        asked = time.time()
        delayed = client.enqueue("add", "delayed", 20, 22, delay=DELAY_SECONDS)
    if "cancel" in can:
        cancelled = client.enqueue("add", "cancelled", 1, 1)
        client.ask("cancel", job_id=cancelled)

    stage.worker()

    for number, job in enumerate(sums):
        journal.wait_for("ran", f"sum:{number}")
        if "result" in can:
            assert client.wait_for(job)["result"] == 2 * number
    if "retry" in can:
        journal.wait_for("ran", "flaky", times=3)
        if "result" in can:
            assert client.wait_for(flaky)["result"] == 3
    journal.wait_for("ran", "failing")
    if "error" in can:
        assert "this job always fails" in client.wait_for(failing, "failed")["error"]
    if "delay" in can:
        journal.wait_for("ran", "delayed")
        (ran,) = journal.times("ran", "delayed")
        assert ran >= asked + DELAY_SECONDS - EARLY_SECONDS
        if "result" in can:
            assert client.wait_for(delayed)["result"] == 42
    # The worker has nothing to do by now: it waits for what comes.
    client.enqueue("add", "last", 1, 1)
    journal.wait_for("ran", "last")
    assert journal.times("ran", "cancelled") == []


def test_job_of_a_killed_worker_has_the_fate_that_its_library_promises(stage):
    client, journal = stage.client(), stage.journal
    worker = stage.worker()
    held = client.enqueue("hold", "held")
    journal.wait_for("held", "held")
    others = [client.enqueue("add", f"sum:{n}", n, n) for n in range(JOBS)]

    worker.kill()
    journal.release()
    if "maintain" in stage.queue.can:
        client.ask("maintain", ahead=AHEAD_SECONDS)
    stage.worker()

    for number in range(len(others)):
        journal.wait_for("ran", f"sum:{number}")
    if stage.queue.fate is Fate.RUNS_AGAIN:

        def has_run_again():
            if "stir" in stage.queue.can:
                client.ask("stir")
            return "held" in journal.tokens("ran")

        wait_until(has_run_again, lambda: f"ran: {journal.tokens('ran')}")
    elif stage.queue.fate is Fate.FAILS:
        client.wait_for(held, "failed")
        assert journal.times("ran", "held") == []
    else:
        assert journal.times("ran", "held") == []


def test_no_job_is_lost_when_the_server_is_killed(stage):
    client, journal = stage.client(), stage.journal
    worker = first = stage.worker()
    client.enqueue("hold", "held")
    journal.wait_for("held", "held")
    tokens = [f"sum:{number}" for number in range(JOBS)]
    for token in tokens:
        client.enqueue("add", token, 1, 1)
    if "delay" in stage.queue.can:
        client.enqueue("add", "delayed", 1, 1, delay=DELAY_SECONDS)
        tokens.append("delayed")

    stage.server.kill()
    stage.server.start()
    journal.release()
    forgotten = time.monotonic() + FORGOTTEN_SECONDS

    def have_all_run():
        nonlocal worker
        if "maintain" in stage.queue.can:
            client.ask("maintain")
        if "stir" in stage.queue.can:
            client.ask("stir")
        if not worker.is_alive:
            assert not stage.queue.survives, worker.output()
            worker = stage.worker()
        missing = {*tokens, "held"} - set(journal.tokens("ran"))
        if stage.queue.forgets and worker is first and time.monotonic() > forgotten:
            worker.stop()
            worker = stage.worker()
        return not missing

    wait_until(have_all_run, lambda: f"ran: {journal.tokens('ran')}")
