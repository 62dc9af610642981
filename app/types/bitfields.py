"""Bit fields: integers of 1 to 64 bits, anywhere in a string.

A field is read and written with its highest bit first, and need not begin at a byte.
Numbers that don't fit wrap, stop at the nearest that fits, or fail.

Source: Redis 7.2; see tests/parity/test_bitfields.py.
"""

from __future__ import annotations

from typing import NamedTuple

from joblog.app.types.numbers import parse_int64

_SIGNED_BITS_MAX = 64
_UNSIGNED_BITS_MAX = 63


class FieldType(NamedTuple):
    """The type of a field, such as i16 or u8."""

    bits: int
    is_signed: bool

    @property
    def least(self) -> int:
        """The lowest number that fits."""
        return -(1 << (self.bits - 1)) if self.is_signed else 0

    @property
    def most(self) -> int:
        """The highest number that fits."""
        return (1 << (self.bits - self.is_signed)) - 1

    def read(self, value: bytes | bytearray, offset: int) -> int:
        """Return the number at a bit of a string; behind the end all bits are 0."""
        first, end = offset >> 3, (offset + self.bits + 7) >> 3
        part = int.from_bytes(value[first:end].ljust(end - first, b"\0"), "big")
        number = part >> (end * 8 - offset - self.bits) & ((1 << self.bits) - 1)
        return self.wrap(number)

    def write(self, value: bytearray, offset: int, number: int) -> None:
        """Write a number that fits at a bit of a string that is long enough."""
        first, end = offset >> 3, (offset + self.bits + 7) >> 3
        shift = end * 8 - offset - self.bits
        mask = ((1 << self.bits) - 1) << shift
        part = int.from_bytes(value[first:end], "big") & ~mask
        part |= number << shift & mask
        value[first:end] = part.to_bytes(end - first, "big")

    def wrap(self, number: int) -> int:
        """Return what the lowest bits of a number are, read as this type."""
        number &= (1 << self.bits) - 1
        return number - (1 << self.bits) if number > self.most else number

    def fit(self, number: int, overflow: bytes) -> int | None:
        """Return a number made to fit.

        Args:
            number: any number.
            overflow: WRAP, SAT for the nearest that fits, or FAIL.

        Returns:
            The number that fits, or None for one that does not and FAIL.
        """
        if self.least <= number <= self.most:
            return number
        if overflow == b"WRAP":
            return self.wrap(number)
        if overflow == b"FAIL":
            return None
        return self.least if number < self.least else self.most


def parse_field_type(text: bytes) -> FieldType | None:
    """Parse a type, from u1 to u63 or i1 to i64; None for anything else."""
    is_signed = text[:1] == b"i"
    bits = parse_int64(text[1:])
    if bits is None or text[:1] not in (b"i", b"u"):
        return None
    most = _SIGNED_BITS_MAX if is_signed else _UNSIGNED_BITS_MAX
    return FieldType(bits, is_signed) if 1 <= bits <= most else None
