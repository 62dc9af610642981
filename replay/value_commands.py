"""Values as commands: what a real server runs to have the same value."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from app.types.dump_payload import encode_payload
from app.types.hashes import Hash
from app.types.lists import List
from app.types.numbers import format_double
from app.types.sets import Set
from app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Argv = list[bytes]

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
