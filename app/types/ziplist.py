"""Ziplists, zipmaps and integer sets: how older servers packed small collections.

Nothing here is written any more; values that old servers dumped are still read, and the
integer sets of today's servers.

    ziplist   total bytes (4) | place of the last entry (4) | count (2) | entries | 0xff
    entry     size of the entry before (1, or 0xfe and 4) | encoding | data

    00nnnnnn, 01nnnnnn n, 0x80 nnnn      a string; the length has its high byte first
    0xc0, 0xd0, 0xe0, 0xf0, 0xfe         an integer of 2, 4, 8, 3, 1 bytes, signed
    0xf1 to 0xfd                         an integer from 0 to 12

    zipmap    count (1) | size, key, size, unused (1), value, unused bytes ... | 0xff
    intset    bytes of each (4) | count (4) | integer, signed ...

Numbers have their low byte first where nothing else is said.

Source: the format, as Redis 7.0.15 reads it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from joblog.app.types.rdb_reader import Reader

_END: Final = 0xFF
_LONG: Final = 0xFE
_UNKNOWN: Final = 0xFFFF
_HEADER_BYTES: Final = 10
_INTEGER_BYTES: Final = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}
_INTSET_BYTES: Final = (2, 4, 8)


def decode_ziplist(data: bytes) -> list[bytes]:
    """Return the entries of a ziplist; integers as they are printed.

    Raises:
        ValueError: it is damaged.
    """
    reader = Reader(data)
    total, tail, count = reader.number(4), reader.number(4), reader.number(2)
    if total != len(data) or data[-1] != _END:
        raise ValueError(f"a ziplist of {total} bytes has {len(data)}, or no end")
    entries: list[bytes] = []
    last, before, end = _HEADER_BYTES, 0, total - 1
    while reader.at < end:
        last = reader.at
        size = reader.number(1)
        if (reader.number(4) if size == _LONG else size) != before:
            raise ValueError(f"the entry at {last} of a ziplist lies about the last")
        entries.append(_decode_entry(reader))
        before = reader.at - last
    if reader.at != end or last != tail or count not in (len(entries), _UNKNOWN):
        raise ValueError(f"a ziplist of {count} entries has {len(entries)}")
    return entries


def _decode_entry(reader: Reader) -> bytes:
    head = reader.number(1)
    kind = head >> 6
    if kind == 0:
        return reader.take(head & 63)
    if kind == 1:
        return reader.take((head & 63) << 8 | reader.number(1))
    if head == 0x80:  # noqa: PLR2004 - the kind alone: the length follows
        return reader.take(int.from_bytes(reader.take(4), "big"))
    if head in _INTEGER_BYTES:
        return b"%d" % reader.number(_INTEGER_BYTES[head], is_signed=True)
    if 0xF1 <= head <= 0xFD:  # noqa: PLR2004 - four bits of kind, four of value
        return b"%d" % (head - 0xF1)
    raise ValueError(f"{head:#x} is no encoding of a ziplist's entry")


def decode_zipmap(data: bytes) -> list[bytes]:
    """Return the keys and values of a zipmap, in turn.

    Raises:
        ValueError: it is damaged.
    """
    reader = Reader(data)
    count = reader.number(1)
    words: list[bytes] = []
    while (size := reader.number(1)) != _END:
        words.append(reader.take(reader.number(4) if size == _LONG else size))
        size = reader.number(1)
        if size == _END:
            raise ValueError("a zipmap ends behind a key")
        size = reader.number(4) if size == _LONG else size
        unused = reader.number(1)
        words.append(reader.take(size))
        reader.take(unused)
    if not reader.is_at_end() or (count < _LONG and count * 2 != len(words)):
        raise ValueError(f"a zipmap of {count} keys has {len(words)} words")
    return words


def decode_intset(data: bytes) -> list[bytes]:
    """Return the members of an integer set, as they are printed, in rising order.

    Raises:
        ValueError: it is damaged.
    """
    reader = Reader(data)
    size, count = reader.number(4), reader.number(4)
    if size not in _INTSET_BYTES or len(data) != reader.at + size * count:
        raise ValueError(f"{count} integers of {size} bytes are not {len(data)} bytes")
    numbers = [reader.number(size, is_signed=True) for _ in range(count)]
    if any(low >= high for low, high in pairwise(numbers)):
        raise ValueError("the integers of a set do not rise")
    return [b"%d" % number for number in numbers]
