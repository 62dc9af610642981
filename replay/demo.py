"""The demo: a small history of a queue in which three things went wrong.

A web process puts five jobs into a queue with RQ's keys; workers and a cron job see to
them. `mail-2` is *lost*: its worker died between two commands, and the sweep that
should have brought it back drops it. `mail-3` is *doubled*: a request was sent again.
`mail-5` is *stuck*: its worker is gone, and its lease ran out. Everything goes through
the real engine and into a real log, with a clock that moves only as it is told.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.history.notes import TagNote, encode_note
from joblog.storage.log import Log

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.app.state.session import Session
    from joblog.storage.filesystem import FileSystem

START_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z, when the history begins."""

ALARM = "alarm"
"""The tag of its end, when somebody noticed."""

DEPLOY = "deploy-7"
"""The tag of the moment when what lost a job was deployed."""

_COMMAND_NS = 38_000
"""How long each command takes."""

SWEEP = """\
-- name: sweep
-- Brings back what a dead worker had taken: once a minute, by cron.
local id = redis.call('RPOP', KEYS[1])
if id and redis.call('HGET', 'rq:job:' .. id, 'status') == 'started' then
  redis.call('LPUSH', KEYS[2], id)
end
return id
"""

MENDED_SWEEP = SWEEP.replace(
    "if id and redis.call('HGET', 'rq:job:' .. id, 'status') == 'started' then",
    "if id then",
)

_SEGMENT_BYTES_MAX = 1 << 20
_QUEUE = "rq:queue:mail"
_TAKEN = f"{_QUEUE}:intermediate"
_LEASE_SECONDS = 60


class Step(NamedTuple):
    """One question of the walk.

    Attributes:
        question: what somebody wants to know.
        words: the command line that answers, behind `replay`; `{dir}` is the folder.
        remark: what to see in the answer.
    """

    question: str
    words: tuple[str, ...]
    remark: str


STEPS = (
    Step(
        "The queue is empty, but mails are missing. What is wrong, and since when?",
        ("top", "{dir}", "--until", ALARM),
        "Three jobs with three faults, and one was lost since deploy-7, which brought "
        "the script sweep. Nobody had to log anything for this.",
    ),
    Step(
        "Which jobs are that?",
        ("jobs", "{dir}", "--lost", "--double", "--stuck", "--at", ALARM),
        "What became of each, and who had it.",
    ),
    Step(
        "Where did mail-2 go?",
        ("job", "{dir}", "mail-2", "--at", ALARM),
        "worker-1 took it and was not heard of again; then cron took it, and that is "
        "the end.",
    ),
    Step(
        "Which was the first record after which a job was in no key?",
        (
            *("bisect", "{dir}", f"@0..{ALARM}"),
            *("--check", "job-in-none", "--schema", "rq"),
        ),
        "Found by halves: a million records take twenty questions.",
    ),
    Step(
        "What exactly did cron do?",
        ("why", "{dir}", "mail-2"),
        "The line of the script that took it out. It brings back only jobs that have "
        "started, and this worker died a moment before it could write that.",
    ),
    Step(
        "Would a mended script have saved it?",
        ("whatif", "{dir}", "{lost}", "--script", "sweep={dir}/sweep-mended.lua"),
        "The recorded history, run again with the new script: mail-2 is in the queue.",
    ),
    Step(
        "How do I get it back now?",
        ("revert", "{dir}", "{sweep}"),
        "The commands that undo that record; --apply has a running server run them.",
    ),
    Step(
        "Why was mail-3 sent twice?",
        ("job", "{dir}", "mail-3", "--at", ALARM),
        "The web process put it into the queue twice, and so it was taken twice.",
    ),
    Step(
        "And what holds mail-5 up?",
        ("job", "{dir}", "mail-5", "--at", ALARM),
        "It runs, as far as the queue knows, but its lease ended long ago.",
    ),
    Step(
        "Is its worker idle, or gone?",
        ("log", "{dir}", "--client", "worker-2", "-n", "1"),
        "The last that was heard of it is that it took mail-5: it is gone.",
    ),
)  # fmt: skip
"""The questions, in order."""

NEXT = (
    (
        ("serve", "{dir}", "--at", "{before}"),
        "the queue as a Redis server, just before mail-2 was lost",
    ),
    (
        ("revert", "{dir}", "{sweep}", "--apply"),
        "undo it, on a server that runs over this folder",
    ),
    (
        ("bisect", "{dir}", "@0..now", "--check", "LLEN rq:queue:mail"),
        "any condition of your own",
    ),
    (
        ("verify", "{dir}"),
        "whether anybody has edited this history",
    ),
)
"""What to try then, and what it is good for."""


class Found(NamedTuple):
    """Where in the history the interesting records are.

    Attributes:
        sweep_seq: the record with which `mail-2` was lost.
        alarm_seq: the last record.
    """

    sweep_seq: int
    alarm_seq: int


