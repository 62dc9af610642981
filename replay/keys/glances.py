"""Glances: what one effect did to a large value, without comparing all of it.

A push or a pop changes a list at one end, and HSET, ZADD or SREM names the fields and
members that it changes. So a value is looked at there, before the effect and after. It
comes to the same as `values.find_differences`, which compares whole values; where that
is not certain, there is no glance.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.numbers import format_double
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POPPED_MAX = 1000
_NAMING = {
    b"HSET": Hash,
    b"HMSET": Hash,
    b"HSETNX": Hash,
    b"HDEL": Hash,
    b"HINCRBY": Hash,
    b"HINCRBYFLOAT": Hash,
    b"SADD": Set,
    b"SREM": Set,
    b"ZADD": SortedSet,
    b"ZREM": SortedSet,
    b"ZINCRBY": SortedSet,
}
_PUSHES = {b"LPUSH": True, b"LPUSHX": True, b"RPUSH": False, b"RPUSHX": False}
_POPS = {b"LPOP": True, b"RPOP": False}
_SIDES = {b"LEFT": True, b"RIGHT": False}


class Seen(NamedTuple):
    """What an effect did to a value that is still there, and of its type.

    Attributes:
        at: where in a list elements came, or were.
        added: how many elements came there.
        removed: how many went from there.
        places: the fields or members that came, or changed: True; that went: False.
    """

    at: int = 0
    added: int = 0
    removed: int = 0
    places: dict[bytes, bool] = {}  # noqa: RUF012 - a default, never changed


def glance(value: Any, key: bytes, argv: list[bytes]) -> Callable[[Any], Seen] | None:
    """Look at a value before an effect on it.

    Args:
        value: the value that a key has.
        key: the key.
        argv: the effect, which changes the key.

    Returns:
        What tells, given the value after it, what it did; None where all of the value
        has to be compared.
    """
    name = argv[0].upper()
    kind = type(value)
    if kind is List:
        return _glance_at_end(value, _ends_of(name, key, argv), argv)
    if _NAMING.get(name) is not kind:
        return None
    names = dict.fromkeys(argv[2:])
    before = {each: _look(value, each) for each in names}

    def finish(now: Any) -> Seen:
        after = {each: _look(now, each) for each in names}
        if kind is SortedSet and before != after:
            return Seen(places=dict(_changed(_with_texts(before), _with_texts(after))))
        return Seen(places=dict(_changed(before, after)))

    return finish


def _look(value: Any, name: bytes) -> Any:
    """Return what a value has under a name; None for nothing."""
    if type(value) is Hash:
        return value.get(name)
    if type(value) is SortedSet:
        return value.scores.get(name)
    return b"" if name in value else None


def _with_texts(scores: dict[bytes, float | None]) -> dict[bytes, bytes | None]:
    return {
        name: None if score is None else format_double(score)
        for name, score in scores.items()
    }


def _changed(
    before: dict[bytes, Any], after: dict[bytes, Any]
) -> Iterator[tuple[bytes, bool]]:
    for name, old in before.items():
        if old != after[name]:
            yield name, after[name] is not None


def _ends_of(name: bytes, key: bytes, argv: list[bytes]) -> tuple[bool, bool] | None:
    """Return whether an effect pushes to a list, and whether at its left end."""
    if name in _PUSHES:
        return True, _PUSHES[name]
    if name in _POPS:
        return False, _POPS[name]
    if name == b"RPOPLPUSH" and argv[1] != argv[2]:
        return argv[2] == key, argv[2] == key
    if name == b"LMOVE" and argv[1] != argv[2]:
        is_push = argv[2] == key
        return is_push, _SIDES[argv[4 if is_push else 3].upper()]
    return None


def _glance_at_end(
    value: List, ends: tuple[bool, bool] | None, argv: list[bytes]
) -> Callable[[Any], Seen] | None:
    if ends is None:
        return None
    is_push, is_left = ends
    size = len(value)
    popped: list[bytes] = []
    if not is_push and is_left:
        count = int(argv[2]) if argv[0].upper() == b"LPOP" and argv[2:] else 1
        if count > _POPPED_MAX:
            return None
        popped = list(islice(value, count))

    def finish(now: Any) -> Seen:
        many = abs(len(now) - size)
        if not is_left:
            return Seen(len(now) if not is_push else size, *_amounts(many, is_push))
        # Elements at the head that are equal to those that moved there have stayed.
        longer = iter(now) if is_push else iter([*popped[:many], *now])
        later = islice(now, many, None) if is_push else iter(now)
        at = 0
        for one, other in zip(longer, later, strict=False):
            if one != other:
                break
            at += 1
        return Seen(at if many else 0, *_amounts(many, is_push))

    return finish


def _amounts(many: int, is_push: bool) -> tuple[int, int]:  # noqa: FBT001 - its own word
    return (many, 0) if is_push else (0, many)
