"""Conditions: what should always be so, to be asked of any moment.

A condition is a Redis command or a Lua script, run read-only over the moment, or one of
those that are built in:

    job-in-two-places    no element is in two places, or twice in one list
    job-in-none          each job that is not done is in some place
    negative-counter     no string that is a number is below zero
    lease-without-job    each key of a lease has the job that it is named after

What keys mean is said by schemas (see `joblog.replay.jobs`), or by globs. *Places* are
keys whose elements are jobs: by default all lists. What a job's key and a
lease's key look like has to be told, as a glob with one `*` where the job's id stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.config import Config
from joblog.app.engine.past import open_past
from joblog.app.keyspace.glob import compile_glob
from joblog.app.state.tracking_modes import TrackingMode
from joblog.app.table.table import REGISTERED, Command, Flag
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.replay.jobs.checks import schema_condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.server_state import CallCounts
    from joblog.replay.jobs.schema import Schema

Condition = Callable[["Keyspace", int], bool]
"""Given a keyspace and the time there, in ms: whether all is well. Changes nothing."""

_CLIENT_ID = 1
_NUMBER = re.compile(rb"-[1-9][0-9]*")
_WITHOUT_KEYS = frozenset(("echo", "eval", "ping", "select", "time"))
_FALSE: tuple[object, ...] = (None, 0, b"")
_LUA = re.compile(r"^\s*(return|local|if|for|while|do|function|--|redis\.)\b|^\s*--")


class ConditionError(Exception):
    """What was given is no condition; the text says why."""


class Shape(NamedTuple):
    """What the keys of a queue look like, for the built-in conditions.

    Attributes:
        places: globs of keys whose elements are jobs; none for all lists.
        job: a glob of jobs' keys, with one `*` for the id, or None.
        lease: a glob of leases' keys, with one `*` for the id, or None.
        done: (field, value): a job whose hash has this needs no place.
        schemas: where given, they say what keys mean (see `joblog.replay.jobs`), and
        the rest
            does not count.
    """

    places: tuple[bytes, ...] = ()
    job: bytes | None = None
    lease: bytes | None = None
    done: tuple[bytes, bytes] | None = None
    schemas: tuple[Schema, ...] = ()


def make_condition(text: str, shape: Shape) -> Condition:
    """Return the condition that was written: a built-in's name, a command, or Lua.

    Raises:
        ConditionError: it is none, or lacks a part of the shape.
    """
    make = BUILT_IN.get(text)
    if make is not None and shape.schemas:
        return schema_condition(text, shape.schemas)
    if make is not None:
        return make(shape)
    if _LUA.match(text):
        return Question([b"EVAL", text.encode(), b"0"])
    words = [word.encode("utf-8", "surrogateescape") for word in text.split()]
    if not words:
        raise ConditionError("an empty condition; write a command, or Lua")
    return Question(words)


class Answer(NamedTuple):
    """What came of a question.

    Attributes:
        holds: whether all is well; None where that cannot be told.
        error: why not, for people.
        reads: the keys that were read for it; None where other things were, too.
    """

    holds: bool | None
    error: str
    reads: frozenset[bytes] | None


class Question:
    """A condition that holds where a reply is none of nil, 0, "" and nothing."""

    def __init__(self, argv: list[bytes]) -> None:
        """Take the command that is to be asked."""
        self._argv = argv

    def __call__(self, keyspace: Keyspace, at_ms: int) -> bool:
        """Tell whether the condition holds.

        Raises:
            ConditionError: it cannot be asked.
        """
        answer = self.ask(keyspace, at_ms)
        if answer.holds is None:
            raise ConditionError(answer.error)
        return answer.holds

    def ask(self, keyspace: Keyspace, at_ms: int) -> Answer:
        """Ask a keyspace; nothing in it changes."""
        engine = open_past(_config(len(keyspace.databases)), keyspace, at_ms)
        session = engine.clients.open(_CLIENT_ID, address="replay")
        engine.tracking.start(session, TrackingMode())
        reply = engine.run(session, [self._argv])
        reads = frozenset(engine.tracking.table)
        is_narrow = all(
            map(
                _reads_named_keys,
                compress(REGISTERED, map(_was_run, engine.server.counts)),
            )
        )
        engine.clients.close(session)
        # The fold goes on in this keyspace, in which no time passes.
        keyspace.now_ms = 0
        keyspace.is_expiring = True
        if reply.startswith(b"-"):
            error = reply[1:].decode("utf-8", "replace").strip()
            return Answer(None, error, reads if is_narrow else None)
        holds = _read_reply(reply) not in _FALSE
        return Answer(holds, "", reads if is_narrow else None)


def _config(databases: int) -> Config:
    return Config(
        {
            "databases": str(databases),
            "memory-only": "yes",
            "tracking-table-max-keys": "0",
        }
    )


def _was_run(counts: CallCounts) -> bool:
    return bool(counts.calls or counts.failed)


def _reads_named_keys(command: Command) -> bool:
    """Tell whether what a command answers depends on the keys that it names alone."""
    if command.name in _WITHOUT_KEYS:
        return True
    specs = command.keys
    is_named = bool(specs) and not any(spec.is_unnamed for spec in specs)
    return is_named and bool(command.flags & Flag.READONLY)


def _read_reply(reply: bytes) -> object:
    """Return what tells a reply's truth: a number, a string, a list's size, or None."""
    kind, line = reply[:1], reply[1 : reply.index(b"\r\n")]
    if kind == b":":
        return int(line)
    if kind in b"$*" and line.startswith(b"-"):
        return None
    if kind == b"*":
        return int(line)
    if kind == b"$":
        return reply[reply.index(b"\r\n") + 2 : -2]
    return line


def _negative_counter(_: Shape) -> Condition:
    def holds(keyspace: Keyspace, _: int) -> bool:
        return not any(
            type(value) is bytes and _NUMBER.fullmatch(value)
            for database in keyspace.databases
            for value in database.values.values()
        )

    return holds


def _job_in_two_places(shape: Shape) -> Condition:
    def holds(keyspace: Keyspace, _: int) -> bool:
        seen: set[tuple[int, bytes]] = set()
        for job in _jobs_in_places(keyspace, shape):
            if job in seen:
                return False
            seen.add(job)
        return True

    return holds


def _job_in_none(shape: Shape) -> Condition:
    find_id = _id_finder(shape.job, "--job")

    def holds(keyspace: Keyspace, _: int) -> bool:
        placed = set(_jobs_in_places(keyspace, shape))
        for database in keyspace.databases:
            for key, value in database.values.items():
                job = find_id(key)
                if job is None or _is_done(value, shape.done):
                    continue
                if placed.isdisjoint({(database.index, job), (database.index, key)}):
                    return False
        return True

    return holds


def _lease_without_job(shape: Shape) -> Condition:
    find_id = _id_finder(shape.lease, "--lease")
    _id_finder(shape.job, "--job")
    assert shape.job is not None
    before, _, after = shape.job.partition(b"*")

    def holds(keyspace: Keyspace, at_ms: int) -> bool:
        for database in keyspace.databases:
            for key in database.values:
                job = find_id(key)
                deadline_ms = database.deadlines.get(key)
                if job is None or (deadline_ms is not None and deadline_ms <= at_ms):
                    continue
                if before + job + after not in database.values:
                    return False
        return True

    return holds


NEED_NAMES = frozenset(("job-in-none", "lease-without-job"))
"""Conditions that cannot be asked unless it is told what jobs' keys look like."""

