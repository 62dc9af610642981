"""Reverting: the commands that undo what some records did, and nothing else.

What the records did to a key is undone piece by piece, the last record first: a field,
member or score gets back the value that it had, an element goes out of a list or comes
back to the end that was nearer. A piece that something else has changed since is left
as it is, and told as a conflict; so is a string or a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from app.touched import ALL_DATABASES, DbKey, find_touched
from app.types.dump_payload import encode_payload
from app.types.numbers import format_double
from replay.index.finder import LogIndex
from replay.index.marks import word_test
from replay.past import Past
from replay.pieces import BY_PIECES, undo_pieces
from replay.value_commands import in_portions
from replay.values import Version, elements, take_version

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from replay.past import Progress
    from storage.filesystem import FileSystem
    from storage.record import Record

Argv = list[bytes]


class Conflict(NamedTuple):
    """Something that is not undone, since it was changed again.

    Attributes:
        key: (database, key).
        seq: the record that is not undone in this.
        place: the field, member or element; "value" or "deadline".
    """

    key: DbKey
    seq: int
    place: bytes | str


class Plan(NamedTuple):
    """How to undo records.

    Attributes:
        seqs: the records that are undone, all or in part.
        commands: (database, argv), in order; to be run as one transaction.
        conflicts: what is not undone.
        end_seq: the last record of the log when this was worked out; it holds as long
            as no later one changes one of the keys.
    """

    seqs: list[int]
    commands: list[tuple[int, Argv]]
    conflicts: list[Conflict]
    end_seq: int

    @property
    def keys(self) -> list[DbKey]:
        """The keys that the commands change, each once."""
        return list(dict.fromkeys((db, argv[1]) for db, argv in self.commands))


class _State(NamedTuple):
    """What a key was: plain, and for a stream as RESTORE takes it."""

    version: Version | None
    payload: bytes | None = None


class _Step(NamedTuple):
    """What one record did to one key."""

    seq: int
    key: DbKey
    before: _State
    after: _State


def plan_revert(
    folder: Path,
    filesystem: FileSystem,
    seqs: Collection[int],
    end_seq: int,
    progress: Progress = lambda _: None,
    word: bytes = b"",
) -> Plan:
    """Work out how to undo records.

    Args:
        folder: the data folder; it is only read.
        filesystem: the door to the disk.
        seqs: the numbers of the records.
        end_seq: the last record of the log.
        progress: is told how far the fold has come.
        word: where given, only what the records did to keys and elements that have it
            is undone, such as a job's id.

    Raises:
        StorageError: the log is damaged, or does not go back so far.
    """
    wanted = set(seqs)
    if not wanted:
        return Plan([], [], [], end_seq)
    index = LogIndex(folder, filesystem)
    past = Past(folder, filesystem, progress, index.bases)
    steps: list[_Step] = []
    try:
        past.go_to(min(wanted) - 1)
        for records in past.batches(end_seq):
            start = 0
            for place, record in enumerate(records):
                if record.seq not in wanted:
                    continue
                past.apply(records[start:place])
                steps += _take_step(past, record)
                start = place + 1
            past.apply(records[start:])
        now = {key: _state(past, key) for key in dict.fromkeys(s.key for s in steps)}
    finally:
        past.close()
        index.close()
    if word:
        steps = list(_narrow(steps, word_test(word)))
        now = {step.key: now[step.key] for step in steps}
    conflicts: list[Conflict] = []
    target = dict(now)
    for step in reversed(steps):
        target[step.key] = _undo(step, target[step.key], conflicts)
    commands = [
        (key[0], argv)
        for key, state in now.items()
        for argv in _commands(key[1], state.version, target[key])
    ]
    return Plan(sorted(wanted), commands, conflicts, end_seq)


def _take_step(past: Past, record: Record) -> Iterator[_Step]:
    """Let one record happen, and yield what it did to each key."""
    touched = find_touched(record)
    keys = dict.fromkeys(touched.keys)
    for database in past.databases:
        if database.index in touched.databases or ALL_DATABASES in touched.databases:
            keys.update(dict.fromkeys((database.index, key) for key in database.values))
    before = {key: _state(past, key) for key in keys}
    past.apply([record])
    for key in keys:
        after = _state(past, key)
        if after.version != before[key].version:
            old = _without_what_was_due(before[key], after, record.clock_ms)
            yield _Step(record.seq, key, old, after)


def _without_what_was_due(before: _State, after: _State, at_ms: int) -> _State:
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


def _narrow(steps: list[_Step], mentions: Callable[[bytes], object]) -> Iterator[_Step]:
    """Yield what is left of steps where only what mentions a word was done."""
    for step in steps:
        before, after = step.before.version, step.after.version
        versions = [version for version in (before, after) if version]
        kind, *others = {version.kind for version in versions}
        if mentions(step.key[1]):
            yield step
        elif others or kind not in BY_PIECES:
            if any(map(mentions, _words(versions))):
                yield step
        else:
            new = after.data if after else BY_PIECES[kind]()
            data = undo_pieces(kind, _data_pair(step, kind), new, mentions)
            if data != new:
                kept = versions[-1]._replace(data=data)
                yield step._replace(before=_State(kept if data else None))


def _words(versions: list[Version]) -> Iterator[bytes]:
    """Yield what values have for names and contents."""
    for version in versions:
        for name, content in elements(version):
            yield from (word for word in (name, content) if isinstance(word, bytes))


def _state(past: Past, key: DbKey) -> _State:
    database = past.databases[key[0]]
    version = take_version(database, key[1])
    if version is None or version.kind != "stream":
        return _State(version)
    return _State(version, encode_payload(database.values[key[1]]))


# --- undoing --------------------------------------------------------------------


def _undo(step: _Step, now: _State, conflicts: list[Conflict]) -> _State:
    """Return a key's state with one step undone, as far as that can be."""
    before, after, current = step.before.version, step.after.version, now.version
    if current == after:
        return step.before

    def report(place: bytes | str) -> None:
        conflicts.append(Conflict(step.key, step.seq, place))

    kinds = {version.kind for version in (before, after, current) if version}
    [kind, *others] = sorted(kinds)
    if others or kind not in BY_PIECES:
        report("value")
        return now
    data = current.data if current else BY_PIECES[kind]()
    data = undo_pieces(kind, _data_pair(step, kind), data, lambda _: True, report)
    deadline_ms = current.deadline_ms if current else None
    if before and after and before.deadline_ms != after.deadline_ms:
        if deadline_ms == after.deadline_ms:
            deadline_ms = before.deadline_ms
        else:
            report("deadline")
    elif current is None and before:
        deadline_ms = before.deadline_ms
    fields = _field_deadlines(step, current, data) if kind == "hash" else None
    return _State(Version(kind, data, deadline_ms, fields) if data else None)


