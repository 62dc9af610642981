"""Sorted set commands about single members: their scores and ranks.

`sorted_set_ranges` reads ranges, `sorted_set_spans` counts and removes them,
`sorted_set_picks` pops, scans and picks at random, `sorted_set_operations` combines
several sets.

Source: Redis 7.2; see tests/parity/test_sorted_sets.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import NULL_ARRAY, NullArrayType
from joblog.app.table.arguments import double
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.numbers import parse_double
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_CHANGE: Final = KeySpec("RW UPDATE")


@command(
    "ZADD",
    arity=-4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="sorted-set",
    since="1.2.0",
    summary="Add members with scores to a sorted set, or change their scores.",
    complexity="O(log N) for each member",
)
def zadd(
    ctx: Context, key: bytes, score: bytes, member: bytes, *more: bytes
) -> int | float | None:
    """Return how many members are new; with INCR the new score, None if not changed."""
    if more or (number := parse_double(score)) is None:
        return _zadd_with_options(ctx, key, [score, member, *more])
    db = ctx.db
    old = db.get_or_create(key, SortedSet).put(member, number)
    if old is None:
        db.touch(key, b"zadd")
        return 1
    if old != number:
        db.touch(key, b"zadd")
    return 0


_ZADD_OPTIONS: Final = frozenset((b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"))


def _zadd_with_options(
    ctx: Context, key: bytes, words: list[bytes]
) -> int | float | None:
    options: set[bytes] = set()
    first = 0
    while first < len(words) and (word := words[first].upper()) in _ZADD_OPTIONS:
        options.add(word)
        first += 1
    scores, members = words[first::2], words[first + 1 :: 2]
    if not scores or len(scores) != len(members):
        raise CommandError(errors.SYNTAX)
    if len(options) > 1 or b"INCR" in options:
        _check_zadd_options(options, len(scores))
    numbers = [double(score) for score in scores]
    db = ctx.db
    if b"XX" in options and db.get(key, SortedSet) is None:
        return None if b"INCR" in options else 0
    if b"INCR" in options:
        return _increment(ctx, key, members[0], numbers[0], options)
    zset = db.get_or_create(key, SortedSet)
    added = changed = 0
    for member, number in zip(members, numbers, strict=True):
        old = zset.scores.get(member)
        if not _allows(options, old, number):
            continue
        zset.put(member, number)
        if old is None:
            added += 1
        elif old != number:
            changed += 1
    if added or changed:
        db.touch(key, b"zadd", added + changed)
    return added + changed if b"CH" in options else added


def _check_zadd_options(options: set[bytes], pairs: int) -> None:
    if {b"NX", b"XX"} <= options:
        raise CommandError(errors.ZADD_NX_AND_XX)
    if len(options & {b"NX", b"GT", b"LT"}) > 1:
        raise CommandError(errors.ZADD_GT_LT_NX)
    if b"INCR" in options and pairs > 1:
        raise CommandError(errors.ZADD_INCR_PAIRS)


def _allows(options: set[bytes], old: float | None, new: float) -> bool:
    """Say whether the options of ZADD let a score take the place of the old one."""
    if old is None:
        return b"XX" not in options
    return not (
        b"NX" in options
        or (b"GT" in options and new <= old)
        or (b"LT" in options and new >= old)
    )


def _increment(
    ctx: Context, key: bytes, member: bytes, increment: float, options: set[bytes]
) -> float | None:
    """Add to a member's score; None where the options do not allow it."""
    db = ctx.db
    zset = db.get(key, SortedSet)
    old = None if zset is None else zset.scores.get(member)
    if old is not None and b"NX" in options:
        return None
    new = increment if old is None else old + increment
    if math.isnan(new):
        raise CommandError(errors.SCORE_IS_NAN)
    if not _allows(options, old, new):
        return None
    if old is None or old != new:
        db.get_or_create(key, SortedSet).put(member, new)
        db.touch(key, b"zincr")
    return new


