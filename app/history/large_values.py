"""Large values of a dataset: compared with what is there a step at a time.

What is yielded are the commands that were found at a step, often none.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from joblog.app.history.value_commands import build_commands, in_portions
from joblog.app.types.dump_payload import encode_payload_in_steps
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double
from joblog.app.types.packed_values import Packed
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.steps import portions
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from joblog.app.words import Argv

_LARGE: Final = 2000
_BY_ELEMENT: Final = {
    Set: (b"SADD", b"SREM"),
    Hash: (b"HSET", b"HDEL"),
    SortedSet: (b"ZADD", b"ZREM"),
}


def is_large(value: Any) -> bool:
    """Say whether a value has so many elements that it takes its time."""
    if isinstance(value, bytes | Packed):
        return False
    return (value.length if type(value) is Stream else len(value)) > _LARGE


def changes_by_element(value: Any, wanted: Any) -> bool:
    """Say whether a value can be changed element by element into another."""
    return type(value) is type(wanted) and type(value) in _BY_ELEMENT


def change_in_steps(key: bytes, value: Any, wanted: Any) -> Iterator[list[Argv]]:
    """Yield what makes a hash, set or sorted set another; it is never empty between."""
    put, remove = _BY_ELEMENT[type(wanted)]
    had, wants = _table(value), _table(wanted)
    if type(wanted) is Set:
        for part in portions(wants):
            new = [[member] for member in part if member not in had]
            yield list(in_portions(put, key, new))
    else:
        is_scored = type(wanted) is SortedSet
        for pairs in portions(wants.items()):
            differing = (pair for pair in pairs if had.get(pair[0]) != pair[1])
            words = [
                [format_double(held), name] if is_scored else [name, held]
                for name, held in differing
            ]
            yield list(in_portions(put, key, words))
    for part in portions(had):
        gone = [[name] for name in part if name not in wants]
        yield list(in_portions(remove, key, gone))
    if type(wanted) is Hash:
        yield from _change_deadlines(key, value, wanted)


def _table(value: Any) -> Mapping[bytes, Any]:
    table: Mapping[bytes, Any] = value.scores if type(value) is SortedSet else value
    return table


def _change_deadlines(key: bytes, value: Hash, wanted: Hash) -> Iterator[list[Argv]]:
    """Yield what gives the fields their deadlines; a field that was set has none."""
    had: Mapping[bytes, int] = value.deadlines or {}
    wants: Mapping[bytes, int] = wanted.deadlines or {}
    for pairs in portions(wants.items()):
        yield [
            [b"HPEXPIREAT", key, b"%d" % ms, b"FIELDS", b"1", field]
            for field, ms in pairs
            if had.get(field) != ms or value.get(field) != wanted[field]
        ]
    for fields in portions(had):
        yield [
            [b"HPERSIST", key, b"FIELDS", b"1", field]
            for field in fields
            if field not in wants and wanted.get(field) == value[field]
        ]


def compare_in_steps(value: Any, wanted: Any) -> Generator[None, None, bool]:
    """Return whether two values are the same; both are lists, or both streams."""
    if type(value) is not type(wanted):
        return False
    if type(value) is List:
        for mine, theirs in zip_longest(portions(value), portions(wanted)):
            if mine != theirs:
                return False
            yield
        return True
    if type(value) is Stream:
        mine = yield from encode_payload_in_steps(value)
        theirs = yield from encode_payload_in_steps(wanted)
        return mine == theirs
    return bool(value == wanted)


def build_in_steps(
    key: bytes, value: Any, deadline_ms: int | None
) -> Iterator[list[Argv]]:
    """Yield what makes a missing key a large value."""
    if type(value) is not Stream:
        for argv in build_commands(key, value, deadline_ms):
            yield [argv]
        return
    steps = encode_payload_in_steps(value)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            yield [[b"RESTORE", key, b"0", ended.value]]
            break
        yield []
    if deadline_ms is not None:
        yield [[b"PEXPIREAT", key, b"%d" % deadline_ms]]
