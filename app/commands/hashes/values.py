"""HSETEX and HGETEX: values of fields, together with their deadlines.

Both are recorded as what they did: HSET and HPEXPIREAT, HPERSIST, or HDEL where the
deadline has passed.

Source: Valkey 9.1; see tests/parity/test_hash_expiry.py. Redis has them since 8.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.hashes.arguments import (
    Words,
    require_number_of,
    split_at_fields,
)
from joblog.app.commands.hashes.effects import record_fields
from joblog.app.commands.hashes.expiry import deadline_of, note_deadline, remove_expired
from joblog.app.errors import CommandError
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.hashes import Hash, replace_field

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_UNIT_MS: Final = {b"EX": 1000, b"EXAT": 1000, b"PX": 1, b"PXAT": 1}
_RELATIVE: Final = frozenset((b"EX", b"PX"))
_UNITS: Final = dict.fromkeys(_UNIT_MS, "deadline")
_GETTING: Final = {**_UNITS, b"PERSIST": "deadline"}
_SETTING: Final = {
    **_UNITS,
    b"KEEPTTL": "deadline",
    b"NX": "key",
    b"XX": "key",
    b"FNX": "field",
    b"FXX": "field",
}
"""The options, and what each speaks of; of two that speak of the same one is wrong."""


class _Options(NamedTuple):
    """What options say; empty where they say nothing.

    Attributes:
        key: NX or XX: whether the hash has to be missing, or to be there.
        field: FNX or FXX: the same of every field.
        deadline: EX, PX, EXAT, PXAT, PERSIST or KEEPTTL.
        amount: the number behind a unit.
    """

    key: bytes = b""
    field: bytes = b""
    deadline: bytes = b""
    amount: bytes = b""

    def deadline_ms(self, ctx: Context, name: bytes) -> int | None:
        """Return the deadline in ms since the epoch, or None where none is given.

        Raises:
            CommandError: it is no number, or out of range.
        """
        if not self.amount:
            return None
        base_ms = ctx.now_ms if self.deadline in _RELATIVE else 0
        return deadline_of(self.amount, _UNIT_MS[self.deadline], base_ms, name)


def _parse(words: Words, known: dict[bytes, str]) -> _Options:
    """Read options in any order; one may come twice.

    Raises:
        CommandError: an unknown word, two that exclude each other, a missing number.
    """
    said: dict[str, bytes] = {}
    rest = iter(words)
    for given in rest:
        word = given.upper()
        subject = known.get(word)
        if subject is None or said.setdefault(subject, word) != word:
            raise CommandError(errors.SYNTAX)
        if word in _UNIT_MS:
            amount = next(rest, None)
            if amount is None:
                raise CommandError(errors.SYNTAX)
            said["amount"] = amount
    return _Options(**said)


@command(
    "HSETEX",
    arity=-6,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("RW INSERT"),
    effects=("HSET", "HPEXPIREAT", "HDEL"),
    group="hash",
    since="8.0.0",
    summary="Set fields of a hash and when they expire, perhaps on conditions.",
    complexity="O(N) for N fields",
)
def hsetex(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    value: bytes,
    *more: bytes,
) -> int:
    """Return 1, or 0 where a condition forbids it: then nothing is set."""
    given, number, words = split_at_fields((keyword, numfields, field, value, *more))
    options = _parse(given, _SETTING)
    require_number_of(words, number, words_each=2)
    db = ctx.db
    table = db.get(key, Hash)
    if options.key and (table is not None) is not (options.key == b"XX"):
        return 0
    deadline_ms = options.deadline_ms(ctx, b"hsetex")
    fields, values = words[::2], words[1::2]
    if options.field:
        is_wanted = options.field == b"FXX"
        if any((name in (table or ())) is not is_wanted for name in fields):
            return 0
    table = db.get_or_create(key, Hash)
    if options.deadline == b"KEEPTTL":
        for name, content in zip(fields, values, strict=True):
            replace_field(table, name, content)
    else:
        table.put_all(fields, values)
    db.touch(key, b"hset", len(fields))
    if deadline_ms is None:
        record_fields(ctx, key, table, fields)
        return 1
    db.touch(key, b"hexpire", 0)
    if deadline_ms <= ctx.now_ms:
        for name in fields:
            table.discard(name)
        remove_expired(ctx, key, table, fields)
        return 1
    for name in fields:
        table.set_deadline(name, deadline_ms)
    db.note_field_deadlines(key, table)
    record_fields(ctx, key, table, fields)
    return 1


@command(
    "HGETEX",
    arity=-5,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW ACCESS UPDATE", is_read=True),
    effects=("HPEXPIREAT", "HPERSIST", "HDEL"),
    group="hash",
    since="8.0.0",
    summary="Return the values of fields, and set or clear when they expire.",
    complexity="O(N) for N fields",
)
def hgetex(
    ctx: Context,
    key: bytes,
    keyword: bytes,
    numfields: bytes,
    field: bytes,
    *more: bytes,
) -> list[bytes | None]:
    """Return the value of each field, None where it is missing."""
    given, number, fields = split_at_fields((keyword, numfields, field, *more))
    options = _parse(given, _GETTING)
    require_number_of(fields, number)
    table = ctx.db.get(key, Hash)
    deadline_ms = options.deadline_ms(ctx, b"hgetex")
    if table is None:
        return [None] * len(fields)
    if deadline_ms is not None and deadline_ms <= ctx.now_ms:
        return _take_expired(ctx, key, table, fields)
    values = list(map(table.get, fields))
    if deadline_ms is not None:
        _set_deadline(ctx, key, table, fields, deadline_ms)
    elif options.deadline:
        _persist(ctx, key, table, fields)
    return values


def _take_expired(
    ctx: Context, key: bytes, table: Hash, fields: Words
) -> list[bytes | None]:
    """Return the values of fields and remove them: their new deadline has passed."""
    values, removed = [], []
    for field in fields:
        values.append(table.get(field))
        if table.discard(field):
            removed.append(field)
    if removed:
        remove_expired(ctx, key, table, removed)
    return values


def _set_deadline(
    ctx: Context, key: bytes, table: Hash, fields: Words, deadline_ms: int
) -> None:
    changed = [field for field in fields if field in table]
    for field in changed:
        table.set_deadline(field, deadline_ms)
    if changed:
        note_deadline(ctx, key, table, deadline_ms, changed)


def _persist(ctx: Context, key: bytes, table: Hash, fields: Words) -> None:
    changed = [field for field in fields if table.clear_deadline(field)]
    if changed:
        ctx.db.touch(key, b"hpersist")
        number = b"%d" % len(changed)
        ctx.record(b"HPERSIST", key, b"FIELDS", number, *changed)
