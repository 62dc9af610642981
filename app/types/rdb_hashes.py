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
from joblog.app.types.steps import A_STEP

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from joblog.app.types.rdb_reader import Reader

_KIND: Final = 22
_VERSION: Final = 80
_REDIS_KIND: Final = 24
_REDIS_VERSION: Final = 12
_TIME_BYTES: Final = 8
_NEVER: Final = -1
_WORDS_EACH: Final = 3


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


def _read_absolute(reader: Reader) -> Generator[None, None, Hash]:
    made = Hash()
    for number in range(reader.length()):
        field, value = reader.string(), reader.string()
        _add(made, field, value, reader.number(_TIME_BYTES, is_signed=True))
        if number % A_STEP == 0:
            yield
    return made


def _read_relative(reader: Reader) -> Generator[None, None, Hash]:
    earliest_ms = reader.number(_TIME_BYTES)
    made = Hash()
    for number in range(reader.length()):
        after = reader.length()
        field, value = reader.string(), reader.string()
        _add(made, field, value, earliest_ms + after - 1 if after else _NEVER)
        if number % A_STEP == 0:
            yield
    return made


def _read_packed(reader: Reader) -> Hash:
    reader.take(_TIME_BYTES)
    words = decode_listpack(reader.string())
    if len(words) % _WORDS_EACH:
        raise ValueError("a field of a hash lacks its value or its deadline")
    made = Hash()
    for at in range(0, len(words), _WORDS_EACH):
        field, value, digits = words[at : at + _WORDS_EACH]
        deadline_ms = parse_int64(digits)
        if deadline_ms is None:
            raise ValueError(f"{digits!r} is no deadline")
        _add(made, field, value, deadline_ms or _NEVER)
    return made


def _add(made: Hash, field: bytes, value: bytes, deadline_ms: int) -> None:
    if not set_field(made, field, value):
        raise ValueError("a field of a hash comes twice")
    if deadline_ms != _NEVER:
        if deadline_ms < 0:
            raise ValueError(f"{deadline_ms} is no deadline")
        made.set_deadline(field, deadline_ms)


HASH_READERS: Final[dict[int, Callable[[Reader], Generator[None, None, Hash]]]] = {
    _KIND: _read_absolute,
    _REDIS_KIND: _read_relative,
}
"""The kinds of hashes with deadlines, and what reads each, a step at a time."""

PACKED_HASH_READERS: Final[dict[int, Callable[[Reader], Hash]]] = {25: _read_packed}
"""The same for those that are one string, and so are small."""
