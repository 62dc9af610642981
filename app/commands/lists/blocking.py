"""Commands on lists that wait where there is nothing to take.

Each gives `Context.wait` a function that serves the client, now or when one of its keys
becomes ready. The effect in the log is the command that takes without waiting: a LPOP
for a BLPOP.

Source: Redis 7.2; see tests/parity/test_blocking.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from joblog.app.commands.lists.pops import (
    move_element,
    parse_lmpop,
    pop_elements,
    pop_first_of,
    side,
)
from joblog.app.reply import BLOCKED, NULL_ARRAY
from joblog.app.table.arguments import number_of_keys, timeout_ms
from joblog.app.table.key_specs import KeySpec, numkeys_at
from joblog.app.table.table import Flag, command
from joblog.app.types.lists import List

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_BLOCKING: Final = Flag.WRITE | Flag.BLOCKING
_POP: Final = KeySpec("RW ACCESS DELETE", last=-2)
_MOVE: Final = (KeySpec("RW ACCESS DELETE"), KeySpec("RW INSERT", first=2))
_MANY: Final = numkeys_at(2, "RW ACCESS DELETE")


@command(
    "BLPOP",
    arity=-3,
    flags=_BLOCKING,
    keys=_POP,
    effects=("LPOP",),
    group="list",
    since="2.0.0",
    summary="Remove the first element of the first list with some, or wait for one.",
    complexity="O(N) for N keys",
)
def blpop(ctx: Context, key: bytes, word: bytes, *rest: bytes) -> Any:
    """Return the key and the element; null when the time is over.

    Raises:
        CommandError: a bad timeout, or a key holds another type.
    """
    return _wait_for_element(ctx, (key, word, *rest), is_left=True)


@command(
    "BRPOP",
    arity=-3,
    flags=_BLOCKING,
    keys=_POP,
    effects=("RPOP",),
    group="list",
    since="2.0.0",
    summary="Remove the last element of the first list that has some, or wait for one.",
    complexity="O(N) for N keys",
)
def brpop(ctx: Context, key: bytes, word: bytes, *rest: bytes) -> Any:
    """Return the key and the element; null when the time is over.

    Raises:
        CommandError: a bad timeout, or a key holds another type.
    """
    return _wait_for_element(ctx, (key, word, *rest), is_left=False)


def _wait_for_element(ctx: Context, words: Sequence[bytes], *, is_left: bool) -> Any:
    keys = words[:-1]
    wait_ms = timeout_ms(words[-1], ctx.now_ms)
    serve = partial(_pop_one, keys=keys, is_left=is_left)
    return ctx.wait(keys, wait_ms, List, serve)


def _pop_one(ctx: Context, keys: Sequence[bytes], *, is_left: bool) -> Any:
    for key in keys:
        items = ctx.db.get(key, List)
        if items is not None:
            popped = pop_elements(ctx, key, items, 1, is_left=is_left)
            ctx.record(b"LPOP" if is_left else b"RPOP", key)
            return [key, popped[0]]
    return BLOCKED


@command(
    "BRPOPLPUSH",
    arity=4,
    flags=_BLOCKING | Flag.DENYOOM,
    keys=_MOVE,
    effects=("LMOVE",),
    group="list",
    since="2.2.0",
    summary="Move the last element of a list before another's first, or wait for one.",
    complexity="O(1)",
)
def brpoplpush(ctx: Context, source: bytes, destination: bytes, timeout: bytes) -> Any:
    """Return the element; null when the time is over.

    Raises:
        CommandError: a bad timeout, or one of the keys holds another type.
    """
    return _wait_to_move(
        ctx, source, destination, timeout, is_from_left=False, is_to_left=True
    )


@command(
    "BLMOVE",
    arity=6,
    flags=_BLOCKING | Flag.DENYOOM,
    keys=_MOVE,
    effects=("LMOVE",),
    group="list",
    since="6.2.0",
    summary="Move an element from a list to another, or wait for one.",
    complexity="O(1)",
)
def blmove(
    ctx: Context,
    source: bytes,
    destination: bytes,
    where_from: bytes,
    where_to: bytes,
    timeout: bytes,
) -> Any:
    """Return the element; null when the time is over.

    Raises:
        CommandError: a side is neither LEFT nor RIGHT, a bad timeout, or one of the
            keys holds another type.
    """
    is_from_left, is_to_left = side(where_from), side(where_to)
    return _wait_to_move(
        ctx,
        source,
        destination,
        timeout,
        is_from_left=is_from_left,
        is_to_left=is_to_left,
    )


def _wait_to_move(
    ctx: Context,
    source: bytes,
    destination: bytes,
    timeout: bytes,
    *,
    is_from_left: bool,
    is_to_left: bool,
) -> Any:
    wait_ms = timeout_ms(timeout, ctx.now_ms)

    def serve(ctx: Context) -> Any:
        element = move_element(
            ctx, source, destination, is_from_left=is_from_left, is_to_left=is_to_left
        )
        if element is None:
            return BLOCKED
        sides = [
            b"LEFT" if is_left else b"RIGHT" for is_left in (is_from_left, is_to_left)
        ]
        ctx.record(b"LMOVE", source, destination, *sides)
        return element

    return ctx.wait((source,), wait_ms, List, serve, inside_unit=None)


@command(
    "BLMPOP",
    arity=-5,
    flags=_BLOCKING | Flag.MOVABLEKEYS,
    keys=_MANY,
    effects=("LPOP", "RPOP"),
    group="list",
    since="7.0.0",
    summary="Remove elements from the first list that has some, or wait for some.",
    complexity="O(N+M) for N keys and M elements removed",
)
def blmpop(
    ctx: Context, timeout: bytes, numkeys: bytes, key: bytes, where: bytes, *rest: bytes
) -> Any:
    """Return the key and the elements; null when the time is over.

    Raises:
        CommandError: a bad timeout, number of keys, side or count, or a key holds
            another type.
    """
    words = (key, where, *rest)
    keys, is_left, count = parse_lmpop(number_of_keys(numkeys), words)
    wait_ms = timeout_ms(timeout, ctx.now_ms)

    def serve(ctx: Context) -> Any:
        found = pop_first_of(ctx, keys, count, is_left=is_left)
        return BLOCKED if found is NULL_ARRAY else found

    return ctx.wait(keys, wait_ms, List, serve)
