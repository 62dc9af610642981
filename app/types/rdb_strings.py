"""Strings as RDB files and DUMP payloads hold them.

    00nnnnnn                   length in 6 bits, then the bytes
    01nnnnnn nnnnnnnn          length in 14 bits
    0x80, 4 bytes              length, big-endian
    0x81, 8 bytes              length, big-endian
    0xc0 | 0xc1 | 0xc2         an integer of 1, 2 or 4 bytes, little-endian
    0xc3, length, length, ...  compressed by LZF: the lengths before and after

Source: the RDB format, as Redis 7.0.15 and Valkey 9.1 write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.types.numbers import parse_int64
from joblog.app.types.steps import finish

if TYPE_CHECKING:
    from collections.abc import Generator

_SIX_BITS = 1 << 6
_FOURTEEN_BITS = 1 << 14
_LONG, _VERY_LONG, _COMPRESSED = 0x80, 0x81, 0xC3
_INTEGER_BYTES = {0xC0: 1, 0xC1: 2, 0xC2: 4}
_INTEGER_DIGITS = 11
_UNPACKED_A_STEP: Final = 1 << 13


def encode_rdb_string(text: bytes) -> bytes:
    """Return a string with its length before it; never compressed."""
    return encode_length(len(text)) + text


def encode_short_string(text: bytes) -> bytes:
    """Return a string as Redis writes it, an integer of up to 4 bytes as such."""
    number = parse_int64(text) if len(text) <= _INTEGER_DIGITS else None
    if number is not None:
        for head, size in _INTEGER_BYTES.items():
            if -1 << 8 * size - 1 <= number < 1 << 8 * size - 1:
                return bytes([head]) + number.to_bytes(size, "little", signed=True)
    return encode_rdb_string(text)


def encode_length(size: int) -> bytes:
    """Return a length, or any unsigned integer of 64 bits."""
    if size < _SIX_BITS:
        return bytes([size])
    if size < _FOURTEEN_BITS:
        return (size | _FOURTEEN_BITS).to_bytes(2, "big")
    if size < 1 << 32:
        return bytes([_LONG]) + size.to_bytes(4, "big")
    return bytes([_VERY_LONG]) + size.to_bytes(8, "big")


def decode_rdb_string(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the string that starts at a place, and the place behind it.

    Raises:
        ValueError: the data is damaged.
    """
    head = _slice(data, at, 1)[0]
    if head in _INTEGER_BYTES:
        size = _INTEGER_BYTES[head]
        value = int.from_bytes(_slice(data, at + 1, size), "little", signed=True)
        return b"%d" % value, at + 1 + size
    if head == _COMPRESSED:
        packed_size, at = decode_length(data, at + 1)
        size, at = decode_length(data, at)
        packed = _slice(data, at, packed_size)
        return _decompress(packed, size), at + packed_size
    size, at = decode_length(data, at)
    return _slice(data, at, size), at + size


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError(f"{size} bytes expected at {at}, {len(data) - at} are there")
    return data[at : at + size]


def decode_length(data: bytes, at: int) -> tuple[int, int]:
    """Return the length that starts at a place, and the place behind it.

    Raises:
        ValueError: the data is damaged.
    """
    head = _slice(data, at, 1)[0]
    if head < _SIX_BITS:
        return head, at + 1
    if head < _LONG:
        return (head & 63) << 8 | _slice(data, at + 1, 1)[0], at + 2
    if head == _LONG:
        return int.from_bytes(_slice(data, at + 1, 4), "big"), at + 5
    if head == _VERY_LONG:
        return int.from_bytes(_slice(data, at + 1, 8), "big"), at + 9
    raise ValueError(f"{head:#x} at {at} is no length")


def decode_string_in_steps(
    data: bytes, at: int
) -> Generator[None, None, tuple[bytes, int]]:
    """Return what `decode_rdb_string` does, a step at a time where it takes its time.

    Raises:
        ValueError: the data is damaged.
    """
    if _slice(data, at, 1)[0] == _COMPRESSED:
        packed_size, at = decode_length(data, at + 1)
        size, at = decode_length(data, at)
        text = yield from _decompressing(_slice(data, at, packed_size), size)
        return text, at + packed_size
    return decode_rdb_string(data, at)


def _decompress(packed: bytes, size: int) -> bytes:
    return finish(_decompressing(packed, size))


def _decompressing(packed: bytes, size: int) -> Generator[None, None, bytes]:
    """Undo LZF: runs of literals (up to 32), and copies of what came before."""
    out = bytearray()
    at, step_at = 0, _UNPACKED_A_STEP
    while at < len(packed):
        if at >= step_at:
            step_at += _UNPACKED_A_STEP
            yield
        control = packed[at]
        at += 1
        if control < 32:  # noqa: PLR2004 - five bits of count
            out += _slice(packed, at, control + 1)
            at += control + 1
            continue
        count = (control >> 5) + 2
        if count == 9:  # noqa: PLR2004 - three bits of count, all set
            count += _slice(packed, at, 1)[0]
            at += 1
        back = (control & 31) << 8 | _slice(packed, at, 1)[0]
        at += 1
        start = len(out) - back - 1
        if start < 0 or len(out) + count > size:
            raise ValueError("a copy reaches out of the string")
        # What is copied may overlap what is written: then it repeats.
        copied = bytes(out[start : start + count])
        out += (copied * (count // len(copied) + 1))[:count]
    if len(out) != size:
        raise ValueError(f"{len(out)} bytes were unpacked, {size} expected")
    return bytes(out)
