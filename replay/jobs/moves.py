"""Moves: which elements an effect adds to a key, and which it takes from it.

An effect such as `RPOP queue` names no element: which one it took is only known from
the list before it. So an effect is looked at just before it is applied, and again just
after. What that costs follows what the effect does, not the size of the value; only
commands that replace or remove whole values have them compared.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from joblog.app.commands.sorted_sets.spans import rank_range, score_range
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from joblog.app.keyspace.database import Database


class Move(NamedTuple):
    """An element that came to a key, left it, or got another score or value.

    Attributes:
        key: the key.
        element: a list's element, a member, or a hash's field.
        delta: how many more there are now; -1 for one that left, 0 for a change.
        how: "added", "popped", "removed", "changed", or "dropped" with its key.
        score: a member's score now, or the one it had; None elsewhere.
        value: a field's value now, or the one it had; None elsewhere.
        is_pending: whether it is an entry of a stream that a consumer has, or had.
    """

    key: bytes
    element: bytes
    delta: int
    how: str
    score: float | None = None
    value: bytes | None = None
    is_pending: bool = False


Elements = dict[bytes, "tuple[int, float | None, bytes | None]"]
"""What a key holds: element -> (how often, score, value)."""

Finish: TypeAlias = "Callable[[], list[Move]]"
"""Called once an effect was applied, it gives the moves."""


def watch_effect(
    database: Database, argv: Sequence[bytes], keys: Collection[bytes]
) -> Finish:
    """Look at an effect that is about to be applied.

    Args:
        database: the one in which it will be.
        argv: the effect.
        keys: those of the keys that it changes that matter.

    Returns:
        A call that gives the moves, once the effect was applied.
    """
    name = argv[0].upper()
    found = _LIST_EFFECTS.get(name)
    if found is not None:
        moves = [move for move in found(database, argv) if move.key in keys]
        return lambda: moves
    if name in _NAMED:
        return _watch_named(database, argv[1], _NAMED[name](argv))
    if name in _PEEKED:
        return _watch_named(database, argv[1], _PEEKED[name](database, argv), "popped")
    if name in _RANGES:
        return _watch_named(database, argv[1], _RANGES[name](database, argv))
    return _watch_whole(database, keys)


def _watch_named(
    database: Database, key: bytes, elements: Sequence[bytes], how: str = "removed"
) -> Finish:
    before = {element: _look(database, key, element) for element in elements}

    def finish() -> list[Move]:
        moves = []
        for element, old in before.items():
            new = _look(database, key, element)
            if new != old:
                moves.append(_compare(key, element, old, new, how))
        return moves

    return finish


def _watch_whole(database: Database, keys: Collection[bytes]) -> Finish:
    before = {key: contents(database, key) for key in keys}

    def finish() -> list[Move]:
        moves = []
        for key, old in before.items():
            new = contents(database, key)
            how = "removed" if new else "dropped"
            moves += [
                _compare(key, element, old.get(element), new.get(element), how)
                for element in {**old, **new}
                if old.get(element) != new.get(element)
            ]
        return moves

    return finish


def _look(
    database: Database, key: bytes, element: bytes
) -> tuple[int, float | None, bytes | None] | None:
    """Return an element of a hash, set or sorted set as it is now, None for none."""
    value = database.values.get(key)
    if isinstance(value, SortedSet):
        score = value.scores.get(element)
        return None if score is None else (1, score, None)
    if isinstance(value, Hash):
        content = value.get(element)
        return None if content is None else (1, None, content)
    return (1, None, None) if isinstance(value, Set) and element in value else None


def contents(database: Database, key: bytes) -> Elements:
    """Return all elements of a key; none where it is missing or holds another type."""
    value = database.values.get(key)
    if isinstance(value, List):
        return {element: (n, None, None) for element, n in Counter(value).items()}
    if isinstance(value, SortedSet):
        return {member: (1, score, None) for member, score in value.scores.items()}
    if isinstance(value, Hash):
        return {name: (1, None, content) for name, content in value.items()}
    return dict.fromkeys(value, (1, None, None)) if isinstance(value, Set) else {}


def all_moves(database: Database, key: bytes) -> list[Move]:
    """Return the moves that would make a key of none what it is."""
    return [
        Move(key, element, count, "added", score, value)
        for element, (count, score, value) in contents(database, key).items()
    ]


def _compare(
    key: bytes,
    element: bytes,
    old: tuple[int, float | None, bytes | None] | None,
    new: tuple[int, float | None, bytes | None] | None,
    how: str,
) -> Move:
    delta = (new[0] if new else 0) - (old[0] if old else 0)
    _, score, value = new or old or (0, None, None)
    if delta >= 0:
        how = "added" if delta else "changed"
    return Move(key, element, delta, how, score, value)


# --- lists: what each effect adds and takes -------------------------------------------


def _list(database: Database, key: bytes) -> List:
    value = database.values.get(key)
    return value if isinstance(value, List) else List()


def _push(_: Database, argv: Sequence[bytes]) -> list[Move]:
    return [Move(argv[1], element, 1, "added") for element in argv[2:]]


def _push_to_old(database: Database, argv: Sequence[bytes]) -> list[Move]:
    return _push(database, argv) if _list(database, argv[1]) else []


def _insert(database: Database, argv: Sequence[bytes]) -> list[Move]:
    has_pivot = argv[3] in _list(database, argv[1])
    return [Move(argv[1], argv[4], 1, "added")] if has_pivot else []


def _pop(database: Database, argv: Sequence[bytes]) -> list[Move]:
    elements = _list(database, argv[1])
    count = int(argv[2]) if len(argv) > 2 else 1  # noqa: PLR2004 - a count is given
    ends = elements if argv[0][:1] in b"Ll" else reversed(elements)
    return [Move(argv[1], each, -1, "popped") for each in islice(ends, count)]


def _move(database: Database, argv: Sequence[bytes]) -> list[Move]:
    source, destination = argv[1], argv[2]
    elements = _list(database, source)
    if not elements:
        return []
    is_left = len(argv) > 3 and argv[3].upper() == b"LEFT"  # noqa: PLR2004 - a side is given
    element = elements[0] if is_left else elements[-1]
    return [
        Move(source, element, -1, "popped"),
        Move(destination, element, 1, "added"),
    ]


def _remove(database: Database, argv: Sequence[bytes]) -> list[Move]:
    key, wanted, element = argv[1], abs(int(argv[2])), argv[3]
    there = len(_list(database, key).find_positions(element, count=0))
    count = min(wanted or there, there)
    return [Move(key, element, -count, "removed")] if count else []


def _replace(database: Database, argv: Sequence[bytes]) -> list[Move]:
    elements = _list(database, argv[1])
    try:
        old = elements[int(argv[2])]
    except IndexError:
        return []
    return [Move(argv[1], old, -1, "removed"), Move(argv[1], argv[3], 1, "added")]


_LIST_EFFECTS: dict[bytes, Callable[[Database, Sequence[bytes]], list[Move]]] = {
    b"LPUSH": _push,
    b"RPUSH": _push,
    b"LPUSHX": _push_to_old,
    b"RPUSHX": _push_to_old,
    b"LINSERT": _insert,
    b"LPOP": _pop,
    b"RPOP": _pop,
    b"LMOVE": _move,
    b"RPOPLPUSH": _move,
    b"LREM": _remove,
    b"LSET": _replace,
}

# --- effects that name their elements -------------------------------------------------

_ZADD_WORDS = {b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"}


def _zadd_members(argv: Sequence[bytes]) -> Sequence[bytes]:
    start = 2
    while start < len(argv) and argv[start].upper() in _ZADD_WORDS:
        start += 1
    return argv[start + 1 :: 2]


def _behind_key(argv: Sequence[bytes]) -> Sequence[bytes]:
    return argv[2:]


def _every_second(argv: Sequence[bytes]) -> Sequence[bytes]:
    return argv[2::2]


def _second(argv: Sequence[bytes]) -> Sequence[bytes]:
    return argv[2:3]


def _third(argv: Sequence[bytes]) -> Sequence[bytes]:
    return argv[3:4]


_NAMED: dict[bytes, Callable[[Sequence[bytes]], Sequence[bytes]]] = {
    b"ZADD": _zadd_members,
    b"ZREM": _behind_key,
    b"ZINCRBY": _third,
    b"SADD": _behind_key,
    b"SREM": _behind_key,
    b"HSET": _every_second,
    b"HMSET": _every_second,
    b"HSETNX": _second,
    b"HDEL": _behind_key,
    b"HINCRBY": _second,
}

# --- effects that name a place in the order -------------------------------------------


def _zset(database: Database, key: bytes) -> SortedSet:
    value = database.values.get(key)
    return value if isinstance(value, SortedSet) else SortedSet()


def _lowest(database: Database, argv: Sequence[bytes]) -> Sequence[bytes]:
    count = int(argv[2]) if len(argv) > 2 else 1  # noqa: PLR2004 - a count is given
    return [member for _, member in _zset(database, argv[1]).pairs(0, count)]


def _highest(database: Database, argv: Sequence[bytes]) -> Sequence[bytes]:
    zset = _zset(database, argv[1])
    count = int(argv[2]) if len(argv) > 2 else 1  # noqa: PLR2004 - a count is given
    return [member for _, member in zset.pairs(max(len(zset) - count, 0))]


def _by_rank(database: Database, argv: Sequence[bytes]) -> Sequence[bytes]:
    zset = _zset(database, argv[1])
    first, end = rank_range(int(argv[2]), int(argv[3]), len(zset))
    return [member for _, member in zset.pairs(first, end)]


def _by_score(database: Database, argv: Sequence[bytes]) -> Sequence[bytes]:
    zset = _zset(database, argv[1])
    first, end = zset.ranks_by_score(score_range(argv[2], argv[3]))
    return [member for _, member in zset.pairs(first, end)]


_PEEKED: dict[bytes, Callable[[Database, Sequence[bytes]], Sequence[bytes]]] = {
    b"ZPOPMIN": _lowest,
    b"ZPOPMAX": _highest,
}
_RANGES: dict[bytes, Callable[[Database, Sequence[bytes]], Sequence[bytes]]] = {
    b"ZREMRANGEBYRANK": _by_rank,
    b"ZREMRANGEBYSCORE": _by_score,
}