def _increment_or_option(argument: bytes) -> float:
    """Return an increment; Redis parses the options of ZADD in its place.

    Raises:
        CommandError: it is an option, or no double.
    """
    if argument.upper() in _ZADD_OPTIONS:
        raise CommandError(errors.SYNTAX)
    return double(argument)


@command(
    "ZINCRBY",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("RW ACCESS UPDATE"),
    group="sorted-set",
    since="1.2.0",
    summary="Add to the score of a member; a missing member counts as 0.",
    complexity="O(log N)",
    convert={"increment": _increment_or_option},
)
def zincrby(ctx: Context, key: bytes, increment: float, member: bytes) -> float | None:
    """Return the new score."""
    return _increment(ctx, key, member, increment, set())


@command(
    "ZREM",
    arity=-3,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW DELETE"),
    group="sorted-set",
    since="1.2.0",
    summary="Remove members from a sorted set; the key goes with the last one.",
    complexity="O(log N) for each member",
)
def zrem(ctx: Context, key: bytes, member: bytes, *members: bytes) -> int:
    """Return how many of the members were there."""
    db = ctx.db
    zset = db.get(key, SortedSet)
    if zset is None:
        return 0
    removed = int(zset.remove(member))
    if members:
        removed += sum(map(zset.remove, members))
    if removed:
        db.touch(key, b"zrem", removed)
        if not zset.scores:
            db.remove_if_empty(key, zset)
    return removed


@command(
    "ZCARD",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO"),
    group="sorted-set",
    since="1.2.0",
    summary="Return how many members a sorted set has.",
    complexity="O(1)",
)
def zcard(ctx: Context, key: bytes) -> int:
    """Return the number of members; 0 where the key is missing."""
    zset = ctx.db.get(key, SortedSet)
    return 0 if zset is None else len(zset.scores)


@command(
    "ZSCORE",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="1.2.0",
    summary="Return the score of a member.",
    complexity="O(1)",
)
def zscore(ctx: Context, key: bytes, member: bytes) -> float | None:
    """Return the score, or None where key or member is missing."""
    zset = ctx.db.get(key, SortedSet)
    return None if zset is None else zset.scores.get(member)


@command(
    "ZMSCORE",
    arity=-3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="6.2.0",
    summary="Return the scores of several members.",
    complexity="O(N) for N members asked for",
)
def zmscore(
    ctx: Context, key: bytes, member: bytes, *members: bytes
) -> list[float | None]:
    """Return a score for each member, None for one that is missing."""
    zset = ctx.db.get(key, SortedSet)
    scores: dict[bytes, float] = {} if zset is None else zset.scores
    return [scores.get(each) for each in (member, *members)]


@command(
    "ZRANK",
    arity=-3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="2.0.0",
    summary="Return the place of a member, counted from the lowest score.",
    complexity="O(log N)",
)
def zrank(
    ctx: Context, key: bytes, member: bytes, option: bytes | None = None
) -> int | list[int | float] | NullArrayType | None:
    """Return the rank from 0; with WITHSCORE also the score."""
    return _rank(ctx, key, member, option, is_reversed=False)


@command(
    "ZREVRANK",
    arity=-3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="2.0.0",
    summary="Return the place of a member, counted from the highest score.",
    complexity="O(log N)",
)
def zrevrank(
    ctx: Context, key: bytes, member: bytes, option: bytes | None = None
) -> int | list[int | float] | NullArrayType | None:
    """Return the rank from 0; with WITHSCORE also the score."""
    return _rank(ctx, key, member, option, is_reversed=True)


def _rank(
    ctx: Context, key: bytes, member: bytes, option: bytes | None, *, is_reversed: bool
) -> int | list[int | float] | NullArrayType | None:
    if option is not None and option.upper() != b"WITHSCORE":
        raise CommandError(errors.SYNTAX)
    zset = ctx.db.get(key, SortedSet)
    rank = None if zset is None else zset.rank(member)
    if zset is None or rank is None:
        return None if option is None else NULL_ARRAY
    if is_reversed:
        rank = len(zset) - 1 - rank
    return rank if option is None else [rank, zset.scores[member]]
