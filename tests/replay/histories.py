"""Histories that these tests share: an engine whose records go to a log."""

from __future__ import annotations

import itertools
from pathlib import Path

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.notes import (
    ScriptNote,
    ScriptSourceNote,
    TagNote,
    encode_note,
)
from joblog.storage.filesystem import FileSystem
from joblog.storage.log import Log
from tests.support.fakes import FakeClock

START_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z."""

TOOK_US = 57
"""How long each script takes."""

SHA = "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15"
SCRIPT = b"redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])\nreturn 1"


class History:
    """A server without sockets: commands go in, records come out on disk.

    Attributes:
        folder: the data folder.
        clock: moves only when it is told to.
        engine: what runs the commands.
        log: where its records go.
    """

    def __init__(
        self,
        folder: Path,
        segment_bytes_max: int = 1 << 20,
        *,
        filesystem: FileSystem | None = None,
    ) -> None:
        self.folder = folder
        self.clock = FakeClock(START_MS)
        now_ns = itertools.count(step=TOOK_US * 1000).__next__
        self.engine = Engine(Config({}), now_ms=self.clock, now_ns=now_ns)
        self.log = Log.open(
            folder,
            filesystem=filesystem or FileSystem(),
            now_ms=self.clock,
            segment_bytes_max=segment_bytes_max,
        )
        self._ids = 0

    def connect(self, name=b"", user=b"default", address="127.0.0.1:50000"):
        """Return the session of a new client."""
        self._ids += 1
        session = self.engine.clients.open(self._ids, address=address)
        session.name = name
        session.user = user
        return session

    def run(self, session, *lines):
        """Run commands of words parted by blanks, one millisecond apart."""
        replies = []
        for line in lines:
            self.engine.context.read_clock()
            argv = line if isinstance(line, list) else line.encode().split()
            replies.append(self.engine.run(session, [argv]))
            self.clock.at_ms += 1
            self.write()
        assert not any(reply.startswith(b"-") for reply in replies), replies
        return replies

    def write(self, *drafts):
        """Append what the engine recorded, or drafts."""
        entries, self.engine.outbox.entries[:] = list(self.engine.outbox.entries), []
        for batch in (entries, list(drafts)):
            if batch:
                self.log.append(batch, self.log.last_seq)

    def write_script(self, session, effects):
        """Append a script's source, and a record that it wrote."""
        at_ms = self.clock.at_ms
        source = encode_note(ScriptSourceNote(SHA, SCRIPT))
        note = encode_note(ScriptNote(SHA))
        command = [b"EVALSHA", SHA.encode(), b"1", b"delayed", b"9.5", b"job:3"]
        self.write(
            (at_ms, 0, [], [session.id, None, source]),
            (at_ms, 0, effects, [session.id, command, note]),
        )
        for argv in effects:
            self.engine.execute(session, argv)
        self.engine.outbox.entries.clear()
        self.clock.at_ms += 1

    def tag(self, name):
        """Give this moment a name."""
        note = encode_note(TagNote(name.encode()))
        self.write((self.clock.at_ms, 0, [], [1, None, note]))

    def close(self):
        self.log.sync()
        self.log.close()


def make_demo(folder: Path) -> History:
    """Make the small history that goldens are about; the log is left open."""
    history = History(folder)
    web = history.connect(b"web", address="10.0.0.1:40001")
    worker = history.connect(b"worker-1", user=b"jobs", address="10.0.0.2:40002")
    history.run(
        web,
        "HSET job:1 state queued tries 0",
        "LPUSH queue job:1",
        "SET lock:a web PX 5",
    )
    history.run(worker, "RPOPLPUSH queue active", "HINCRBY job:1 tries 1")
    history.clock.at_ms += 10
    history.run(worker, "GET lock:a")
    history.run(worker, "MULTI", "LREM active 1 job:1", "SADD done job:1", "EXEC")
    history.write_script(web, [[b"ZADD", b"delayed", b"9.5", b"job:3"]])
    history.run(web, [b"SET", b"bin\x00\xff", b"\xe2\x82\xac \x1b[31m\\"])
    history.run(web, "SELECT 2", "SET other x", "SELECT 0", "DEL job:1")
    return history


def make_mail(folder: Path) -> History:
    """Make a history of RQ's keys with a fault in four of six jobs; it is left open.

    `m1` is done; `m2` has a worker that is gone; `m3` is removed by hand; `m4` was
    enqueued twice, and two workers get it; `m5` is popped by hand; `m6` waits.
    """
    history = History(folder)
    web = history.connect(b"web", address="10.0.0.1:40001")
    first = history.connect(b"worker-1", user=b"jobs", address="10.0.0.2:40002")
    second = history.connect(b"worker-2", user=b"jobs", address="10.0.0.3:40003")
    hand = history.connect(b"ops", user=b"admin", address="10.0.0.9:40009")
    for number in range(1, 7):
        job = f"HSET rq:job:m{number} status queued origin mail description send"
        history.run(web, "MULTI", job, f"RPUSH rq:queue:mail m{number}", "EXEC")
    history.clock.at_ms += 1500
    _take(history, first, "m1")
    _finish(history, first, "m1")
    _take(history, first, "m2")
    history.run(hand, "LREM rq:queue:mail 1 m3", "DEL rq:job:m3")
    history.run(web, "LPUSH rq:queue:mail m4")
    _take(history, second, "m4")
    _finish(history, second, "m4")
    _take(history, second, "m4")
    _finish(history, second, "m4")
    history.run(hand, "LPOP rq:queue:mail")
    return history


