"""Values as commands: what a real server runs to have the same value."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from joblog.app.types.dump_payload import encode_payload
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.app.words import Argv


class Version(Protocol):
    """A value as plain data, and when it expires (`joblog.replay.keys.values`)."""

    @property
    def kind(self) -> str:
        """Redis's name for the type."""

    @property
    def data(self) -> Any:
        """The value, plain."""

    @property
    def deadline_ms(self) -> int | None:
        """When the key expires; None for never."""

    @property
    def field_deadlines(self) -> dict[bytes, int] | None:
        """When fields of a hash expire; None where none does."""


_GROUPS_MAX = 500
"""Fields, members or elements in one command: few enough for any server's limits."""


def build_commands(key: bytes, value: Any, deadline_ms: int | None) -> Iterator[Argv]:
    """Yield the commands that make a missing key what it is to be.

    A stream comes by RESTORE, since no other command brings its groups back whole.

    Args:
        key: the key.
        value: the value, as a database holds it.
        deadline_ms: when the key expires, in ms since the epoch; None for never.
    """
    if type(value) is bytes:
        yield [b"SET", key, value]
    elif type(value) is List:
        yield from in_portions(b"RPUSH", key, ([element] for element in value))
    elif type(value) is Set:
        yield from in_portions(b"SADD", key, ([member] for member in value))
    elif type(value) is SortedSet:
        pairs = ([format_double(score), name] for name, score in value.scores.items())
        yield from in_portions(b"ZADD", key, pairs)
    elif type(value) is Hash:
        yield from in_portions(b"HSET", key, map(list, value.items()))
        for field, field_ms in (value.deadlines or {}).items():
            time = b"%d" % field_ms
            yield [b"HPEXPIREAT", key, time, b"FIELDS", b"1", field]
    else:
        yield [b"RESTORE", key, b"0", encode_payload(value)]
    if deadline_ms is not None:
        yield [b"PEXPIREAT", key, b"%d" % deadline_ms]


def in_portions(
    name: bytes, key: bytes, groups: Iterable[list[bytes]]
) -> Iterator[Argv]:
    """Yield commands on a key with words of a bounded number; none for no words.

    Args:
        name: the command.
        key: its key, in front of the words.
        groups: words that stay together, such as a field and its value.
    """
    portion: list[list[bytes]] = []
    for group in groups:
        portion.append(group)
        if len(portion) == _GROUPS_MAX:
            yield [name, key, *chain.from_iterable(portion)]
            portion = []
    if portion:
        yield [name, key, *chain.from_iterable(portion)]


def change_commands(
    key: bytes, now: Version | None, wanted: Version | None, payload: bytes | None
) -> Iterator[Argv]:
    """Yield the commands that make a key of one value have another.

    Args:
        key: the key.
        now: what it is, None where it is missing.
        wanted: what it is to be.
        payload: that as RESTORE takes it, where it is a stream.
    """
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
        yield from _value_commands(key, now, wanted, payload)
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


def _value_commands(
    key: bytes, now: Version | None, wanted: Version, payload: bytes | None
) -> Iterator[Argv]:
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
            assert payload is not None
            yield [b"RESTORE", key, b"0", payload, b"REPLACE"]
