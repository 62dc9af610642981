"""BITFIELD and BITFIELD_RO: integers of any width inside of a string.

    BITFIELD key [GET type offset | SET type offset value | INCRBY type offset step |
                  OVERFLOW WRAP|SAT|FAIL] ...

All operations are read before the first one runs.

Source: Redis 7.2; see tests/parity/test_bitfields.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.strings.bitmaps import bit_offset
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.bitfields import FieldType, parse_field_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_WORDS: Final = {b"GET": 2, b"SET": 3, b"INCRBY": 3, b"OVERFLOW": 1}
_OVERFLOWS: Final = frozenset((b"WRAP", b"SAT", b"FAIL"))


class _Operation(NamedTuple):
    """One operation.

    Attributes:
        name: GET, SET or INCRBY.
        type: the type of the field.
        offset: its first bit.
        number: what to set, or by how much to raise.
        overflow: what to do with numbers that don't fit.
    """

    name: bytes
    type: FieldType
    offset: int
    number: int
    overflow: bytes


def _access(argv: list[bytes]) -> str:
    """Return what BITFIELD does with its key: it may write unless all words are known.

    Also where they make no sense: then it is refused for want of rights first.
    """
    at = 2
    while at < len(argv):
        word, more = argv[at].upper(), len(argv) - at - 1
        if word not in (b"GET", b"OVERFLOW") or more < _WORDS[word]:
            return "RW ACCESS UPDATE"
        at += 1 + _WORDS[word]
    return "RO ACCESS"


@command(
    "BITFIELD",
    arity=-2,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("RW ACCESS UPDATE VARIABLE_FLAGS", access_for=_access),
    group="bitmap",
    since="3.2.0",
    summary="Read, set and raise integers of any width inside of a string.",
    complexity="O(N + M) for N operations that change a string of M bytes",
)
def bitfield(ctx: Context, key: bytes, *words: bytes) -> list[int | None]:
    """Return the result of each operation: None for one that failed to fit."""
    return _run(ctx, key, _parse(ctx, words))


@command(
    "BITFIELD_RO",
    arity=-2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO ACCESS"),
    group="bitmap",
    since="6.0.0",
    summary="Read integers of any width inside of a string.",
    complexity="O(N) for N operations",
)
def bitfield_ro(ctx: Context, key: bytes, *words: bytes) -> list[int | None]:
    """Return the number that each GET finds."""
    operations = _parse(ctx, words)
    if any(operation.name != b"GET" for operation in operations):
        raise CommandError(errors.BITFIELD_ONLY_GET)
    return _run(ctx, key, operations)


def _parse(ctx: Context, words: Sequence[bytes]) -> list[_Operation]:
    operations = []
    overflow = b"WRAP"
    at = 0
    while at < len(words):
        name = words[at].upper()
        given = words[at + 1 : at + 1 + _WORDS.get(name, len(words))]
        if len(given) != _WORDS.get(name):
            raise CommandError(errors.SYNTAX)
        at += 1 + len(given)
        if name == b"OVERFLOW":
            overflow = given[0].upper()
            if overflow not in _OVERFLOWS:
                raise CommandError(errors.BITFIELD_OVERFLOW)
            continue
        field = parse_field_type(given[0])
        if field is None:
            raise CommandError(errors.BITFIELD_TYPE)
        offset = bit_offset(ctx, given[1], field.bits)
        number = integer(given[2]) if name != b"GET" else 0
        operations.append(_Operation(name, field, offset, number, overflow))
    return operations


def _run(
    ctx: Context, key: bytes, operations: Sequence[_Operation]
) -> list[int | None]:
    db = ctx.db
    old = db.get(key, bytes)
    ends = [op.offset + op.type.bits for op in operations if op.name != b"GET"]
    if not ends:
        return [op.type.read(old or b"", op.offset) for op in operations]
    # The string grows for the farthest field, even where no number will fit there.
    value = bytearray((old or b"").ljust((max(ends) + 7) >> 3, b"\0"))
    has_grown = len(value) > len(old or b"")
    replies, changes = [], 0
    for operation in operations:
        reply, is_written, is_other = _apply(value, operation)
        replies.append(reply)
        changes += is_written and (is_other or has_grown)
    new = bytes(value)
    if new != old or changes:
        # A field that is put back has changed twice, for WATCH as for whoever counts.
        db.set(key, new)
        db.touch(key, b"setbit", changes)
    return replies


def _apply(value: bytearray, operation: _Operation) -> tuple[int | None, bool, bool]:
    """Run one operation on a string that is long enough for it.

    Returns:
        Its result, whether it has written a number, and whether that is another one.
    """
    name, field, offset, number, overflow = operation
    found = field.read(value, offset)
    if name == b"GET":
        return found, False, False
    is_set = name == b"SET"
    wanted = _unsigned(field, number) if is_set else found + number
    fitting = field.fit(wanted, overflow)
    if fitting is None:
        return None, False, False
    field.write(value, offset, fitting)
    is_other = field.read(value, offset) != found
    return found if is_set else fitting, True, is_other


def _unsigned(field: FieldType, number: int) -> int:
    """Return the number that SET takes; unsigned, a negative one is huge."""
    return number if field.is_signed or number >= 0 else number + (1 << 64)
