"""Sorted set commands that pop, scan, or pick at random.

Source: Redis 7.2; see tests/parity/test_sorted_sets.py.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.commands.keys.scan_options import scan_cursor, scan_options, scan_reply
from joblog.app.errors import CommandError
from joblog.app.keyspace.scan import scan_table
from joblog.app.reply import NULL_ARRAY, BulkList, NullArrayType, Pairs
from joblog.app.table.arguments import (
    check_paired,
    non_negative,
    number_of_keys,
    repeated,
    symmetric_integer,
)
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.numbers import format_double, format_double_17, parse_int64
from joblog.app.types.sorted_sets import LISTPACK, SortedSet

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.score_order import Pair

_POP: Final = KeySpec("RW ACCESS DELETE")
_READ: Final = KeySpec("RO ACCESS")


@command(
    "ZPOPMIN",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_POP,
    group="sorted-set",
    since="5.0.0",
    summary="Remove the members with the lowest scores and return them.",
    complexity="O(log N + M) for M members popped",
)
def zpopmin(ctx: Context, key: bytes, *count: bytes) -> list[Any]:
    """Return the member and its score, or pairs where a count is given."""
    return _zpop(ctx, key, count, is_max=False)


@command(
    "ZPOPMAX",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=_POP,
    group="sorted-set",
    since="5.0.0",
    summary="Remove the members with the highest scores and return them.",
    complexity="O(log N + M) for M members popped",
)
def zpopmax(ctx: Context, key: bytes, *count: bytes) -> list[Any]:
    """Return the member and its score, or pairs where a count is given."""
    return _zpop(ctx, key, count, is_max=True)


def _zpop(
    ctx: Context, key: bytes, words: tuple[bytes, ...], *, is_max: bool
) -> list[Any]:
    if len(words) > 1:
        raise CommandError(errors.SYNTAX)
    count = non_negative(words[0]) if words else 1
    zset = ctx.db.get(key, SortedSet)
    if zset is None or not count:
        return []
    popped = pop_pairs(ctx, key, zset, count, is_max=is_max)
    pairs = [(member, score) for score, member in popped]
    return Pairs(pairs) if words else list(pairs[0])


def pop_pairs(
    ctx: Context, key: bytes, zset: SortedSet, count: int, *, is_max: bool
) -> list[Pair]:
    """Remove pairs from one end of a key's sorted set and return them.

    The key goes with its last member. The caller sees to the record.

    Args:
        ctx: the context of the command.
        key: the key.
        zset: its value, not empty.
        count: how many at most, 1 or more.
        is_max: whether to pop the highest scores.
    """
    popped = zset.pop_last(count) if is_max else zset.pop_first(count)
    ctx.db.touch(key, b"zpopmax" if is_max else b"zpopmin", len(popped))
    if not zset.scores:
        ctx.db.remove_if_empty(key, zset)
    return popped


@command(
    "ZMPOP",
    arity=-4,
    flags=Flag.WRITE | Flag.MOVABLEKEYS,
    keys=numkeys_at(1, "RW ACCESS DELETE"),
    effects=("ZPOPMIN", "ZPOPMAX"),
    group="sorted-set",
    since="7.0.0",
    summary="Pop members from the first sorted set that has some.",
    complexity="O(K + M*log N) for K keys and M members popped",
    convert={"numkeys": number_of_keys},
)
def zmpop(
    ctx: Context, numkeys: int, key: bytes, where: bytes, *rest: bytes
) -> list[Any] | NullArrayType:
    """Return the key and the pairs popped, or NULL_ARRAY where all keys are missing."""
    keys, is_max, count = parse_zmpop(numkeys, (key, where, *rest))
    for each in keys:
        zset = ctx.db.get(each, SortedSet)
        if zset is not None:
            popped = pop_pairs(ctx, each, zset, count, is_max=is_max)
            name = b"ZPOPMAX" if is_max else b"ZPOPMIN"
            ctx.record(name, each, b"%d" % len(popped))
            return [each, [[member, score] for score, member in popped]]
    return NULL_ARRAY


def parse_zmpop(
    numkeys: int, words: tuple[bytes, ...]
) -> tuple[tuple[bytes, ...], bool, int]:
    """Read the arguments of ZMPOP behind the number of keys.

    Returns:
        The keys, whether MAX was asked for, and how many to pop.

    Raises:
        CommandError: too few words, neither MIN nor MAX, or a bad COUNT.
    """
    keys, options = words[:numkeys], words[numkeys:]
    if not options or (where := options[0].upper()) not in (b"MIN", b"MAX"):
        raise CommandError(errors.SYNTAX)
    if len(options) == 1:
        return keys, where == b"MAX", 1
    name, *amount = options[1:]
    if name.upper() != b"COUNT" or len(amount) != 1:
        raise CommandError(errors.SYNTAX)
    count = parse_int64(amount[0])
    if count is None or count < 1:
        raise CommandError(errors.COUNT_NOT_POSITIVE)
    return keys, where == b"MAX", count


@command(
    "ZRANDMEMBER",
    arity=-2,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="6.2.0",
    summary="Return members picked at random.",
    complexity="O(N) for N members picked",
    tips=(RANDOM,),
)
def zrandmember(
    ctx: Context, key: bytes, *options: bytes
) -> bytes | BulkList | Pairs | None:
    """Return a member; with a count members, none twice unless it is negative."""
    if not options:
        zset = ctx.db.get(key, SortedSet)
        return None if zset is None else zset.pick_any(1, ctx.random)[0][1]
    count = symmetric_integer(options[0])
    words = [word.upper() for word in options[1:]]
    with_scores = words == [b"WITHSCORES"]
    if words and not with_scores:
        raise CommandError(errors.SYNTAX)
    if with_scores:
        check_paired(count)
    zset = ctx.db.get(key, SortedSet)
    if zset is None or not count:
        return BulkList()
    if count > 0:
        picked = zset.pick_distinct(count, ctx.random)
    else:
        picked = zset.pick_any(repeated(count), ctx.random)
    if with_scores:
        return Pairs([(member, score) for score, member in picked])
    return BulkList([member for _, member in picked])


@command(
    "ZSCAN",
    arity=-3,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="2.8.0",
    summary="Return some members with their scores, and a cursor for the rest.",
    complexity="O(1) for each call, O(N) for a whole iteration",
    convert={"cursor": scan_cursor},
    tips=(RANDOM,),
)
def zscan(ctx: Context, key: bytes, cursor: int, *options: bytes) -> list[object]:
    """Return the next cursor, and members and scores in turn; all of a small set."""
    zset = ctx.db.get(key, SortedSet)
    if zset is None:
        return scan_reply(0, [])
    matches, limit, *_ = scan_options(options)
    config = ctx.server.config
    encoding = zset.encoding(
        listpack_entries=config.zset_max_listpack_entries,
        listpack_value=config.zset_max_listpack_value,
    )
    if encoding == LISTPACK:
        cursor, members = 0, [member for _, member in zset.pairs()]
        format_score = format_double
    else:
        cursor, members = scan_table(zset, zset.scores, cursor, limit)
        format_score = format_double_17
    if matches is not None:
        members = list(filter(matches, members))
    scores = map(format_score, map(zset.scores.__getitem__, members))
    return scan_reply(
        cursor, list(chain.from_iterable(zip(members, scores, strict=True)))
    )
