"""The broker on a Redis that joblog follows: jobs, deeds and values are as there."""

import json
import subprocess
import sys
from collections import Counter

import pytest
import redis

from tests.delancie.broker import Broker, encode_job
from tests.replay.jobs.tour_reading import list_all
from tests.support.tapping import tap

JOBS = 40
WORDS = {
    b"pending": "waiting",
    b"scheduled": "stuck",  # due long ago, as the broker was told the time
    b"done": "done",
    b"dead": "failed",
}


def replay(*words):
    """Return what `replay` prints, as lines of JSON."""
    command = [sys.executable, "-m", "joblog.replay", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def work(broker, relay):
    """Take jobs: some are done, some fail once, some fail for good, some are held."""
    for number in range(JOBS):
        payload, tries = encode_job(b"%d" % number, b"body"), 1 + number % 2
        assert broker.enqueue(f"{number}", payload, attempts_max=tries)
    for taken in range(JOBS - 10):
        token, job_id, *_ = broker.dequeue()
        if taken % 7 == 3:
            relay.cut_after(taken)
        if taken % 5 == 0:
            broker.fail(job_id, token, b"this job failed")
        elif taken % 11 != 1:
            broker.succeed(job_id, token, b"result")
    for _ in range(3):
        broker.now_ms += 120_000
        broker.requeue()
        broker.promote()
        for _ in range(4):
            token, job_id, *_ = broker.dequeue()
            broker.fail(job_id, token, b"again")


@pytest.mark.slow
def test_a_tapped_broker_is_told_as_it_was():
    with tap() as tapped:
        client = redis.Redis(unix_socket_path=tapped.master.path)
        broker = Broker(client)
        work(broker, tapped.relay)
        states, counters = broker.take_census(), broker.counters()
        key = broker.key("job:1")
        fields = client.hgetall(key)
        client.close()
        tapped.wait_until_recorded()
        assert tapped.master.connect().ask("INFO", "stats").count(b"sync_full:1") == 1
        tapped.replica.stop()
        folder = tapped.replica.folder

        listed = list_all(folder)
        (_, *deeds, _) = replay("audit", folder, "..")
        (*_, last) = replay("history", folder, key.decode())

        assert {job.decode(): WORDS[state] for job, state in states.items()} == {
            job: word for job, word in listed.items() if "/" not in job
        }
        assert set(states.values()) == set(WORDS)
        steps = Counter(deed["step"] for deed in deeds)
        assert steps["enqueued"] == counters["enqueued"] == JOBS
        assert steps["taken"] == counters["delivered"]
        assert steps["done"] == counters["succeeded"]
        assert steps["failed"] == counters["buried"]
        shown = last["after"]["value"]
        assert shown["state"] == fields[b"state"].decode()
        assert shown.keys() == {name.decode() for name in fields}
