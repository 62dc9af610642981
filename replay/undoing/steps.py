"""Steps: what records did to each key, and what these keys are now.

For a few records, and a few keys, slices are folded (see `keys.slices`); else all is.
Either begins with the nearest state that there is before the records.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

from joblog.app.history.touched import DbKey, find_touched
from joblog.app.types.dump_payload import encode_payload
from joblog.replay.keys.inquiry import open_past
from joblog.replay.keys.slices import NoSliceError, Slice
from joblog.replay.keys.values import Version, take_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Past, Progress
    from joblog.storage.record import Record

_FEW_RECORDS = 32


class State(NamedTuple):
    """What a key was: plain, and for a stream as RESTORE takes it."""

    version: Version | None
    payload: bytes | None = None


class Step(NamedTuple):
    """What one record did to one key."""

    seq: int
    key: DbKey
    before: State
    after: State


class _Moments(Protocol):
    """A `Past`, or a slice of one."""

    @property
    def databases(self) -> list[Database]:
        """The databases at this moment."""

    def go_to(self, seq: int) -> None:
        """Let all happen up to a record."""


def find_steps(
    index: LogIndex, progress: Progress, seqs: list[int], end_seq: int
) -> tuple[list[Step], dict[DbKey, State]]:
    """Return what some records did to each key, and what each of these keys is now.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        seqs: the records, in order.
        end_seq: the record that now is.

    Raises:
        StorageError: the log is damaged, or does not go back so far.
    """
    bases = [base.seq for base in index.bases.find()]
    steps: list[Step] = []
    with closing(open_past(index, progress)) as past:
        # Between two states that a fold can begin with, records share one.
        for _, group in groupby(seqs, key=lambda seq: bisect_right(bases, seq - 1)):
            steps += _find_in_group(index, past, list(group))
        keys = list(dict.fromkeys(step.key for step in steps))
        return steps, _read_states(index, past, keys, end_seq)


def _find_in_group(index: LogIndex, past: Past, seqs: list[int]) -> list[Step]:
    if len(seqs) <= _FEW_RECORDS:
        records = [record for seq in seqs for record in index.records(seq, seq)]
        touched = [find_touched(record) for record in records]
        keys = {key for each in touched for _, key in each.keys}
        if keys and not any(each.databases for each in touched):
            try:
                few = Slice(index, keys, seqs[0] - 1, seqs[-1])
                return list(_take_steps(few, records))
            except NoSliceError:
                pass  # all has to be folded
    past.go_to(seqs[0] - 1)
    wanted = set(seqs)
    found = index.records(seqs[0], seqs[-1])
    return list(_take_steps(past, (each for each in found if each.seq in wanted)))


def _read_states(
    index: LogIndex, past: Past, keys: list[DbKey], seq: int
) -> dict[DbKey, State]:
    """Return what keys are after a record."""
    moments: _Moments = past
    try:
        moments = Slice(index, {key for _, key in keys}, seq, seq)
        moments.go_to(seq)
    except NoSliceError:
        moments = past
        past.go_to(seq)
    return {key: _state(moments, key) for key in keys}


def _take_steps(moments: _Moments, records: Iterable[Record]) -> Iterator[Step]:
    """Let records happen, and yield what each did to each key."""
    for record in records:
        moments.go_to(record.seq - 1)
        touched = find_touched(record)
        keys = dict.fromkeys(touched.keys)
        for database in moments.databases:
            if touched.includes_all(database.index):
                every = ((database.index, key) for key in database.values)
                keys.update(dict.fromkeys(every))
        before = {key: _state(moments, key) for key in keys}
        moments.go_to(record.seq)
        for key in keys:
            after = _state(moments, key)
            if after.version != before[key].version:
                old = _without_what_was_due(before[key], after, record.clock_ms)
                yield Step(record.seq, key, old, after)


def _without_what_was_due(before: State, after: State, at_ms: int) -> State:
    """Return what a key was, without the deadlines that ended it, or fields of it.

    What comes back with such a deadline would be gone again at once.
    """
    version = before.version
    if version is None:
        return before
    deadline_ms, fields = version.deadline_ms, version.field_deadlines
    if after.version is None and deadline_ms is not None and deadline_ms <= at_ms:
        deadline_ms = None
    if fields:
        later = {name: ms for name, ms in fields.items() if ms > at_ms}
        fields = later or None
    changed = version._replace(deadline_ms=deadline_ms, field_deadlines=fields)
    return before._replace(version=changed)


def _state(moments: _Moments, key: DbKey) -> State:
    database = moments.databases[key[0]]
    version = take_version(database, key[1])
    if version is None or version.kind != "stream":
        return State(version)
    return State(version, encode_payload(database.values[key[1]]))
