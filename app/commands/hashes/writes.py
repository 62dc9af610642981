"""Hash commands that set, count and remove fields.

`hash_reads` holds those that only look.

Source: Redis 7.2; see tests/parity/test_hashes.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.hashes.effects import record_fields
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash, replace_field, set_field
from joblog.app.types.long_doubles import (
    INFINITE,
    LongDouble,
    add_long_doubles,
    format_long_double,
    parse_long_double,
)
from joblog.app.types.numbers import is_int64, parse_int64
from joblog.app.types.packed_values import pack_fields

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_UPDATE: Final = KeySpec("RW UPDATE")
_INSERT: Final = KeySpec("RW INSERT")
_COUNT: Final = KeySpec("RW ACCESS UPDATE")
_DELETE: Final = KeySpec("RW DELETE")


@command(
    "HSET",
    arity=-4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_UPDATE,
    group="hash",
    since="2.0.0",
    summary="Set fields of a hash; a missing hash is made.",
    complexity="O(N) for N fields",
)
def hset(ctx: Context, key: bytes, field: bytes, value: bytes, *more: bytes) -> int:
    """Return how many of the fields are new."""
    db = ctx.db
    if more:
        return _set_fields(ctx, key, field, value, more, b"hset")
    added = set_field(db.get_or_create(key, Hash), field, value)
    db.touch(key, b"hset")
    return added


@command(
    "HMSET",
    arity=-4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_UPDATE,
    group="hash",
    since="2.0.0",
    summary="Set fields of a hash, as HSET does, and answer OK.",
    complexity="O(N) for N fields",
)
def hmset(
    ctx: Context, key: bytes, field: bytes, value: bytes, *more: bytes
) -> SimpleString:
    """Return OK."""
    _set_fields(ctx, key, field, value, more, b"hmset")
    return OK


def _set_fields(
    ctx: Context,
    key: bytes,
    field: bytes,
    value: bytes,
    more: tuple[bytes, ...],
    name: bytes,
) -> int:
    """Set a field, and more alternating with values; return how many are new."""
    if len(more) & 1:
        raise CommandError(errors.wrong_arity(name))
    db = ctx.db
    if db.opened is not None and db.peek(key) is None:
        fields = {field: value}
        for place in range(0, len(more), 2):
            fields[more[place]] = more[place + 1]
        added = len(fields)
        db.set(key, pack_fields(fields) or Hash(fields))
    else:
        table = db.get_or_create(key, Hash)
        added = set_field(table, field, value)
        for place in range(0, len(more), 2):
            added += set_field(table, more[place], more[place + 1])
    db.touch(key, b"hset", 1 + len(more) // 2)
    return added


@command(
    "HSETNX",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_INSERT,
    group="hash",
    since="2.0.0",
    summary="Set a field that is not there yet.",
    complexity="O(1)",
)
def hsetnx(ctx: Context, key: bytes, field: bytes, value: bytes) -> int:
    """Return 1 where the field was set, 0 where it was there."""
    table = ctx.db.get_or_create(key, Hash)
    if field in table:
        return 0
    set_field(table, field, value)
    ctx.db.touch(key, b"hset")
    return 1


@command(
    "HDEL",
    arity=-3,
    flags=Flag.WRITE | Flag.FAST,
    keys=_DELETE,
    group="hash",
    since="2.0.0",
    summary="Remove fields, and the hash with its last one.",
    complexity="O(N) for N fields",
)
def hdel(ctx: Context, key: bytes, field: bytes, *fields: bytes) -> int:
    """Return how many fields were removed."""
    table = ctx.db.get(key, Hash)
    if table is None:
        return 0
    removed = table.discard(field)
    if fields:
        removed += sum(map(table.discard, fields))
    if removed:
        ctx.db.touch(key, b"hdel", removed)
        if not table:
            ctx.db.remove_if_empty(key, table)
    return removed


@command(
    "HINCRBY",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_COUNT,
    group="hash",
    since="2.0.0",
    summary="Add to the integer in a field; a missing field counts as 0.",
    complexity="O(1)",
)
def hincrby(ctx: Context, key: bytes, field: bytes, increment: bytes) -> int:
    """Return the sum."""
    total = integer(increment)
    db = ctx.db
    table = db.get(key, Hash)
    old = None if table is None else table.get(field)
    if old is not None:
        value = parse_int64(old)
        if value is None:
            raise CommandError(errors.HASH_VALUE_NOT_AN_INTEGER)
        total += value
        if not is_int64(total):
            raise CommandError(errors.INCREMENT_OVERFLOW)
    if table is None:
        table = db.get_or_create(key, Hash)
    replace_field(table, field, b"%d" % total)
    db.touch(key, b"hincrby")
    return total


@command(
    "HINCRBYFLOAT",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_COUNT,
    effects=("HSET", "HPEXPIREAT"),
    group="hash",
    since="2.6.0",
    summary="Add to the number in a field; a missing field counts as 0.",
    complexity="O(1)",
)
def hincrbyfloat(ctx: Context, key: bytes, field: bytes, increment: bytes) -> bytes:
    """Return the sum as a text."""
    amount = parse_long_double(increment)
    if amount is None:
        raise CommandError(errors.NOT_A_FLOAT)
    if amount == INFINITE:
        raise CommandError(errors.NOT_FINITE)
    db = ctx.db
    table = db.get(key, Hash)
    old = None if table is None else table.get(field)
    result = format_long_double(_add_to_value(old, amount))
    if table is None:
        table = db.get_or_create(key, Hash)
    replace_field(table, field, result)
    db.touch(key, b"hincrbyfloat")
    record_fields(ctx, key, table, (field,))
    return result


def _add_to_value(old: bytes | None, amount: LongDouble) -> LongDouble:
    value = parse_long_double(b"0" if old is None else old)
    if value is None:
        raise CommandError(errors.HASH_VALUE_NOT_A_FLOAT)
    total = add_long_doubles(value, amount)
    if total is None:
        raise CommandError(errors.INCREMENT_NOT_FINITE)
    return total
