"""CRC-64 as Redis uses it at the end of RDB files and DUMP payloads.

The polynomial is Jones's, 0xad93d23594c935a9, reflected; the initial value is 0 and
nothing is added at the end.

A checksum goes on with each byte: `crc = table[(crc ^ byte) & 255] ^ crc >> 8`. Python
takes its time for that, so

- eight bytes are taken at a time: what each of them comes to with those that follow it
  stands in a table of its own;
- of long data a thousand stretches are taken side by side. Their checksums lie in one
  large number, all lowest bytes first, then all that are next, so that a table is
  looked up for all of them by one `bytes.translate`. Then they are put together: a
  checksum is linear, and what it comes to behind a stretch of zeroes is eight look-ups;
- of longer data most is left out first. A checksum is the remainder of a division by
  the polynomial, and stays the same where a multiple of it is added to the data.
  `_DISTANCES` is one that has sixteen terms, all of them whole kilobytes apart: each
  kilobyte is added to those so far behind it, and is gone itself.

The first way does 7 to 20 MB/s, the second 60, the third 200, compiled or not.

Source: Redis 7.2, asked through FUNCTION DUMP; the check value of b"123456789" is
0xe9c6d914c4b8d9ca.
"""

from __future__ import annotations

import struct
from functools import cache, reduce
from operator import itemgetter, xor
from typing import Final

_POLYNOMIAL = 0x95AC9329AC4BC9B5
_WORD_BYTES = 8
_STRETCHES: Final = 1024
_STRETCH_BYTES: Final = 128
_BLOCK_BYTES: Final = _STRETCHES * _STRETCH_BYTES

_PIECE_BYTES: Final = 1024
_DISTANCES: Final = (5, 9, 13, 21, 25, 45, 54, 59, 82, 83, 85, 90, 105, 111, 115)
_LONGEST: Final = _DISTANCES[-1]
_those_before: Final = itemgetter(*(-distance for distance in _DISTANCES))
_LONG_BYTES: Final = 4 * _LONGEST * _PIECE_BYTES
_FOLDED_BYTES: Final = 1 << 23
"""From how many bytes on most is left out, and of how many at a time."""


def _make_tables() -> list[list[int]]:
    """Return tables for a byte with none, one, ... seven bytes behind it."""
    first = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ _POLYNOMIAL if value & 1 else value >> 1
        first.append(value)
    tables = [first]
    for _ in range(_WORD_BYTES - 1):
        tables.append([first[value & 255] ^ value >> 8 for value in tables[-1]])
    return tables


_TABLES = _make_tables()


def crc64(data: bytes, crc: int = 0) -> int:
    """Return the checksum of data, going on from the checksum of what came before."""
    if len(data) >= _LONG_BYTES:
        for at in range(0, len(data), _FOLDED_BYTES):
            crc = _take_blocks(*_folded(data[at : at + _FOLDED_BYTES], crc))
        return crc
    return _take_blocks(data, crc)


def _folded(data: bytes, crc: int) -> tuple[bytes, int]:
    """Return shorter data that has the same checksum, and what to go on from."""
    size = _PIECE_BYTES
    gone_bytes = (len(data) // size - _LONGEST) * size
    if gone_bytes <= 0:
        return data, crc
    # What came before is as if it were added to the first eight bytes.
    pieces = [0] * _LONGEST
    for at in range(0, gone_bytes, size):
        piece = int.from_bytes(data[at : at + size], "little") ^ crc
        pieces.append(reduce(xor, _those_before(pieces), piece))
        crc = 0
    left = []
    for number in range(_LONGEST):
        at = gone_bytes + number * size
        piece = int.from_bytes(data[at : at + size], "little")
        for distance in _DISTANCES:
            if distance > number:
                piece ^= pieces[number - distance]
        left.append(piece.to_bytes(size, "little"))
    return b"".join((*left, data[gone_bytes + _LONGEST * size :])), 0


def _take_blocks(data: bytes, crc: int) -> int:
    whole = len(data) - len(data) % _BLOCK_BYTES
    for at in range(0, whole, _BLOCK_BYTES):
        crc = _take_block(data[at : at + _BLOCK_BYTES], crc)
    return _take_words(data[whole:] if whole else data, crc)


def _take_words(data: bytes, crc: int) -> int:
    t0, t1, t2, t3, t4, t5, t6, t7 = _TABLES
    rest = len(data) % _WORD_BYTES
    whole = memoryview(data)[: len(data) - rest]
    for (word,) in struct.iter_unpack("<Q", whole):
        a, b, c, d, e, f, g, h = (crc ^ word).to_bytes(_WORD_BYTES, "little")
        crc = t7[a] ^ t6[b] ^ t5[c] ^ t4[d] ^ t3[e] ^ t2[f] ^ t1[g] ^ t0[h]
    for byte in data[len(data) - rest :]:
        crc = t0[(crc ^ byte) & 255] ^ crc >> 8
    return crc


def _take_block(data: bytes, crc: int) -> int:
    """Go on with a block: the checksums of its stretches, then all of them in order."""
    planes, (s0, s1, s2, s3, s4, s5, s6, s7) = _block_tables()
    lowest = (1 << 8 * _STRETCHES) - 1
    states = 0
    for at in range(_STRETCH_BYTES):
        column = int.from_bytes(data[at::_STRETCH_BYTES], "little")
        looked_up = (states & lowest ^ column).to_bytes(_STRETCHES, "little").translate
        found = b"".join([looked_up(plane) for plane in planes])
        states = states >> 8 * _STRETCHES ^ int.from_bytes(found, "little")
    lying = states.to_bytes(_WORD_BYTES * _STRETCHES, "little")
    standing = bytearray(len(lying))
    for number in range(_WORD_BYTES):
        start = number * _STRETCHES
        standing[number::_WORD_BYTES] = lying[start : start + _STRETCHES]
    for (own,) in struct.iter_unpack("<Q", standing):
        a, b, c, d, e, f, g, h = crc.to_bytes(_WORD_BYTES, "little")
        crc = own ^ s0[a] ^ s1[b] ^ s2[c] ^ s3[d] ^ s4[e] ^ s5[f] ^ s6[g] ^ s7[h]
    return crc


@cache
def _block_tables() -> tuple[list[bytes], list[list[int]]]:
    """Return what a block takes.

    Returns:
        For each byte of a checksum that byte of the first table, for `translate`; and
        for each byte of a checksum what it comes to behind a stretch of zeroes.
    """
    first = _TABLES[0]
    planes = [bytes(value >> 8 * at & 255 for value in first) for at in range(8)]
    bits = [_behind_zeroes(1 << bit) for bit in range(64)]
    behind = []
    for at in range(_WORD_BYTES):
        table = [0] * 256
        for byte in range(1, 256):
            lowest = byte & -byte
            bit = 8 * at + lowest.bit_length() - 1
            table[byte] = table[byte ^ lowest] ^ bits[bit]
        behind.append(table)
    return planes, behind


def _behind_zeroes(crc: int) -> int:
    for _ in range(_STRETCH_BYTES):
        crc = _TABLES[0][crc & 255] ^ crc >> 8
    return crc
