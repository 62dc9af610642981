"""CRC-64 as Redis uses it at the end of RDB files and DUMP payloads.

The polynomial is Jones's, 0xad93d23594c935a9, reflected; the initial value is 0 and
nothing is added at the end.

Source: Redis 7.2, asked through FUNCTION DUMP; the check value of b"123456789" is
0xe9c6d914c4b8d9ca.
"""

from __future__ import annotations

_POLYNOMIAL = 0x95AC9329AC4BC9B5


def _make_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ _POLYNOMIAL if value & 1 else value >> 1  # noqa: PLW2901 - shifted out bit by bit
        table.append(value)
    return table


_TABLE = _make_table()


def crc64(data: bytes, crc: int = 0) -> int:
    """Return the checksum of data, going on from the checksum of what came before."""
    table = _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc
