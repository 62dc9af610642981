"""Commands on the bits of strings, but those of BITFIELD.

Source: Redis 7.2; see tests/parity/test_bitmaps.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.bits import (
    OF_FIRST,
    combine,
    count_ones,
    find_bit,
    get_bit,
    with_bit,
)
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_OPERATIONS: Final = frozenset((b"AND", b"OR", b"XOR", b"NOT"))
_OPERATIONS_OF_8_2: Final = OF_FIRST | {b"ONE"}
_BITS: Final = (b"0", b"1")
_RANGE_WORDS: Final = 2
_RANGE_AND_UNIT_WORDS: Final = 3


def bit_offset(ctx: Context, text: bytes, field_bits: int = 0) -> int:
    """Return the offset of a bit in a string.

    Args:
        ctx: the context of the command.
        text: the offset; after a `#` it counts fields where those are allowed.
        field_bits: how many bits a field has; 0 allows no `#`.

    Raises:
        CommandError: it is no offset of a bit in a string as long as allowed.
    """
    counts_fields = field_bits > 0 and text[:1] == b"#"
    offset = parse_int64(text[1:] if counts_fields else text)
    if offset is None or offset < 0:
        raise CommandError(errors.BIT_OFFSET)
    if counts_fields:
        offset *= field_bits
    if offset >> 3 >= ctx.server.config.proto_max_bulk_len:
        raise CommandError(errors.BIT_OFFSET)
    return offset


@command(
    "SETBIT",
    arity=4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("RW ACCESS UPDATE"),
    group="bitmap",
    since="2.2.0",
    summary="Set or clear one bit of a string, which grows as needed.",
    complexity="O(N) for a string of N bytes",
)
def setbit(ctx: Context, key: bytes, offset: bytes, bit: bytes) -> int:
    """Return the bit that was there."""
    at = bit_offset(ctx, offset)
    if bit not in _BITS:
        raise CommandError(errors.BIT_VALUE)
    db = ctx.db
    value = db.get(key, bytes)
    text, wanted = value or b"", int(bit)
    old = get_bit(text, at)
    if value is None or old != wanted or at >> 3 >= len(text):
        db.set(key, with_bit(text, at, wanted))
        db.touch(key, b"setbit")
    return old


@command(
    "GETBIT",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO ACCESS"),
    group="bitmap",
    since="2.2.0",
    summary="Return one bit of a string.",
    complexity="O(1)",
)
def getbit(ctx: Context, key: bytes, offset: bytes) -> int:
    """Return the bit; 0 behind the end, and where the key is missing."""
    at = bit_offset(ctx, offset)
    value = ctx.db.get(key, bytes)
    return get_bit(value, at) if value else 0


def _is_in_bits(unit: bytes) -> bool:
    """Say whether a range counts bits; else it counts bytes.

    Raises:
        CommandError: the unit is neither BIT nor BYTE.
    """
    name = unit.upper()
    if name not in (b"BIT", b"BYTE"):
        raise CommandError(errors.SYNTAX)
    return name == b"BIT"


def _bit_range(
    size: int, start: int, end: int, *, is_in_bits: bool
) -> tuple[int, int] | None:
    """Return the first and last bit of a range, or None where it is empty.

    Args:
        size: the length of the string in bytes.
        start: the first of the range; negative counts from the end.
        end: the last of the range, which is included.
        is_in_bits: whether start and end count bits; else they count bytes.
    """
    total = size * 8 if is_in_bits else size
    first = max(start + total, 0) if start < 0 else start
    last = max(end + total, 0) if end < 0 else min(end, total - 1)
    if first > last or first >= total:
        return None
    return (first, last) if is_in_bits else (first * 8, last * 8 + 7)


@command(
    "BITCOUNT",
    arity=-2,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="bitmap",
    since="2.6.0",
    summary="Count the bits of a string, or of a range of it, that are set.",
    complexity="O(N) for a range of N bytes",
)
def bitcount(ctx: Context, key: bytes, *words: bytes) -> int:
    """Return how many bits are set."""
    start, end, is_in_bits = 0, -1, False
    if len(words) in (_RANGE_WORDS, _RANGE_AND_UNIT_WORDS):
        start, end = integer(words[0]), integer(words[1])
        is_in_bits = len(words) == _RANGE_AND_UNIT_WORDS and _is_in_bits(words[2])
    elif words:
        raise CommandError(errors.SYNTAX)
    value = ctx.db.get(key, bytes)
    if not value or (start < 0 and end < 0 and start > end):
        return 0
    found = _bit_range(len(value), start, end, is_in_bits=is_in_bits)
    return 0 if found is None else count_ones(value, *found)


@command(
    "BITPOS",
    arity=-3,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="bitmap",
    since="2.8.7",
    summary="Find the first bit of a string that is set, or clear.",
    complexity="O(N) for a range of N bytes",
    convert={"bit": integer},
)
def bitpos(ctx: Context, key: bytes, bit: int, *words: bytes) -> int:
    """Return where the bit is, or -1; clear bits follow a string without an end."""
    if bit not in (0, 1):
        raise CommandError(errors.BIT_ARGUMENT)
    if len(words) > _RANGE_AND_UNIT_WORDS:
        raise CommandError(errors.SYNTAX)
    start, end, is_in_bits = 0, -1, False
    if words:
        start = integer(words[0])
    if len(words) == _RANGE_AND_UNIT_WORDS:
        is_in_bits = _is_in_bits(words[2])
    has_end = len(words) > 1
    if has_end:
        end = integer(words[1])
    value = ctx.db.get(key, bytes)
    if value is None:
        return -1 if bit else 0
    found = _bit_range(len(value), start, end, is_in_bits=is_in_bits)
    if found is None:
        return -1
    place = find_bit(value, bit, *found)
    return len(value) * 8 if place < 0 and not bit and not has_end else place


@command(
    "BITOP",
    arity=-4,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=(KeySpec("OW UPDATE", first=2), KeySpec("RO ACCESS", 3, -1)),
    effects=("SET", "DEL"),
    group="bitmap",
    since="2.6.0",
    summary="Combine strings bit by bit, and store the result.",
    complexity="O(N) for N bytes in all",
)
def bitop(
    ctx: Context, operation: bytes, destination: bytes, key: bytes, *keys: bytes
) -> int:
    """Return the length of the result in bytes; with 0 the destination is removed."""
    name = operation.upper()
    is_new = name in _OPERATIONS_OF_8_2
    if name not in _OPERATIONS and not is_new:
        raise CommandError(errors.SYNTAX)
    if name == b"NOT" and keys:
        raise CommandError(errors.BITOP_NOT)
    if name in OF_FIRST and not keys:
        raise CommandError(errors.bitop_of_several(name))
    db = ctx.db
    result = combine(name, [db.get(each, bytes) or b"" for each in (key, *keys)])
    if result:
        db.overwrite(destination, result)
        db.touch(destination, b"set")
        if is_new:
            ctx.record(b"SET", destination, result)
    elif db.lookup(destination) is not None:
        db.delete(destination)
        db.touch(destination, b"del")
        if is_new:
            ctx.record(b"DEL", destination)
    return len(result)
