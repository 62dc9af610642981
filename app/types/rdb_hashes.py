"""Hashes with deadlines as DUMP payloads hold them.

    22   count | field | value | deadline_ms (8), signed, -1 for none | ...
    24   earliest_ms (8) | count | after | field | value | ...
    25   earliest_ms (8) | a listpack: field, value, deadline_ms or 0, ...

22 is Valkey's (since 9.0), and what is written unless a file is for Redis; 24 and 25
are Redis's (since 7.4). `after` is a length: 0 for no deadline, else one more than its
distance from the earliest. A hash without any deadline is one of the older kinds (see
`rdb_values`).

Source: the RDB format; see tests/parity/test_dump.py for Valkey's, and
tests/replay/test_targets.py for Redis's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.types.hashes import Hash, set_field
from joblog.app.types.listpack import decode_listpack
from joblog.app.types.numbers import parse_int64
from joblog.app.types.rdb_strings import encode_length, encode_rdb_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from joblog.app.types.rdb_reader import Reader

_KIND: Final = 22
_VERSION: Final = 80
_REDIS_KIND: Final = 24
_REDIS_VERSION: Final = 12
_TIME_BYTES: Final = 8
_NEVER: Final = -1
_WORDS_EACH: Final = 3

Entry = tuple[bytes, bytes, int]
"""A field, its value, and its deadline in ms since the epoch, or `_NEVER`."""


def encode_expiring_hash(
    table: Hash, *, is_for_redis: bool = False
) -> tuple[bytes, int]:
    """Serialize a hash that has deadlines.

    Args:
        table: the hash.
        is_for_redis: whether Redis 7.4 is to read it, not Valkey 9.

    Returns:
        The kind and the hash, and the lowest RDB version that knows it.
    """
    if is_for_redis:
        return _encode_relative(table), _REDIS_VERSION
    parts = [bytes([_KIND]), encode_length(len(table))]
    for field, value in table.items():
        deadline_ms = table.deadline_ms(field)
        time = _NEVER if deadline_ms is None else deadline_ms
        parts += [
            encode_rdb_string(field),
            encode_rdb_string(value),
            time.to_bytes(_TIME_BYTES, "little", signed=True),
        ]
    return b"".join(parts), _VERSION


def _encode_relative(table: Hash) -> bytes:
    deadlines: Mapping[bytes, int] = table.deadlines or {}
    earliest_ms = min(deadlines.values(), default=0)
    parts = [
        bytes([_REDIS_KIND]),
        earliest_ms.to_bytes(_TIME_BYTES, "little"),
        encode_length(len(table)),
    ]
    for field, value in table.items():
        deadline_ms = deadlines.get(field)
        after = 0 if deadline_ms is None else deadline_ms - earliest_ms + 1
        parts += [
            encode_length(after),
            encode_rdb_string(field),
            encode_rdb_string(value),
        ]
    return b"".join(parts)


def _read_absolute(reader: Reader) -> Hash:
    return _build(
        (
            reader.string(),
            reader.string(),
            reader.number(_TIME_BYTES, is_signed=True),
        )
        for _ in range(reader.length())
    )


def _read_relative(reader: Reader) -> Hash:
    earliest_ms = reader.number(_TIME_BYTES)
    entries = []
    for _ in range(reader.length()):
        after = reader.length()
        field, value = reader.string(), reader.string()
        entries.append((field, value, earliest_ms + after - 1 if after else _NEVER))
    return _build(entries)


def _read_packed(reader: Reader) -> Hash:
    reader.take(_TIME_BYTES)
    words = decode_listpack(reader.string())
    if len(words) % _WORDS_EACH:
        raise ValueError("a field of a hash lacks its value or its deadline")
    entries = []
    for at in range(0, len(words), _WORDS_EACH):
        field, value, digits = words[at : at + _WORDS_EACH]
        deadline_ms = parse_int64(digits)
        if deadline_ms is None:
            raise ValueError(f"{digits!r} is no deadline")
        entries.append((field, value, deadline_ms or _NEVER))
    return _build(entries)


def _build(entries: Iterable[Entry]) -> Hash:
    made = Hash()
    for field, value, deadline_ms in entries:
        if not set_field(made, field, value):
            raise ValueError("a field of a hash comes twice")
        if deadline_ms != _NEVER:
            if deadline_ms < 0:
                raise ValueError(f"{deadline_ms} is no deadline")
            made.set_deadline(field, deadline_ms)
    return made


HASH_READERS: Final[dict[int, Callable[[Reader], Hash]]] = {
    _KIND: _read_absolute,
    _REDIS_KIND: _read_relative,
    25: _read_packed,
}
"""The kinds of hashes with deadlines, and what reads each."""
