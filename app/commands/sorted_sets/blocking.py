"""Commands on sorted sets that wait where there is nothing to take.

They wait as those on lists do: see `joblog.app.commands.lists.blocking`.

Source: Redis 7.2; see tests/parity/test_blocking.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from joblog.app.commands.sorted_sets.picks import parse_zmpop, pop_pairs
from joblog.app.reply import BLOCKED
from joblog.app.table.arguments import number_of_keys, timeout_ms
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_BLOCKING: Final = Flag.WRITE | Flag.BLOCKING
_POP: Final = KeySpec("RW ACCESS DELETE", last=-2)
_MOVE: Final = (KeySpec("RW ACCESS DELETE"), KeySpec("RW INSERT", first=2))
_MANY: Final = numkeys_at(2, "RW ACCESS DELETE")


@command(
    "BZPOPMIN",
    arity=-3,
    flags=_BLOCKING | Flag.FAST,
    keys=_POP,
    effects=("ZPOPMIN",),
    group="sorted-set",
    since="5.0.0",
    summary="Remove the member with the lowest score, or wait for one.",
    complexity="O(log N) for N members",
)
def bzpopmin(ctx: Context, key: bytes, word: bytes, *rest: bytes) -> Any:
    """Return the key, the member and its score; null when the time is over.

    Raises:
        CommandError: a bad timeout, or a key holds another type.
    """
    return _wait_for_member(ctx, (key, word, *rest), is_max=False)


@command(
    "BZPOPMAX",
    arity=-3,
    flags=_BLOCKING | Flag.FAST,
    keys=_POP,
    effects=("ZPOPMAX",),
    group="sorted-set",
    since="5.0.0",
    summary="Remove the member with the highest score, or wait for one.",
    complexity="O(log N) for N members",
)
def bzpopmax(ctx: Context, key: bytes, word: bytes, *rest: bytes) -> Any:
    """Return the key, the member and its score; null when the time is over.

    Raises:
        CommandError: a bad timeout, or a key holds another type.
    """
    return _wait_for_member(ctx, (key, word, *rest), is_max=True)


def _wait_for_member(ctx: Context, words: Sequence[bytes], *, is_max: bool) -> Any:
    keys = words[:-1]
    wait_ms = timeout_ms(words[-1], ctx.now_ms)
    serve = partial(_pop_member, keys=keys, is_max=is_max)
    return ctx.wait(keys, wait_ms, SortedSet, serve)


def _pop_member(ctx: Context, keys: Sequence[bytes], *, is_max: bool) -> Any:
    found = _pop_pairs_of_first(ctx, keys, 1, is_max=is_max)
    if found is None:
        return BLOCKED
    key, [(member, score)] = found
    ctx.record(b"ZPOPMAX" if is_max else b"ZPOPMIN", key)
    return [key, member, score]


def _pop_pairs_of_first(
    ctx: Context, keys: Sequence[bytes], count: int, *, is_max: bool
) -> tuple[bytes, list[tuple[bytes, float]]] | None:
    """Pop from the first sorted set that is there; return its key, members, scores."""
    for key in keys:
        zset = ctx.db.get(key, SortedSet)
        if zset is not None:
            popped = pop_pairs(ctx, key, zset, count, is_max=is_max)
            return key, [(member, score) for score, member in popped]
    return None


@command(
    "BZMPOP",
    arity=-5,
    flags=_BLOCKING | Flag.MOVABLEKEYS,
    keys=_MANY,
    effects=("ZPOPMIN", "ZPOPMAX"),
    group="sorted-set",
    since="7.0.0",
    summary="Pop members from the first sorted set that has some, or wait for some.",
    complexity="O(K + M*log N) for K keys and M members popped",
)
def bzmpop(
    ctx: Context, timeout: bytes, numkeys: bytes, key: bytes, where: bytes, *rest: bytes
) -> Any:
    """Return the key and the pairs popped; null when the time is over.

    Raises:
        CommandError: a bad timeout, number of keys, end or count, or a key holds
            another type.
    """
    keys, is_max, count = parse_zmpop(number_of_keys(numkeys), (key, where, *rest))
    wait_ms = timeout_ms(timeout, ctx.now_ms)

    def serve(ctx: Context) -> Any:
        found = _pop_pairs_of_first(ctx, keys, count, is_max=is_max)
        if found is None:
            return BLOCKED
        each, pairs = found
        ctx.record(b"ZPOPMAX" if is_max else b"ZPOPMIN", each, b"%d" % len(pairs))
        return [each, [list(pair) for pair in pairs]]

    return ctx.wait(keys, wait_ms, SortedSet, serve)
