"""Delancie's tour: each of its scripts, as its workers and its operator run them.

The broker is the stand-in of tests/delancie, whose scripts its Go client runs as well.
"""

import sys
import time
from pathlib import Path

import redis
from touring import say

sys.path.append(str(Path(__file__).parents[2] / "delancie"))

from broker import Broker, encode_job, script
from jobs import SOCKET

SOON_MS = 50
DAY_MS = 86_400_000
LEASE_MS = 60_000


def connect(name):
    """Return a client of its own, as each program has one."""
    return redis.Redis(unix_socket_path=SOCKET, client_name=name)


class Person:
    """One program: a producer, a worker or the operator."""

    def __init__(self, name, queue="mail"):
        """Connect under a name."""
        self.name = name
        self.broker = Broker(connect(name), queue)

    def run(self, what, *arguments):
        """Run a script by its name."""
        return self.broker.run(what, *arguments)

    def send(self, job, **options):
        """Enqueue a job."""
        self.broker.now_ms = now_ms()
        body = encode_job(job.encode(), b"a body")
        return self.broker.enqueue(job, body, **options)

    def take(self, lease_ms=LEASE_MS):
        """Take the next job; return its id and the worker's receipt."""
        receipt = f"{self.name}-{time.monotonic_ns()}"
        found = self.run("dequeue", receipt, self.name, now_ms(), lease_ms)
        return (None if found is None else found[0].decode()), receipt

    def work(self, job):
        """Take a job, which must be this one, and end it well."""
        taken, receipt = self.take()
        assert taken == job, (taken, job)
        self.succeed(job, receipt)

    def succeed(self, job, receipt):
        """End a job well."""
        self.run("succeed", job, receipt, now_ms(), "a result", -1)

    def fail(self, job, reason):
        """Take a job, which must be this one, and fail."""
        taken, receipt = self.take()
        assert taken == job, (taken, job)
        self.run("fail", job, receipt, now_ms(), reason, 1, 1)


def now_ms():
    """Return the time."""
    return int(time.time() * 1000)


def pass_by(ms):
    """Let some time pass."""
    until = now_ms() + ms
    while now_ms() <= until:
        time.sleep(ms / 1000)


def promote(operator):
    """Make what is due ready; no more than one is."""
    pass_by(SOON_MS)
    assert operator.run("promote", now_ms(), 100) == 1


def walk(web, worker, other, operator):
    """Let a job live through each story but the last ones, one after the other."""
    web.send("plain")
    worker.work("plain")
    web.send("retried")
    worker.fail("retried", "failure 1")
    promote(operator)
    other.work("retried")
    web.send("failed", attempts_max=1)
    worker.fail("failed", "this job always fails")
    web.send("redriven", attempts_max=1)
    worker.fail("redriven", "this job fails once")
    keys = operator.broker.key("dead"), operator.broker.key("redriving")
    assert operator.broker.client.lmove(*keys, "LEFT", "LEFT") == b"redriven"
    assert operator.run("redrive", "redriven") == 1
    worker.work("redriven")
    web.send("scheduled", ready_ms=now_ms() + SOON_MS)
    promote(operator)
    worker.work("scheduled")
    web.send("earlier", ready_ms=now_ms() + DAY_MS)
    assert operator.run("reschedule", "earlier", now_ms(), "earlier") == 1
    promote(operator)
    worker.work("earlier")
    web.send("deleted")
    assert operator.run("delete", "deleted") == 1
    web.send("unique", dedupe="one")
    assert web.send("unique too", dedupe="one")[0] == b"duplicate"
    worker.work("unique")


def lose_leases(web, worker, other, operator):
    """Let workers be silent for longer than their leases."""
    web.send("taken back")
    worker.take(1)
    pass_by(SOON_MS)
    assert operator.run("requeue", now_ms(), 100)[0][1] == b"pending"
    other.work("taken back")
    web.send("taken back in vain", attempts_max=1)
    worker.take(1)
    pass_by(SOON_MS)
    assert operator.run("requeue", now_ms(), 100)[0][1] == b"dead"
    web.send("kept")
    _, receipt = worker.take(LEASE_MS)
    worker.run("heartbeat", "kept", receipt, now_ms(), 2 * LEASE_MS)
    worker.succeed("kept", receipt)


def share_a_limit(web, worker, other, operator):
    """Let two jobs of a group run one after the other."""
    operator.run("limit", "group", 1)
    web.send("limited 1", group="group")
    web.send("limited 2", group="group")
    _, receipt = worker.take()
    assert other.take()[0] is None
    worker.succeed("limited 1", receipt)
    other.work("limited 2")


def stay(web, worker):
    """Leave jobs behind as they are at the end."""
    web.send("far", ready_ms=now_ms() + DAY_MS)
    web.send("killed")
    assert worker.take()[0] == "killed"
    web.send("waiting")


STORIES = [
    *("plain", "retried", "failed", "redriven", "scheduled", "earlier", "deleted"),
    *("unique", "taken back", "taken back in vain", "kept", "limited 1", "limited 2"),
    *("far", "killed", "waiting"),
]


def main():
    """Take the tour."""
    web, worker, other, operator = map(Person, ("web", "worker", "other", "cron"))
    assert script("enqueue")
    walk(web, worker, other, operator)
    lose_leases(web, worker, other, operator)
    share_a_limit(web, worker, other, operator)
    stay(web, worker)
    states = operator.broker.take_census()
    counts = {
        f"state of {story}": states.get(story.encode(), b"gone").decode()
        for story in STORIES
    }
    say({story: story for story in STORIES}, counts)


if __name__ == "__main__":
    main()
