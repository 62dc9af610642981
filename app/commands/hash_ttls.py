"""When fields of a hash expire: HTTL and its family.

They tell of fields what TTL and EXPIRETIME tell of keys.

Source: Valkey 9.1; see tests/parity/test_hash_expiry.py. Redis has them since 7.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app import errors
from app.commands.hash_expiry import NO_DEADLINE, NO_FIELD
from app.commands.hash_fields import Words, require_fields_keyword, require_number_of
from app.commands.table import Flag, KeySpec, command
from app.types.hashes import Hash

if TYPE_CHECKING:
    from app.commands.context import Context

_LOOK: Final = KeySpec(access="RO ACCESS")
_READ_FAST: Final = Flag.READONLY | Flag.FAST


@command(
    "HTTL",
    arity=-5,
    flags=_READ_FAST,
    keys=_LOOK,
    group="hash",
    since="7.4.0",
    summary="Tell in how many seconds fields of a hash expire.",
    complexity="O(N) for N fields",
)
def httl(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[int]:
    """Return seconds for each field, rounded; -1 without a deadline, -2 without it."""
    deadlines = _deadlines(ctx, key, keyword, numfields, (field, *fields))
    return [ms if ms < 0 else _seconds(max(ms - ctx.now_ms, 0)) for ms in deadlines]


@command(
    "HPTTL",
    arity=-5,
    flags=_READ_FAST,
    keys=_LOOK,
    group="hash",
    since="7.4.0",
    summary="Tell in how many milliseconds fields of a hash expire.",
    complexity="O(N) for N fields",
)
def hpttl(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[int]:
    """Return milliseconds for each field; -1 without a deadline, -2 without it."""
    deadlines = _deadlines(ctx, key, keyword, numfields, (field, *fields))
    return [ms if ms < 0 else max(ms - ctx.now_ms, 0) for ms in deadlines]


@command(
    "HEXPIRETIME",
    arity=-5,
    flags=_READ_FAST,
    keys=_LOOK,
    group="hash",
    since="7.4.0",
    summary="Tell when fields of a hash expire, in seconds since the epoch.",
    complexity="O(N) for N fields",
)
def hexpiretime(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[int]:
    """Return seconds for each field, rounded; -1 without a deadline, -2 without it."""
    deadlines = _deadlines(ctx, key, keyword, numfields, (field, *fields))
    return [ms if ms < 0 else _seconds(ms) for ms in deadlines]


@command(
    "HPEXPIRETIME",
    arity=-5,
    flags=_READ_FAST,
    keys=_LOOK,
    group="hash",
    since="7.4.0",
    summary="Tell when fields of a hash expire, in ms since the epoch.",
    complexity="O(N) for N fields",
)
def hpexpiretime(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[int]:
    """Return milliseconds for each field; -1 without a deadline, -2 without it."""
    return _deadlines(ctx, key, keyword, numfields, (field, *fields))


def _deadlines(
    ctx: Context, key: bytes, keyword: bytes, numfields: bytes, fields: Words
) -> list[int]:
    """Return when each field expires; -1 where never, -2 where it is missing.

    Raises:
        CommandError: the word is not FIELDS, or the number not that of the fields.
    """
    require_fields_keyword(keyword)
    require_number_of(fields, numfields, refusal=errors.SYNTAX)
    table = ctx.db.get(key, Hash)
    if table is None:
        return [NO_FIELD] * len(fields)
    return [_deadline_ms(table, field) for field in fields]


def _deadline_ms(table: Hash, field: bytes) -> int:
    if field not in table:
        return NO_FIELD
    deadline_ms = table.deadline_ms(field)
    return NO_DEADLINE if deadline_ms is None else deadline_ms


def _seconds(ms: int) -> int:
    return (ms + 500) // 1000