class _Clock:
    """Tells the time that it was set to, in ms."""

    def __init__(self) -> None:
        self.at_ms = START_MS

    def __call__(self) -> int:
        return self.at_ms


class _Recording:
    """A server without sockets: commands go in, records come out on disk."""

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        self.clock = _Clock()
        now_ns = count(step=_COMMAND_NS).__next__
        self._engine = Engine(Config({}), now_ms=self.clock, now_ns=now_ns)
        self.log = Log.open(
            folder,
            filesystem=filesystem,
            now_ms=self.clock,
            segment_bytes_max=_SEGMENT_BYTES_MAX,
        )
        self._ids = 0

    def connect(self, name: bytes, user: bytes, address: str) -> Session:
        """Return the session of a new client."""
        self._ids += 1
        session = self._engine.clients.open(self._ids, address=address)
        session.name = name
        session.user = user
        return session

    def run(self, session: Session, *commands: str | list[bytes]) -> None:
        """Run commands, one millisecond apart; a string is words parted by blanks."""
        for command in commands:
            argv = command if isinstance(command, list) else command.encode().split()
            self._engine.context.read_clock()
            reply = self._engine.run(session, [argv])
            assert not reply.startswith(b"-"), reply
            self.clock.at_ms += 1
            entries, self._engine.outbox.entries[:] = (
                list(self._engine.outbox.entries),
                [],
            )
            if entries:
                self.log.append(entries, self.log.last_seq)

    def tag(self, name: str) -> None:
        """Give this moment a name."""
        note = encode_note(TagNote(name.encode()))
        self.log.append([(self.clock.at_ms, 0, [], [1, None, note])], self.log.last_seq)

    def close(self) -> None:
        """Make it durable."""
        self.log.sync()
        self.log.close()


def make_demo(folder: Path, filesystem: FileSystem) -> Found:
    """Make the history in a folder, which is empty or missing.

    Returns:
        Where the interesting records are.

    Raises:
        StorageError: the disk refused.
    """
    recording = _Recording(folder, filesystem)
    try:
        found = _record(recording)
    finally:
        recording.close()
    (folder / "sweep-mended.lua").write_text(MENDED_SWEEP)
    return found


def _record(recording: _Recording) -> Found:
    clock, run = recording.clock, recording.run
    web = recording.connect(b"web", b"default", "10.0.0.1:40001")
    one = recording.connect(b"worker-1", b"jobs", "10.0.0.2:40002")
    two = recording.connect(b"worker-2", b"jobs", "10.0.0.3:40003")
    cron = recording.connect(b"cron", b"default", "10.0.0.4:40004")
    for number in range(1, 6):
        _enqueue(recording, web, f"mail-{number}")
        clock.at_ms += 200
    _take(recording, one, "mail-1")
    _finish(recording, one, "mail-1")
    run(one, f"LMOVE {_QUEUE} {_TAKEN} LEFT RIGHT")  # mail-2, and then it dies
    clock.at_ms += 3000
    run(web, f"RPUSH {_QUEUE} mail-3")  # a request that was sent again
    for job_id in ("mail-3", "mail-4"):
        _take(recording, two, job_id)
        _finish(recording, two, job_id)
    clock.at_ms += 40_000
    recording.tag(DEPLOY)  # cron's new script comes with it
    script = [b"EVAL", SWEEP.encode(), b"2", _TAKEN.encode(), _QUEUE.encode()]
    run(cron, script)
    sweep_seq = recording.log.last_seq
    third = recording.connect(b"worker-3", b"jobs", "10.0.0.5:40005")
    _take(recording, two, "mail-5")
    _take(recording, third, "mail-3")
    _finish(recording, third, "mail-3")
    clock.at_ms += 15 * 60_000
    recording.tag(ALARM)
    return Found(sweep_seq, recording.log.last_seq)


def _enqueue(recording: _Recording, session: Session, job_id: str) -> None:
    recording.run(
        session,
        "MULTI",
        f"HSET rq:job:{job_id} status queued origin mail description send_mail",
        f"RPUSH {_QUEUE} {job_id}",
        "EXEC",
    )


def _take(recording: _Recording, session: Session, job_id: str) -> None:
    deadline = recording.clock.at_ms // 1000 + _LEASE_SECONDS
    recording.run(
        session,
        f"LMOVE {_QUEUE} {_TAKEN} LEFT RIGHT",
        "MULTI",
        f"HSET rq:job:{job_id} status started worker_name {session.name.decode()}",
        f"LREM {_TAKEN} 1 {job_id}",
        f"ZADD rq:wip:mail {deadline} {job_id}",
        "EXEC",
    )
    recording.clock.at_ms += 250


def _finish(recording: _Recording, session: Session, job_id: str) -> None:
    recording.run(
        session,
        "MULTI",
        f"HSET rq:job:{job_id} status finished",
        f"ZREM rq:wip:mail {job_id}",
        f"ZADD rq:finished:mail {recording.clock.at_ms // 1000} {job_id}",
        "EXEC",
    )