BUILT_IN: dict[str, Callable[[Shape], Condition]] = {
    "job-in-two-places": _job_in_two_places,
    "job-in-none": _job_in_none,
    "negative-counter": _negative_counter,
    "lease-without-job": _lease_without_job,
}
"""The conditions that have a name."""


def _jobs_in_places(keyspace: Keyspace, shape: Shape) -> Iterator[tuple[int, bytes]]:
    """Yield (database, element) of each place, as often as they are there."""
    matchers = [compile_glob(glob) for glob in shape.places]
    for database in keyspace.databases:
        for key, value in database.values.items():
            if matchers:
                if not any(match(key) for match in matchers):
                    continue
            elif type(value) is not List:
                continue
            for element in _elements(value):
                yield database.index, element


def _elements(value: object) -> Iterable[bytes]:
    if isinstance(value, List | Set):
        return value
    if isinstance(value, SortedSet):
        return value.scores
    return value if isinstance(value, Hash) else ()


def _is_done(value: object, done: tuple[bytes, bytes] | None) -> bool:
    return (
        done is not None and isinstance(value, Hash) and value.get(done[0]) == done[1]
    )


def _id_finder(glob: bytes | None, option: str) -> Callable[[bytes], bytes | None]:
    """Return what gives the job's id in a key, None for another key."""
    if glob is None or glob.count(b"*") != 1:
        raise ConditionError(
            f"it needs {option} GLOB, with one * for the job's id; or --schema, since "
            f"no schema fits this log alone"
        )
    before, _, after = glob.partition(b"*")
    fixed = len(before) + len(after)

    def find_id(key: bytes) -> bytes | None:
        if len(key) > fixed and key.startswith(before) and key.endswith(after):
            return key[len(before) : len(key) - len(after)]
        return None

    return find_id
