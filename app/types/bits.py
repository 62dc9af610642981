"""Bits of a string: bit 0 is the highest of the first byte, as in Redis.

A string is `bytes` and is read as if zero bits without end came behind it. What takes a
whole string works on one big integer or strips bytes, so it runs at the speed of C.

Source: Redis 7.2; see tests/parity/test_bitmaps.py.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_, xor
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FULL: Final = 255
OF_FIRST: Final = frozenset((b"DIFF", b"DIFF1", b"ANDOR"))
"""Operations that treat the first string otherwise than the others."""

_COMBINE: Final[dict[bytes, Callable[[int, int], int]]] = {
    b"AND": and_,
    b"OR": or_,
    b"XOR": xor,
}


def get_bit(value: bytes, offset: int) -> int:
    """Return the bit at an offset, 0 behind the end."""
    at = offset >> 3
    return value[at] >> (~offset & 7) & 1 if at < len(value) else 0


def with_bit(value: bytes, offset: int, bit: int) -> bytes:
    """Return the string with one bit set or cleared, long enough to hold it. O(N)."""
    at = offset >> 3
    mask = 1 << (~offset & 7)
    old = value[at] if at < len(value) else 0
    new = old | mask if bit else old & ~mask
    return b"%b%c%b" % (value[:at].ljust(at, b"\0"), new, value[at + 1 :])


def count_ones(value: bytes, first: int, last: int) -> int:
    """Return how many bits are set from one bit to another, both included.

    Args:
        value: the string.
        first: a bit of the string.
        last: another one, not before the first.
    """
    part = int.from_bytes(value[first >> 3 : (last >> 3) + 1], "big")
    part >>= ~last & 7
    return (part & ((1 << (last - first + 1)) - 1)).bit_count()


def find_bit(value: bytes, bit: int, first: int, last: int) -> int:
    """Return where the first bit of a kind is, or -1.

    Args:
        value: the string.
        bit: 0 or 1.
        first: where to begin, a bit of the string.
        last: where to end, a bit of the string too, and looked at.
    """
    start = first >> 3
    part = bytearray(value[start : (last >> 3) + 1])
    # What lies before and behind the range in its outer bytes must not match.
    before, behind = _FULL >> (first & 7), _FULL << (~last & 7) & _FULL
    if bit:
        part[0] &= before
        part[-1] &= behind
        rest = part.lstrip(b"\0")
    else:
        part[0] |= before ^ _FULL
        part[-1] |= behind ^ _FULL
        rest = part.lstrip(b"\xff")
    if not rest:
        return -1
    found = rest[0] if bit else rest[0] ^ _FULL
    return (start + len(part) - len(rest)) * 8 + 8 - found.bit_length()


def combine(operation: bytes, values: Sequence[bytes]) -> bytes:
    """Return the strings combined bit by bit; the longest gives the length.

    Args:
        operation: AND, OR, XOR, or NOT, which is of one string. DIFF is what only the
            first has, DIFF1 what others have and the first has not, ANDOR what the
            first and any other has, ONE what exactly one has.
        values: the strings, at least one, or two for those about the first.
    """
    size = max(map(len, values))
    if operation == b"NOT":
        number = int.from_bytes(values[0], "big") ^ ((1 << 8 * size) - 1)
        return number.to_bytes(size, "big")
    padded = [int.from_bytes(value.ljust(size, b"\0"), "big") for value in values]
    if operation == b"ONE":
        number = _in_exactly_one(padded)
    elif operation in OF_FIRST:
        first, others = padded[0], reduce(or_, padded[1:])
        both = first & others
        number = {b"DIFF": first ^ both, b"DIFF1": others ^ both, b"ANDOR": both}[
            operation
        ]
    else:
        number = reduce(_COMBINE[operation], padded)
    return number.to_bytes(size, "big")


def _in_exactly_one(numbers: Sequence[int]) -> int:
    once = twice = 0
    for number in numbers:
        twice |= once & number
        once |= number
    return once ^ twice
