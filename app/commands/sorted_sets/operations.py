"""Sorted set commands that unite, intersect or subtract sorted sets and sets.

Source: Redis 7.2; see tests/parity/test_sorted_sets.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.sorted_sets.ranges import store_pairs
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList, Pairs
from joblog.app.table.arguments import integer, non_negative
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.types.numbers import parse_double
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.score_order import Pair

Scores = Mapping[bytes, float]
Aggregate = Callable[[float, float], float]

_READ: Final = numkeys_at(1)
_STORE: Final = (KeySpec("OW UPDATE"), numkeys_at(2))
_READ_FLAGS: Final = Flag.READONLY | Flag.MOVABLEKEYS
_STORE_FLAGS: Final = Flag.WRITE | Flag.DENYOOM | Flag.MOVABLEKEYS


def _add(left: float, right: float) -> float:
    total = left + right
    return total if total == total else 0.0  # noqa: PLR0124 - inf - inf counts as 0


_AGGREGATES: Final[dict[bytes, Aggregate]] = {b"SUM": _add, b"MIN": min, b"MAX": max}


class _Options(NamedTuple):
    """The operands and options of one of these commands.

    Attributes:
        operands: the members and scores of each key.
        weights: a factor for each operand's scores.
        aggregate: what to make of the scores of a member that two operands have.
        with_scores: whether the reply has scores.
    """

    operands: list[Scores]
    weights: list[float]
    aggregate: Aggregate
    with_scores: bool


def _split(
    ctx: Context, name: bytes, numkeys: bytes, words: tuple[bytes, ...]
) -> tuple[list[Scores], list[bytes]]:
    """Return the operands, and the words behind their keys.

    Raises:
        CommandError: the number of keys is none, below 1, or more than there are
            words; or a key holds neither a sorted set nor a set. As in Redis, this
            comes before any error in the options.
    """
    count = integer(numkeys)
    if count < 1:
        raise CommandError(errors.no_input_key(name))
    if count > len(words):
        raise CommandError(errors.SYNTAX)
    return [_operand(ctx, key) for key in words[:count]], list(words[count:])


def _parse(
    ctx: Context,
    name: bytes,
    numkeys: bytes,
    words: tuple[bytes, ...],
    known: frozenset[bytes],
) -> _Options:
    """Read operands and options.

    Args:
        ctx: the context of the command.
        name: the command, for the error.
        numkeys: how many of the words are keys.
        words: keys, then options.
        known: the options that the command has.
    """
    operands, rest = _split(ctx, name, numkeys, words)
    count = len(operands)
    weights, aggregate, with_scores = [1.0] * count, _AGGREGATES[b"SUM"], False
    while rest:
        word = rest.pop(0).upper()
        if word not in known:
            raise CommandError(errors.SYNTAX)
        if word == b"WITHSCORES":
            with_scores = True
        elif word == b"WEIGHTS" and len(rest) >= count:
            weights = [_weight(text) for text in rest[:count]]
            del rest[:count]
        elif word == b"AGGREGATE" and rest and rest[0].upper() in _AGGREGATES:
            aggregate = _AGGREGATES[rest.pop(0).upper()]
        else:
            raise CommandError(errors.SYNTAX)
    return _Options(operands, weights, aggregate, with_scores)


_COMBINE: Final = frozenset((b"WEIGHTS", b"AGGREGATE"))
_COMBINE_AND_SHOW: Final = _COMBINE | {b"WITHSCORES"}
_SHOW: Final = frozenset((b"WITHSCORES",))
_NONE: Final[frozenset[bytes]] = frozenset()


def _weight(text: bytes) -> float:
    value = parse_double(text)
    if value is None:
        raise CommandError(errors.WEIGHT_NOT_A_FLOAT)
    return value


def _operand(ctx: Context, key: bytes) -> Scores:
    """Return a key's members and scores; those of a plain set count 1 each.

    Raises:
        CommandError: the value is neither a sorted set nor a set.
    """
    value = ctx.db.lookup(key)
    if value is None:
        return {}
    if type(value) is SortedSet:
        return value.scores
    if type(value) is Set:
        return dict.fromkeys(value, 1.0)
    raise CommandError(errors.WRONG_TYPE)


def _weighted(options: _Options) -> list[tuple[Scores, float]]:
    """Return the operands with their weights, the smallest first.

    The order shows: sums of doubles depend on it in their last digits.
    """
    weighted = list(zip(options.operands, options.weights, strict=True))
    weighted.sort(key=lambda operand: len(operand[0]))
    return weighted


def _scaled(score: float, weight: float) -> float:
    product = score * weight
    return 0.0 if math.isnan(product) else product


def _unite(options: _Options) -> list[Pair]:
    aggregate = options.aggregate
    united: dict[bytes, float] = {}
    for scores, weight in _weighted(options):
        for member, score in scores.items():
            new = _scaled(score, weight)
            old = united.get(member)
            united[member] = new if old is None else aggregate(old, new)
    return _sorted_pairs(united)


def _intersect(options: _Options) -> list[Pair]:
    aggregate = options.aggregate
    (smallest, weight), *others = _weighted(options)
    common: dict[bytes, float] = {}
    for member, score in smallest.items():
        total = _scaled(score, weight)
        for scores, factor in others:
            found = scores.get(member)
            if found is None:
                break
            # Not _scaled: Redis lets a NaN of the others through to the aggregate.
            total = aggregate(total, found * factor)
        else:
            common[member] = total
    return _sorted_pairs(common)


def _subtract(options: _Options) -> list[Pair]:
    first, *others = options.operands
    left = {
        member: score
        for member, score in first.items()
        if not any(member in other for other in others)
    }
    return _sorted_pairs(left)


def _sorted_pairs(scores: Scores) -> list[Pair]:
    return sorted((score, member) for member, score in scores.items())


def _answer(pairs: list[Pair], options: _Options) -> BulkList | Pairs:
    if options.with_scores:
        return Pairs([(member, score) for score, member in pairs])
    return BulkList([member for _, member in pairs])


@command(
    "ZUNION",
    arity=-3,
    flags=_READ_FLAGS,
    keys=_READ,
    group="sorted-set",
    since="6.2.0",
    summary="Return the members that any of several sorted sets has.",
    complexity="O(N + M*log M) for N members in all, M of them in the reply",
)
def zunion(ctx: Context, numkeys: bytes, key: bytes, *words: bytes) -> BulkList | Pairs:
    """Return the members in the order of their scores."""
    options = _parse(ctx, b"zunion", numkeys, (key, *words), _COMBINE_AND_SHOW)
    return _answer(_unite(options), options)


@command(
    "ZINTER",
    arity=-3,
    flags=_READ_FLAGS,
    keys=_READ,
    group="sorted-set",
    since="6.2.0",
    summary="Return the members that all of several sorted sets have.",
    complexity="O(N*K + M*log M) for N members in the smallest of K sets, M found",
)
def zinter(ctx: Context, numkeys: bytes, key: bytes, *words: bytes) -> BulkList | Pairs:
    """Return the members in the order of their scores."""
    options = _parse(ctx, b"zinter", numkeys, (key, *words), _COMBINE_AND_SHOW)
    return _answer(_intersect(options), options)


@command(
    "ZDIFF",
    arity=-3,
    flags=_READ_FLAGS,
    keys=_READ,
    group="sorted-set",
    since="6.2.0",
    summary="Return the members of a sorted set that no other one has.",
    complexity="O(N*K + M*log M) for N members in the first of K sets, M left",
)
def zdiff(ctx: Context, numkeys: bytes, key: bytes, *words: bytes) -> BulkList | Pairs:
    """Return the members in the order of their scores."""
    options = _parse(ctx, b"zdiff", numkeys, (key, *words), _SHOW)
    return _answer(_subtract(options), options)


@command(
    "ZUNIONSTORE",
    arity=-4,
    flags=_STORE_FLAGS,
    keys=_STORE,
    group="sorted-set",
    since="2.0.0",
    summary="Store the members that any of several sorted sets has.",
    complexity="O(N + M*log M) for N members in all, M of them stored",
)
def zunionstore(
    ctx: Context, destination: bytes, numkeys: bytes, key: bytes, *words: bytes
) -> int:
    """Return how many members were stored; with none the destination is removed."""
    options = _parse(ctx, b"zunionstore", numkeys, (key, *words), _COMBINE)
    return store_pairs(ctx, destination, _unite(options), b"zunionstore")


@command(
    "ZINTERSTORE",
    arity=-4,
    flags=_STORE_FLAGS,
    keys=_STORE,
    group="sorted-set",
    since="2.0.0",
    summary="Store the members that all of several sorted sets have.",
    complexity="O(N*K + M*log M) for N members in the smallest of K sets, M found",
)
def zinterstore(
    ctx: Context, destination: bytes, numkeys: bytes, key: bytes, *words: bytes
) -> int:
    """Return how many members were stored; with none the destination is removed."""
    options = _parse(ctx, b"zinterstore", numkeys, (key, *words), _COMBINE)
    return store_pairs(ctx, destination, _intersect(options), b"zinterstore")


@command(
    "ZDIFFSTORE",
    arity=-4,
    flags=_STORE_FLAGS,
    keys=_STORE,
    group="sorted-set",
    since="6.2.0",
    summary="Store the members of a sorted set that no other one has.",
    complexity="O(N*K + M*log M) for N members in the first of K sets, M left",
)
def zdiffstore(
    ctx: Context, destination: bytes, numkeys: bytes, key: bytes, *words: bytes
) -> int:
    """Return how many members were stored; with none the destination is removed."""
    options = _parse(ctx, b"zdiffstore", numkeys, (key, *words), _NONE)
    return store_pairs(ctx, destination, _subtract(options), b"zdiffstore")


@command(
    "ZINTERCARD",
    arity=-3,
    flags=_READ_FLAGS,
    keys=_READ,
    group="sorted-set",
    since="7.0.0",
    summary="Return how many members all of several sorted sets have, up to a limit.",
    complexity="O(N*K) for N members in the smallest of K sets",
)
def zintercard(ctx: Context, numkeys: bytes, key: bytes, *words: bytes) -> int:
    """Return the number of members; the count stops at the limit, 0 being none."""
    operands, options = _split(ctx, b"zintercard", numkeys, (key, *words))
    limit = 0
    rest = iter(options)
    for word in rest:
        given = next(rest, None)
        if word.upper() != b"LIMIT" or given is None:
            raise CommandError(errors.SYNTAX)
        limit = _limit(given)
    smallest, *others = sorted(operands, key=len)
    found = 0
    for member in smallest:
        if all(member in other for other in others):
            found += 1
            if found == limit:
                break
    return found


def _limit(text: bytes) -> int:
    try:
        return non_negative(text)
    except CommandError:
        raise CommandError(errors.LIMIT_NEGATIVE) from None