def _field_deadlines(
    step: _Step, current: Version | None, data: dict[bytes, bytes]
) -> dict[bytes, int] | None:
    """Return when fields are to expire: as now, and as before where they come back."""
    before = step.before.version
    had = (before.field_deadlines if before else None) or {}
    now = (current.field_deadlines if current else None) or {}
    values = current.data if current else {}
    deadlines = {
        field: at_ms
        for field in data
        if (at_ms := (now if values.get(field) == data[field] else had).get(field))
    }
    return deadlines or None


def _data_pair(step: _Step, kind: str) -> tuple[Any, Any]:
    """Return a key's value before and after a step; what is missing is empty."""
    old, new = (
        state.version.data if state.version else BY_PIECES[kind]()
        for state in (step.before, step.after)
    )
    return old, new


# --- commands -------------------------------------------------------------------


def _commands(key: bytes, now: Version | None, target: _State) -> Iterator[Argv]:
    """Yield the commands that make a key what it is to be."""
    wanted = target.version
    if now == wanted:
        return
    if wanted is None:
        yield [b"DEL", key]
        return
    if now is not None and now.kind != wanted.kind:
        yield [b"DEL", key]
        now = None
    had = now.deadline_ms if now else None
    if now is None or now.data != wanted.data:
        yield from _value_commands(key, now, target)
        if wanted.kind in _REPLACED:
            had = None
    yield from _field_deadline_commands(key, now, wanted)
    if wanted.deadline_ms is not None and wanted.deadline_ms != had:
        yield [b"PEXPIREAT", key, b"%d" % wanted.deadline_ms]
    elif wanted.deadline_ms is None and had is not None:
        yield [b"PERSIST", key]


def _field_deadline_commands(
    key: bytes, now: Version | None, wanted: Version
) -> Iterator[Argv]:
    """Yield the commands that give fields of a hash the deadlines they are to have."""
    had = (now.field_deadlines if now else None) or {}
    for field, deadline_ms in (wanted.field_deadlines or {}).items():
        is_same = now is not None and now.data.get(field) == wanted.data[field]
        if not is_same or had.get(field) != deadline_ms:
            time = b"%d" % deadline_ms
            yield [b"HPEXPIREAT", key, time, b"FIELDS", b"1", field]
    for field in had.keys() - (wanted.field_deadlines or {}).keys():
        if now and wanted.data.get(field) == now.data[field]:
            yield [b"HPERSIST", key, b"FIELDS", b"1", field]


_REPLACED = {"string", "list", "stream"}
"""Types whose value is written anew as a whole, without its deadline."""


def _value_commands(key: bytes, now: Version | None, target: _State) -> Iterator[Argv]:
    wanted = target.version
    assert wanted is not None
    data = wanted.data
    match wanted.kind:
        case "string":
            yield [b"SET", key, data]
        case "list":
            if now is not None:
                yield [b"DEL", key]
            yield from in_portions(b"RPUSH", key, [[element] for element in data])
        case "set":
            had = now.data if now else frozenset()
            yield from in_portions(b"SREM", key, [[one] for one in sorted(had - data)])
            yield from in_portions(b"SADD", key, [[one] for one in sorted(data - had)])
        case "hash":
            had = now.data if now else {}
            gone = [[name] for name in had if name not in data]
            new = [
                [name, value] for name, value in data.items() if had.get(name) != value
            ]
            yield from in_portions(b"HSET", key, new)
            yield from in_portions(b"HDEL", key, gone)
        case "zset":
            had = now.data if now else {}
            gone = [[name] for name in had if name not in data]
            new = [
                [format_double(score), name]
                for name, score in data.items()
                if had.get(name) != score
            ]
            yield from in_portions(b"ZADD", key, new)
            yield from in_portions(b"ZREM", key, gone)
        case _:
            assert target.payload is not None
            yield [b"RESTORE", key, b"0", target.payload, b"REPLACE"]
