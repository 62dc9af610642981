"""Sorted set commands that count or remove a range of members.

Here too is how the ends of ranges are read, for every command that takes them.

Source: Redis 7.2; see tests/parity/test_sorted_sets.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.numbers import parse_score_bound
from joblog.app.types.sorted_ranges import LexRange, ScoreRange
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_REMOVE: Final = KeySpec("RW DELETE")


def score_range(least: bytes, most: bytes) -> ScoreRange:
    """Return the range of scores that two arguments give.

    Raises:
        CommandError: one of them is neither a score nor `(` and a score.
    """
    first, last = parse_score_bound(least), parse_score_bound(most)
    if first is None or last is None:
        raise CommandError(errors.SCORE_BOUND)
    return ScoreRange(first[0], last[0], excludes_least=first[1], excludes_most=last[1])


def lex_range(least: bytes, most: bytes) -> LexRange:
    """Return the range of members that two arguments give.

    Raises:
        CommandError: one of them is not `-`, `+`, or `[` or `(` and a member.
    """
    for bound in (least, most):
        if bound not in (b"-", b"+") and bound[:1] not in (b"[", b"("):
            raise CommandError(errors.LEX_BOUND)
    return LexRange(
        least=None if least in (b"-", b"+") else least[1:],
        most=None if most in (b"-", b"+") else most[1:],
        excludes_least=least[:1] == b"(",
        excludes_most=most[:1] == b"(",
        is_empty=least == b"+" or most == b"-",
    )


def rank_range(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return ranks from first to one past the last, of a range that includes both ends.

    Args:
        start: the first rank; negative counts from the end.
        stop: the last rank; negative counts from the end.
        size: the number of members.
    """
    first = max(start + size, 0) if start < 0 else min(start, size)
    end = stop + size + 1 if stop < 0 else min(stop + 1, size)
    return first, max(first, end)


@command(
    "ZCOUNT",
    arity=4,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="2.0.0",
    summary="Return how many members have a score in a range.",
    complexity="O(log N)",
)
def zcount(ctx: Context, key: bytes, least: bytes, most: bytes) -> int:
    """Return the number of members."""
    wanted = score_range(least, most)
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return 0
    first, end = zset.ranks_by_score(wanted)
    return end - first


@command(
    "ZLEXCOUNT",
    arity=4,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="sorted-set",
    since="2.8.9",
    summary="Return how many members lie between two members, all scores being equal.",
    complexity="O(log N)",
)
def zlexcount(ctx: Context, key: bytes, least: bytes, most: bytes) -> int:
    """Return the number of members."""
    wanted = lex_range(least, most)
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return 0
    first, end = zset.ranks_by_lex(wanted)
    return end - first


@command(
    "ZREMRANGEBYRANK",
    arity=4,
    flags=Flag.WRITE,
    keys=_REMOVE,
    group="sorted-set",
    since="2.0.0",
    summary="Remove the members between two ranks, both included.",
    complexity="O(log N + M) for M members removed",
    convert={"start": integer, "stop": integer},
)
def zremrangebyrank(ctx: Context, key: bytes, start: int, stop: int) -> int:
    """Return how many members were removed."""
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return 0
    span = rank_range(start, stop, len(zset))
    return _remove(ctx, key, zset, span, b"zremrangebyrank")


@command(
    "ZREMRANGEBYSCORE",
    arity=4,
    flags=Flag.WRITE,
    keys=_REMOVE,
    group="sorted-set",
    since="1.2.0",
    summary="Remove the members whose score is in a range.",
    complexity="O(log N + M) for M members removed",
)
def zremrangebyscore(ctx: Context, key: bytes, least: bytes, most: bytes) -> int:
    """Return how many members were removed."""
    wanted = score_range(least, most)
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return 0
    span = zset.ranks_by_score(wanted)
    return _remove(ctx, key, zset, span, b"zremrangebyscore")


@command(
    "ZREMRANGEBYLEX",
    arity=4,
    flags=Flag.WRITE,
    keys=_REMOVE,
    group="sorted-set",
    since="2.8.9",
    summary="Remove the members between two members, all scores being equal.",
    complexity="O(log N + M) for M members removed",
)
def zremrangebylex(ctx: Context, key: bytes, least: bytes, most: bytes) -> int:
    """Return how many members were removed."""
    wanted = lex_range(least, most)
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return 0
    span = zset.ranks_by_lex(wanted)
    return _remove(ctx, key, zset, span, b"zremrangebylex")


def _remove(
    ctx: Context, key: bytes, zset: SortedSet, span: tuple[int, int], event: bytes
) -> int:
    removed = len(zset.remove_between(*span))
    if removed:
        ctx.db.touch(key, event, removed)
        ctx.db.remove_if_empty(key, zset)
    return removed