def _take(history, session, job_id):
    queue = "rq:queue:mail"
    lease = history.clock.at_ms // 1000 + 60
    history.run(session, f"LMOVE {queue} {queue}:intermediate LEFT RIGHT", "MULTI")
    history.run(
        session,
        f"HSET rq:job:{job_id} status started worker_name w",
        f"LREM {queue}:intermediate 1 {job_id}",
        f"ZADD rq:wip:mail {lease} {job_id}",
        "EXEC",
    )
    history.clock.at_ms += 250


def _finish(history, session, job_id):
    history.run(
        session,
        "MULTI",
        f"HSET rq:job:{job_id} status finished",
        f"ZREM rq:wip:mail {job_id}",
        f"ZADD rq:finished:mail {history.clock.at_ms // 1000} {job_id}",
        "EXEC",
    )


def make_deploys(folder: Path) -> History:
    """Make a history of two queues of RQ with three deploys, closed.

    Before the first, and after it, all goes well. After `deploy-2` workers of `mail`
    fail with errors that differ in a number, and fall behind; two jobs are popped by
    hand, and never seen again. After `deploy-3` the workers catch up with half of them.
    """
    history = History(folder)
    web = history.connect(b"web", address="10.0.0.1:40001")
    worker = history.connect(b"worker-1", user=b"jobs", address="10.0.0.2:40002")
    hand = history.connect(b"ops", user=b"admin", address="10.0.0.9:40009")
    _work(history, web, worker, "mail", range(5))
    for number, count in enumerate((10, 30, 4), 1):
        history.clock.at_ms += 60_000
        history.tag(f"deploy-{number}")
        jobs = range(100 * number, 100 * number + count)
        _work(history, web, worker, "pdf", range(100 * number, 100 * number + 3))
        if number == 2:
            _work(history, web, worker, "mail", jobs, taken=8, error="no route 10.0.0.")
            history.run(hand, *["LPOP rq:queue:mail"] * 2)
        else:
            taken = None if number == 1 else 0
            _work(history, web, worker, "mail", jobs, taken=taken)
    for job in range(210, 220):
        take_job(history, worker, "mail", f"mail-{job}")
        finish_job(history, worker, "mail", f"mail-{job}")
    history.clock.at_ms += 600_000
    history.run(web, "SET done 1")
    history.close()
    return history


def _work(history, web, worker, queue, jobs, taken=None, error=""):
    """Put jobs into a queue, one a second, and let some be taken, and done or fail."""
    for place, number in enumerate(jobs):
        job = f"{queue}-{number}"
        history.run(
            web,
            "MULTI",
            f"HSET rq:job:{job} status queued origin {queue} description send",
            f"RPUSH rq:queue:{queue} {job}",
            "EXEC",
        )
        if taken is None or place < taken:
            take_job(history, worker, queue, job)
            finish_job(history, worker, queue, job, error and f"{error}{number}")
        history.clock.at_ms += 1000


def take_job(history, session, queue, job):
    """Let a worker take the next job, which is known."""
    lease = history.clock.at_ms // 1000 + 60
    history.run(
        session,
        f"LMOVE rq:queue:{queue} rq:queue:{queue}:intermediate LEFT RIGHT",
        "MULTI",
        f"HSET rq:job:{job} status started worker_name w",
        f"LREM rq:queue:{queue}:intermediate 1 {job}",
        f"ZADD rq:wip:{queue} {lease} {job}",
        "EXEC",
    )


def finish_job(history, session, queue, job, error=""):
    """Let a job end: done, or failed with an error."""
    status = "failed" if error else "finished"
    fields = [b"status", status.encode()]
    if error:
        fields += [b"exc_info", f"OSError: {error}".encode()]
    history.run(
        session,
        "MULTI",
        [b"HSET", f"rq:job:{job}".encode(), *fields],
        f"ZREM rq:wip:{queue} {job}",
        f"ZADD rq:{status}:{queue} {history.clock.at_ms // 1000} {job}",
        "EXEC",
    )


def go_on(folder, *commands, segment_bytes_max=2000):
    """Append records to a log, as a server that starts over it does."""
    log = Log.open(
        folder,
        filesystem=FileSystem(),
        now_ms=lambda: START_MS + 1_000_000,
        segment_bytes_max=segment_bytes_max,
    )
    for command in commands:
        log.append([(START_MS, 0, [command.encode().split()], 0)], log.last_seq)
    log.close()
