"""Deadlines of the fields of a hash: HEXPIRE and its family, and HPERSIST.

They do for fields what EXPIRE and PERSIST do for keys. The four that set a deadline are
recorded as HPEXPIREAT, whose outcome depends on no clock; where the deadline has passed
already the fields go at once, recorded as HDEL. Fields that expire later are removed by
their database (see `joblog.app.keyspace`), and recorded as HDEL too.

Source: Valkey 9.1; see tests/parity/test_hash_expiry.py. Redis has them since 7.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.hashes.arguments import (
    Words,
    require_fields_keyword,
    require_number_of,
    split_at_fields,
)
from joblog.app.commands.keys.expiry import is_allowed, parse_options
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash
from joblog.app.types.numbers import INT64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.app.state.context import Context

_CHANGE: Final = KeySpec("RW UPDATE")
_WRITE_FAST: Final = Flag.WRITE | Flag.FAST

NO_FIELD: Final = -2
NO_DEADLINE: Final = -1
_FORBIDDEN, _SET, _GONE = 0, 1, 2
"""What became of a field: an option forbade it, it has the deadline, it is removed."""


class _When(NamedTuple):
    """The deadline that a command asks for.

    Attributes:
        amount: the number as it was given; options are checked before it is.
        unit_ms: how many milliseconds one of it is.
        base_ms: what it is added to.
        name: the command in lower case, for the error.
    """

    amount: bytes
    unit_ms: int
    base_ms: int
    name: bytes


def deadline_of(amount: bytes, unit_ms: int, base_ms: int, name: bytes) -> int:
    """Return a deadline of fields, in ms since the epoch; it may have passed.

    Args:
        amount: the number as it was given.
        unit_ms: how many milliseconds one of it is.
        base_ms: what it is added to.
        name: the command in lower case, for the error.

    Raises:
        CommandError: no number, a negative one, or one beyond 64 bits as milliseconds.
    """
    deadline_ms = integer(amount) * unit_ms
    if not 0 <= deadline_ms <= INT64_MAX - base_ms:
        raise CommandError(errors.invalid_expire_time(name))
    return deadline_ms + base_ms


def _expire(ctx: Context, key: bytes, words: Words, when: _When) -> list[int]:
    """Set the deadline of fields.

    Returns:
        For each field 1; 0 where an option forbids it; 2 where the deadline has passed,
        so that the field is removed; -2 where it is missing.

    Raises:
        CommandError: wrong options, a wrong number of fields, a wrong time.
    """
    given, number, fields = split_at_fields(words)
    options = parse_options(given)
    require_number_of(fields, number)
    deadline_ms = deadline_of(*when)
    table = ctx.db.get(key, Hash)
    if table is None:
        return [NO_FIELD] * len(fields)
    has_passed = deadline_ms <= ctx.now_ms
    results, changed = [], []
    for field in fields:
        if field not in table:
            results.append(NO_FIELD)
        elif not is_allowed(options, table.deadline_ms(field), deadline_ms):
            results.append(_FORBIDDEN)
        else:
            changed.append(field)
            results.append(_GONE if has_passed else _SET)
            if has_passed:
                table.discard(field)
            else:
                table.set_deadline(field, deadline_ms)
    if not changed:
        return results
    if has_passed:
        remove_expired(ctx, key, table, changed)
    else:
        note_deadline(ctx, key, table, deadline_ms, changed)
    return results


def _setting(
    name: bytes, unit_ms: int, *, is_relative: bool
) -> Callable[..., list[int]]:
    """Return the handler of one of the four commands that set deadlines."""

    def handler(
        ctx: Context,
        key: bytes,
        time: bytes,
        keyword: bytes,
        numfields: bytes,
        field: bytes,
        *more: bytes,
    ) -> list[int]:
        when = _When(time, unit_ms, ctx.now_ms if is_relative else 0, name)
        return _expire(ctx, key, (keyword, numfields, field, *more), when)

    return handler


for _name, _unit_ms, _is_relative, _how in (
    ("HEXPIRE", 1000, True, "in some seconds"),
    ("HPEXPIRE", 1, True, "in some milliseconds"),
    ("HEXPIREAT", 1000, False, "at a time, in seconds since the epoch"),
    ("HPEXPIREAT", 1, False, "at a time, in milliseconds since the epoch"),
):
    command(
        _name,
        arity=-6,
        flags=_WRITE_FAST,
        keys=_CHANGE,
        effects=("HPEXPIREAT", "HDEL"),
        group="hash",
        since="7.4.0",
        summary=f"Let fields of a hash expire {_how}.",
        complexity="O(N) for N fields",
    )(_setting(_name.lower().encode(), _unit_ms, is_relative=_is_relative))


def note_deadline(
    ctx: Context, key: bytes, table: Hash, deadline_ms: int, fields: Sequence[bytes]
) -> None:
    """Tell and record that fields of a hash have been given a deadline."""
    ctx.db.note_field_deadlines(key, table)
    ctx.db.touch(key, b"hexpire", len(fields))
    number = b"%d" % len(fields)
    ctx.record(b"HPEXPIREAT", key, b"%d" % deadline_ms, b"FIELDS", number, *fields)


def remove_expired(
    ctx: Context, key: bytes, table: Hash, fields: Sequence[bytes]
) -> None:
    """Tell, count and record that fields went whose new deadline has passed already.

    Args:
        ctx: the command's context.
        key: where the hash is.
        table: the hash, without the fields.
        fields: what went.
    """
    ctx.server.statistics["expired_fields"] += len(fields)
    ctx.db.touch(key, b"hexpired", len(fields))
    ctx.db.remove_if_empty(key, table)
    ctx.record(b"HDEL", key, *fields)


@command(
    "HPERSIST",
    arity=-5,
    flags=_WRITE_FAST,
    keys=_CHANGE,
    group="hash",
    since="7.4.0",
    summary="Let fields of a hash live for ever.",
    complexity="O(N) for N fields",
)
def hpersist(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *fields: bytes,
) -> list[int]:
    """Return for each field 1, -1 without a deadline, -2 where it is missing."""
    require_fields_keyword(keyword)
    names = (field, *fields)
    require_number_of(names, numfields)
    table = ctx.db.get(key, Hash)
    if table is None:
        return [NO_FIELD] * len(names)
    results = [_persist(table, name) for name in names]
    if 1 in results:
        ctx.db.touch(key, b"hpersist", results.count(1))
    return results


def _persist(table: Hash, field: bytes) -> int:
    if field not in table:
        return NO_FIELD
    return 1 if table.clear_deadline(field) else NO_DEADLINE
