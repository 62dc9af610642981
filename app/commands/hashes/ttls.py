"""When fields of a hash expire: HTTL and its family.

They tell of fields what TTL and EXPIRETIME tell of keys.

Source: Valkey 9.1; see tests/parity/test_hash_expiry.py. Redis has them since 7.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.hashes.arguments import (
    Words,
    require_fields_keyword,
    require_number_of,
)
from joblog.app.commands.hashes.expiry import NO_DEADLINE, NO_FIELD
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.context import Context

_LOOK: Final = KeySpec("RO ACCESS")
_READ_FAST: Final = Flag.READONLY | Flag.FAST


def _remaining(deadline_ms: int, now_ms: int) -> int:
    return max(deadline_ms - now_ms, 0)


def _as_it_is(deadline_ms: int, _: int) -> int:
    return deadline_ms


def _telling(show: Callable[[int, int], int], unit_ms: int) -> Callable[..., list[int]]:
    """Return the handler of one of the four commands.

    Args:
        show: makes the time to tell of a deadline and the time now, in ms.
        unit_ms: how many milliseconds one of what is told is; it is rounded.
    """

    def handler(
        ctx: Context,
        key: bytes,
        keyword: bytes,
        numfields: bytes,
        field: bytes,
        *fields: bytes,
    ) -> list[int]:
        now_ms, half = ctx.now_ms, unit_ms // 2
        deadlines = _deadlines(ctx, key, keyword, numfields, (field, *fields))
        return [
            ms if ms < 0 else (show(ms, now_ms) + half) // unit_ms for ms in deadlines
        ]

    return handler


for _name, _show, _unit_ms, _how in (
    ("HTTL", _remaining, 1000, "in how many seconds fields of a hash expire"),
    ("HPTTL", _remaining, 1, "in how many milliseconds fields of a hash expire"),
    ("HEXPIRETIME", _as_it_is, 1000, "when fields of a hash expire, in Unix seconds"),
    ("HPEXPIRETIME", _as_it_is, 1, "when fields of a hash expire, in Unix ms"),
):
    command(
        _name,
        arity=-5,
        flags=_READ_FAST,
        keys=_LOOK,
        group="hash",
        since="7.4.0",
        summary=f"Tell {_how}.",
        complexity="O(N) for N fields",
    )(_telling(_show, _unit_ms))


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
