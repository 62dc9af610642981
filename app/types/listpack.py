"""Listpacks: small lists of strings and integers in one piece of memory.

    total bytes (4) | number of entries (2) | entry ... | 0xff

    entry      encoding and data | their size, to walk backwards (1 to 5 bytes)

    0vvvvvvv                 an integer from 0 to 127
    10nnnnnn                 a string of up to 63 bytes
    110vvvvv vvvvvvvv        an integer of 13 bits, signed, high byte first
    1110nnnn nnnnnnnn        a string of up to 4095 bytes
    0xf0, 4 bytes            a longer string
    0xf1 | 0xf2 | 0xf3 | 0xf4    an integer of 2, 3, 4 or 8 bytes, signed

Numbers have their low byte first where nothing else is said. The number of entries is
65535 where it is unknown. Redis keeps small collections like this in memory; here it is
only how values travel, and how streams lie in a DUMP.

Source: the format, as Redis 7.0.15 and Valkey 9.1 write it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.types.numbers import parse_int64
from joblog.app.types.rdb_reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADER_BYTES: Final = 6
_END: Final = 0xFF
_UNKNOWN: Final = 0xFFFF
_SMALL_INTEGERS: Final = 1 << 7
_SHORT_STRINGS: Final = 1 << 6
_MEDIUM_STRINGS: Final = 1 << 12
_MEDIUM_INTEGERS: Final = 1 << 12
_LONG_STRING: Final = 0xF0
_INTEGER_BYTES: Final = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}
# From how many bytes on an entry's size takes one byte more to write.
_SIZE_LIMITS: Final = (128, 16383, 2097151, 268435455)
_SEVEN_BITS: Final = 127


def encode_listpack(entries: Iterable[bytes | int]) -> bytes:
    """Return a listpack; strings that are integers are written as such."""
    parts: list[bytes] = []
    for entry in entries:
        part = (
            _encode_word(entry) if isinstance(entry, bytes) else _encode_integer(entry)
        )
        parts += (part, _encode_size(len(part)))
    count = min(len(parts) // 2, _UNKNOWN)
    body = b"".join(parts)
    total = _HEADER_BYTES + len(body) + 1
    return b"%b%b%b%c" % (
        total.to_bytes(4, "little"),
        count.to_bytes(2, "little"),
        body,
        _END,
    )


def entry_length(text: bytes) -> int:
    """Return how many bytes a string takes in a listpack."""
    size = len(_encode_word(text))
    return size + len(_encode_size(size))


def _encode_word(text: bytes) -> bytes:
    number = parse_int64(text)
    if number is not None:
        return _encode_integer(number)
    size = len(text)
    if size < _SHORT_STRINGS:
        return bytes([0x80 | size]) + text
    if size < _MEDIUM_STRINGS:
        return (0xE000 | size).to_bytes(2, "big") + text
    return bytes([_LONG_STRING]) + size.to_bytes(4, "little") + text


def _encode_integer(number: int) -> bytes:
    if 0 <= number < _SMALL_INTEGERS:
        return bytes([number])
    if -_MEDIUM_INTEGERS <= number < _MEDIUM_INTEGERS:
        return (0xC000 | number & 0x1FFF).to_bytes(2, "big")
    for code, size in _INTEGER_BYTES.items():
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return bytes([code]) + number.to_bytes(size, "little", signed=True)
    raise AssertionError(f"{number} is no 64-bit integer")


def _encode_size(size: int) -> bytes:
    """Return the size of an entry so that it can be read from its last byte on."""
    groups = 1 + sum(size >= limit for limit in _SIZE_LIMITS)
    first, *rest = [size >> 7 * place & _SEVEN_BITS for place in range(groups)][::-1]
    return bytes([first, *(group | 0x80 for group in rest)])


def decode_listpack(data: bytes) -> list[bytes]:
    """Return the entries of a listpack; integers as they are printed.

    Raises:
        ValueError: it is damaged.
    """
    reader = Reader(data)
    total, count = reader.number(4), reader.number(2)
    if total != len(data) or data[-1] != _END:
        raise ValueError(f"a listpack of {total} bytes has {len(data)}, or no end")
    entries: list[bytes] = []
    end = total - 1
    while reader.at < end:
        start = reader.at
        entries.append(_decode_entry(reader))
        size = _encode_size(reader.at - start)
        if reader.take(len(size)) != size:
            raise ValueError(f"the entry at {start} of a listpack lies about its size")
    if reader.at != end or count not in (len(entries), _UNKNOWN):
        raise ValueError(f"a listpack of {count} entries has {len(entries)}")
    return entries


def _decode_entry(reader: Reader) -> bytes:
    head = reader.number(1)
    if head < _SMALL_INTEGERS:
        return b"%d" % head
    if head < 0xC0:  # noqa: PLR2004 - two bits of kind, six of length
        return reader.take(head & 63)
    if head < 0xE0:  # noqa: PLR2004 - three bits of kind, five of value
        value = (head & 31) << 8 | reader.number(1)
        return b"%d" % (value - (1 << 13) if value >> 12 else value)
    if head < _LONG_STRING:
        return reader.take((head & 15) << 8 | reader.number(1))
    if head == _LONG_STRING:
        return reader.take(reader.number(4))
    if head not in _INTEGER_BYTES:
        raise ValueError(f"{head:#x} is no encoding of a listpack's entry")
    return b"%d" % reader.number(_INTEGER_BYTES[head], is_signed=True)
