"""The broker's scripts driven from Python; broker/broker.go says what they do."""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import cache
from pathlib import Path

import redis

_SCRIPTS = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^-- include: (\w+)\n", re.MULTILINE)
KEEP_ALL = -1
LEASE_MS = 60_000


@cache
def script(name):
    """Return a script's text, with what it includes, and its SHA-1."""
    text = (_SCRIPTS / f"{name}.lua").read_text()
    text = _INCLUDE.sub(
        lambda line: (_SCRIPTS / "include" / f"{line[1]}.lua").read_text(), text
    )
    assert text.startswith(f"-- name: {name}\n")
    return text, hashlib.sha1(text.encode()).hexdigest()


def script_names():
    """Return the names of all scripts."""
    return sorted(path.stem for path in _SCRIPTS.glob("*.lua"))


def encode_job(job_id, body, *, priority=0):
    """Return a Job of jobs/job.proto, as protobuf lays it out."""
    encoded = _field(1, job_id) + _field(2, body)
    if priority:
        encoded += b"\x20" + _varint(priority)
    return encoded


def _field(number, data):
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _varint(value):
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


class Broker:
    """One queue, as one client sees it. Times are the caller's: `now_ms` stands still.

    Attributes:
        client: a redis-py client that gives bytes.
        now_ms: the time that the scripts are told.
        evals: how often a script was sent since the server did not know it.
    """

    def __init__(self, client, queue="mail"):
        self.client = client
        self.prefix = b"delancie:{%s}:" % queue.encode()
        self.now_ms = 1_700_000_000_000
        self.evals = 0

    def key(self, name):
        return self.prefix + (name if isinstance(name, bytes) else name.encode())

    def run(self, name, *arguments):
        """Run a script by EVALSHA, and by EVAL where the server does not know it."""
        text, sha = script(name)
        try:
            return self.client.evalsha(sha, 1, self.prefix, *arguments)
        except redis.exceptions.NoScriptError:
            self.evals += 1
            return self.client.eval(text, 1, self.prefix, *arguments)

    def enqueue_arguments(
        self,
        job_id,
        payload,
        *,
        priority=0,
        ready_ms=0,
        group="",
        attempts_max=3,
        dedupe="",
    ):
        return (
            *(job_id, payload, priority, ready_ms, self.now_ms),
            *(group, attempts_max, dedupe, 3_600_000),
        )

    def enqueue(self, job_id, payload, **options):
        arguments = self.enqueue_arguments(job_id, payload, **options)
        return self.run("enqueue", *arguments)

    def dequeue(self, token=None):
        """Return (token, id, payload, attempt, deadline_ms), or None."""
        token = token or secrets.token_bytes(16)
        delivery = self.run("dequeue", token, "worker", self.now_ms, LEASE_MS)
        return None if delivery is None else (token, *delivery)

    def heartbeat(self, job_id, token):
        return self.run("heartbeat", job_id, token, self.now_ms, LEASE_MS)

    def succeed(self, job_id, token, result=b"", keep=KEEP_ALL):
        return self.run("succeed", job_id, token, self.now_ms, result, keep)

    def fail(self, job_id, token, reason=b""):
        return self.run("fail", job_id, token, self.now_ms, reason, 1000, 60_000)

    def requeue(self):
        return self.run("requeue", self.now_ms, 100)

    def promote(self):
        return self.run("promote", self.now_ms, 100)

    def counters(self):
        found = self.client.hgetall(self.key("counters"))
        return {name.decode(): int(count) for name, count in found.items()}

    def take_census(self):
        """Return the state of each job; fail unless each is in exactly one place."""
        client, states, places = self.client, {}, {}
        for key in client.scan_iter(b"delancie:{*}:job:*", count=100, _type="hash"):
            if key.startswith(self.key("job:")):
                states[key.removeprefix(self.key("job:"))] = client.hget(key, "state")
        for name in ("pending", "scheduled", "leased", "done"):
            for job_id in client.zrange(self.key(name), 0, -1):
                places.setdefault(job_id, []).append(name.encode())
        for name in ("dead", "redriving"):
            for job_id in client.lrange(self.key(name), 0, -1):
                places.setdefault(job_id, []).append(b"dead")
        for key in set(client.scan_iter(b"delancie:{*}:waitlist:*")):
            for job_id in client.zrange(key, 0, -1):
                places.setdefault(job_id, []).append(b"waiting")

        assert places == {job_id: [state] for job_id, state in states.items()}
        receipts = client.hgetall(self.key("receipts"))
        assert sorted(receipts.values()) == sorted(
            job_id for job_id, state in states.items() if state == b"leased"
        )
        return states
