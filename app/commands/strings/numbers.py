"""String commands that add to the number written in a string.

Source: Redis 7.2; see tests/parity/test_strings.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.long_doubles import (
    add_long_doubles,
    format_long_double,
    parse_long_double,
)
from joblog.app.types.numbers import INT64_MIN, is_int64, parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_CHANGE: Final = KeySpec("RW ACCESS UPDATE")


@command(
    "INCR",
    arity=2,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="string",
    since="1.0.0",
    summary="Add one to the integer at a key; a missing key counts as 0.",
    complexity="O(1)",
)
def incr(ctx: Context, key: bytes) -> int:
    """Return the new number."""
    return _add_integer(ctx, key, 1)


@command(
    "DECR",
    arity=2,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="string",
    since="1.0.0",
    summary="Subtract one from the integer at a key; a missing key counts as 0.",
    complexity="O(1)",
)
def decr(ctx: Context, key: bytes) -> int:
    """Return the new number."""
    return _add_integer(ctx, key, -1)


@command(
    "INCRBY",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="string",
    since="1.0.0",
    summary="Add an integer to the one at a key; a missing key counts as 0.",
    complexity="O(1)",
)
def incrby(ctx: Context, key: bytes, increment: bytes) -> int:
    """Return the new number."""
    return _add_integer(ctx, key, integer(increment))


@command(
    "DECRBY",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="string",
    since="1.0.0",
    summary="Subtract an integer from the one at a key; a missing key counts as 0.",
    complexity="O(1)",
)
def decrby(ctx: Context, key: bytes, decrement: bytes) -> int:
    """Return the new number."""
    less = integer(decrement)
    if less == INT64_MIN:  # it has no opposite in 64 bits
        raise CommandError(errors.DECREMENT_OVERFLOW)
    return _add_integer(ctx, key, -less)


def _add_integer(ctx: Context, key: bytes, increment: int) -> int:
    db = ctx.db
    text = db.get(key, bytes)
    if text is None:
        total = increment
    else:
        number = parse_int64(text)
        if number is None:
            raise CommandError(errors.NOT_AN_INTEGER)
        total = number + increment
        if not is_int64(total):
            raise CommandError(errors.INCREMENT_OVERFLOW)
    db.set(key, b"%d" % total)
    db.touch(key, b"incrby")
    return total


@command(
    "INCRBYFLOAT",
    arity=3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    effects=("SET",),
    group="string",
    since="2.6.0",
    summary="Add a floating-point number to the one at a key.",
    complexity="O(1)",
)
def incrbyfloat(ctx: Context, key: bytes, increment: bytes) -> bytes:
    """Return the new number as text; the effect is the text, not the sum."""
    db = ctx.db
    value = db.get(key, bytes)
    old = parse_long_double(b"0" if value is None else value)
    more = parse_long_double(increment)
    if old is None or more is None:
        raise CommandError(errors.NOT_A_FLOAT)
    total = add_long_doubles(old, more)
    if total is None:
        raise CommandError(errors.INCREMENT_NOT_FINITE)
    text = format_long_double(total)
    db.set(key, text)
    db.touch(key, b"incrbyfloat")
    ctx.record(b"SET", key, text, b"KEEPTTL")
    return text
