"""Makes a long history of a job queue, straight through joblog.storage.log.

    python -m tests.bench.queue_history DIR [RECORDS]

A producer adds jobs, workers take, finish and drop them; some fail and are tried
again, a lock is renewed now and then, and a counter counts. So keys of every kind of
life are there: short ones, and hot ones. About `LIVE_JOBS` jobs are alive at a time.
Jobs have ids such as `j00000123`; each leaves 10 records or so.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import deque
from pathlib import Path
from random import Random

from joblog.app.history.notes import (
    ClientNote,
    ScriptNote,
    ScriptSourceNote,
    encode_note,
)
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log

START_MS = 1_700_000_000_000
RECORDS = 10_000_000
LIVE_JOBS = 20_000
WORKERS = 16
SOURCE = b"""-- name: finish
redis.call('LREM', KEYS[1], 1, ARGV[1])
redis.call('HSET', KEYS[2], 'state', 'done', 'result', ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
return 1
"""
SHA = hashlib.sha1(SOURCE).hexdigest()
_BATCH = 2000


class QueueHistory:
    """The drafts of a queue's life, without end."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self._at_ms = START_MS
        self._next_id = 0
        self._waiting: deque[bytes] = deque()
        self._active: deque[bytes] = deque()
        self._done: deque[bytes] = deque()

    def begin(self):
        """Yield the drafts that describe the clients and the script."""
        for client_id in range(1, WORKERS + 2):
            name = b"producer" if client_id == 1 else b"worker-%d" % client_id
            note = ClientNote(f"10.0.0.{client_id}:4000", name, b"default")
            yield self._at_ms, 0, [], [client_id, None, encode_note(note)]
        source = encode_note(ScriptSourceNote(SHA, SOURCE))
        yield self._at_ms, 0, [], [2, None, source]

    def steps(self):
        """Yield drafts, one job's step after the other."""
        random = self._random.random
        while True:
            self._at_ms += random() < 0.5
            if len(self._waiting) + len(self._active) < LIVE_JOBS // 2:
                yield from self._enqueue()
            yield from self._take()
            if len(self._active) > WORKERS:
                if random() < 0.05:
                    yield from self._fail()
                else:
                    yield from self._finish()
            if len(self._done) > LIVE_JOBS // 2:
                yield from self._drop()
            if random() < 0.02:
                until = b"%d" % (self._at_ms + 30_000)
                yield self._draft(2, [[b"SET", b"lock:sweep", b"w", b"PXAT", until]])

    def _draft(self, client_id, effects):
        return self._at_ms, 0, effects, client_id

    def _worker(self):
        return 2 + int(self._random.random() * WORKERS)

    def _enqueue(self):
        job = b"j%08d" % self._next_id
        self._next_id += 1
        self._waiting.append(job)
        key = b"job:" + job
        created = b"%d" % self._at_ms
        payload = b'{"id": "%s", "task": "mail.send", "args": [%d]}' % (
            job,
            self._next_id * 7919 % 1_000_003,
        )
        yield self._draft(
            1, [[b"HSET", key, b"state", b"queued", b"at", created, b"data", payload]]
        )
        yield self._draft(1, [[b"LPUSH", b"queue:mail", job]])

    def _take(self):
        if self._waiting:
            job = self._waiting.popleft()
            self._active.append(job)
            worker = self._worker()
            yield self._draft(worker, [[b"RPOPLPUSH", b"queue:mail", b"active:mail"]])
            key = b"job:" + job
            yield self._draft(worker, [[b"HINCRBY", key, b"tries", b"1"]])
            yield self._draft(
                worker,
                [[b"HSET", key, b"state", b"active", b"worker", b"w%d" % worker]],
            )

    def _finish(self):
        job = self._active.popleft()
        self._done.append(job)
        key, score = b"job:" + job, b"%d" % self._at_ms
        effects = [
            [b"LREM", b"active:mail", b"1", job],
            [b"HSET", key, b"state", b"done", b"result", b"ok"],
            [b"ZADD", b"done:mail", score, job],
        ]
        command = [b"EVALSHA", SHA.encode(), b"3", b"active:mail", key, b"done:mail"]
        command += [job, b"ok", score]
        note = encode_note(ScriptNote(SHA))
        yield self._at_ms, 0, effects, [self._worker(), command, note]
        yield self._draft(self._worker(), [[b"INCR", b"stat:done"]])

    def _fail(self):
        job = self._active.popleft()
        self._waiting.append(job)
        worker = self._worker()
        yield self._draft(worker, [[b"LREM", b"active:mail", b"1", job]])
        yield self._draft(worker, [[b"HSET", b"job:" + job, b"state", b"failed"]])
        yield self._draft(worker, [[b"LPUSH", b"queue:mail", job]])

    def _drop(self):
        job = self._done.popleft()
        yield self._draft(1, [[b"ZREM", b"done:mail", job]])
        yield self._draft(1, [[b"DEL", b"job:" + job]])


def make_history(folder: Path, records: int = RECORDS, **options) -> None:
    """Write a log of so many records; options are those of `Log.open`."""
    at_ms = [START_MS]
    log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: at_ms[0], **options)
    history = QueueHistory()
    batch = list(history.begin())
    for draft in history.steps():
        batch.append(draft)
        at_ms[0] = draft[0]
        if len(batch) >= min(_BATCH, records - log.last_seq):
            log.append(batch, log.last_seq)
            batch.clear()
            if log.last_seq >= records:
                break
            if log.last_seq % 200_000 == 0:
                log.sync()
    log.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a long history of a job queue.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("records", type=int, nargs="?", default=RECORDS)
    chosen = parser.parse_args()
    started = time.monotonic()
    make_history(chosen.folder, chosen.records)
    seconds = time.monotonic() - started
    sys.stdout.write(f"{chosen.records:,} records in {seconds:.1f} s\n")
