"""Values as DUMP payloads hold them: a byte for the kind, then the value.

    0   string                        10  list, one ziplist
    1   list, its elements            11  set, integers
    2   set, its members              12  sorted set, one ziplist
    3   sorted set, printed scores    13  hash, one ziplist
    4   hash, fields and values       14  list, ziplists
    5   sorted set, binary scores     16  hash, one listpack
    9   hash, one zipmap              17  sorted set, one listpack
    15, 19, 21  streams               18  list, listpacks and single elements
    22, 24, 25  hash with deadlines   20  set, one listpack

All of them are read. Written are the first few, which every server since Redis 4 knows
and turns into whatever encoding it wants, streams (see `rdb_streams`), and 22 or 24 for
a hash with fields that expire (see `rdb_hashes`).

Source: the RDB format; tests/parity/test_dump.py moves values to real servers and back.
"""

from __future__ import annotations

import math
import struct
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.listpack import decode_listpack
from joblog.app.types.lists import List
from joblog.app.types.numbers import parse_double
from joblog.app.types.packed_values import opened
from joblog.app.types.rdb_hashes import (
    HASH_READERS,
    PACKED_HASH_READERS,
    encode_expiring_hash,
)
from joblog.app.types.rdb_streams import STREAM_READERS, encode_stream
from joblog.app.types.rdb_strings import (
    encode_length,
    encode_rdb_string,
    encode_short_string,
)
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.steps import A_STEP, finish
from joblog.app.types.streams import Stream
from joblog.app.types.ziplist import decode_intset, decode_ziplist, decode_zipmap

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from joblog.app.types.rdb_reader import Reader

_STRING, _LIST, _SET, _HASH, _SORTED_SET = 0, 1, 2, 4, 5
_PLAIN_NODE, _PACKED_NODE = 1, 2
_PLAIN_VERSION: Final = 9
_NAN, _PLUS_INFINITY, _MINUS_INFINITY = 253, 254, 255
_DOUBLE: Final = struct.Struct("<d")


def encode_value(value: Any, *, is_for_redis: bool = False) -> tuple[bytes, int]:
    """Serialize a value of any type.

    Args:
        value: the value.
        is_for_redis: whether deadlines of hash fields are for Redis, not for Valkey.

    Returns:
        The kind and the value, and the lowest RDB version that knows it.
    """
    value = opened(value)
    kind = type(value)
    if kind is Stream:
        return encode_stream(value)
    if kind is Hash and value.deadlines is not None:
        return encode_expiring_hash(value, is_for_redis=is_for_redis)
    if kind is bytes:
        return bytes([_STRING]) + encode_short_string(value), _PLAIN_VERSION
    words: Iterable[bytes] = map(encode_rdb_string, value)
    if kind is SortedSet:
        pairs = value.scores.items()
        words = [
            word
            for member, score in pairs
            for word in (encode_rdb_string(member), _DOUBLE.pack(score))
        ]
    elif kind is Hash:
        words = map(encode_rdb_string, chain.from_iterable(value.items()))
    head = {List: _LIST, Set: _SET, Hash: _HASH, SortedSet: _SORTED_SET}[kind]
    parts = [bytes([head]), encode_length(len(value)), *words]
    return b"".join(parts), _PLAIN_VERSION


def decode_value(reader: Reader) -> Any:
    """Return the value that a reader comes to; nothing behind it is looked at.

    Raises:
        ValueError: it is damaged, empty, or of a kind that nobody here knows.
    """
    return decode_body(reader.number(1), reader)


def decode_body(kind: int, reader: Reader) -> Any:
    """Return a value whose kind is known already, as `decode_value` does."""
    return finish(decode_in_steps(kind, reader))


def decode_in_steps(kind: int, reader: Reader) -> Generator[None, None, Any]:
    """Return a value whose kind is known already, a step at a time if it is large."""
    read = _READERS.get(kind)
    if read is not None:
        value = read(reader)
    elif kind in _STEPPED:
        value = yield from _STEPPED[kind](reader)
    else:
        raise ValueError(f"{kind} is no kind of value")
    if type(value) in _COLLECTIONS and not value:
        raise ValueError("a collection has no elements")
    return value


_COLLECTIONS: Final = frozenset((List, Set, Hash, SortedSet))


def _unpacked(
    unpack: Callable[[bytes], list[bytes]], build: Callable[[list[bytes]], Any]
) -> Callable[[Reader], Any]:
    """Return a function that reads one packed string and builds a value of it."""
    return lambda reader: build(unpack(reader.string()))


def _build_set(members: list[bytes]) -> Set:
    made = Set(members)
    if len(made) != len(members):
        raise ValueError("a member of a set comes twice")
    return made


def _build_hash(words: list[bytes]) -> Hash:
    fields = _pairs(words)
    made = Hash(dict(fields))
    if len(made) != len(fields):
        raise ValueError("a field of a hash comes twice")
    return made


def _build_printed(words: list[bytes]) -> SortedSet:
    return _build_sorted_set(
        [(_parse_score(score), member) for member, score in _pairs(words)]
    )


def _build_sorted_set(pairs: list[tuple[float, bytes]]) -> SortedSet:
    if any(math.isnan(score) for score, _ in pairs):
        raise ValueError("a score is not a number")
    made = SortedSet(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member of a sorted set comes twice")
    return made


def _pairs(words: list[bytes]) -> list[tuple[bytes, bytes]]:
    if len(words) % 2:
        raise ValueError("a word has no partner")
    return list(zip(words[::2], words[1::2], strict=True))


def _parse_score(text: bytes) -> float:
    value = parse_double(text)
    if value is None:
        # Tiny scores print as they are, though reading them back underflows.
        value = float(text)
    return value


def _read_string(reader: Reader) -> Generator[None, None, bytes]:
    return (yield from reader.string_in_steps())


def _read_list(reader: Reader) -> Generator[None, None, List]:
    made = List()
    for elements in reader.strings():
        made.extend(elements)
        yield
    return made


def _read_set(reader: Reader) -> Generator[None, None, Set]:
    made = Set()
    for members in reader.strings():
        if made.add_all(members) != len(members):
            raise ValueError("a member of a set comes twice")
        yield
    return made


def _read_hash(reader: Reader) -> Generator[None, None, Hash]:
    made = Hash()
    for words in reader.strings(2):
        if made.put_all(words[::2], words[1::2]) != len(words) // 2:
            raise ValueError("a field of a hash comes twice")
        yield
    return made


def _read_scores(
    reader: Reader, score: Callable[[Reader], float]
) -> Generator[None, None, SortedSet]:
    count = reader.length()
    made = SortedSet()
    if count > A_STEP:
        made.pairs()  # it is in order from the beginning: nobody has to sort it
    for number in range(count):
        member = reader.string()
        value = score(reader)
        if math.isnan(value):
            raise ValueError("a score is not a number")
        if made.put(member, value) is not None:
            raise ValueError("a member of a sorted set comes twice")
        if number % A_STEP == 0:
            yield
    return made


def _printed_score(reader: Reader) -> float:
    size = reader.number(1)
    if size == _NAN:
        return math.nan
    if size in (_PLUS_INFINITY, _MINUS_INFINITY):
        return math.inf if size == _PLUS_INFINITY else -math.inf
    return _parse_score(reader.take(size))


def _read_ziplists(reader: Reader) -> Generator[None, None, List]:
    made = List()
    for _ in range(reader.length()):
        made.extend(decode_ziplist(reader.string()))
        yield
    return made


def _read_listpacks(reader: Reader) -> Generator[None, None, List]:
    made = List()
    for _ in range(reader.length()):
        container = reader.length()
        if container == _PLAIN_NODE:
            made.append((yield from reader.string_in_steps()))
        elif container == _PACKED_NODE:
            made.extend(decode_listpack(reader.string()))
        else:
            raise ValueError(f"{container} is no container of a list's elements")
        yield
    return made


_READERS: Final[dict[int, Callable[[Reader], Any]]] = {
    9: _unpacked(decode_zipmap, _build_hash),
    10: _unpacked(decode_ziplist, List),
    11: _unpacked(decode_intset, _build_set),
    12: _unpacked(decode_ziplist, _build_printed),
    13: _unpacked(decode_ziplist, _build_hash),
    16: _unpacked(decode_listpack, _build_hash),
    17: _unpacked(decode_listpack, _build_printed),
    20: _unpacked(decode_listpack, _build_set),
    **PACKED_HASH_READERS,
}
"""What reads each kind that is one string, and so is small."""

_STEPPED: Final[dict[int, Callable[[Reader], Generator[None, None, Any]]]] = {
    _STRING: _read_string,
    _LIST: _read_list,
    _SET: _read_set,
    3: partial(_read_scores, score=_printed_score),
    _HASH: _read_hash,
    _SORTED_SET: partial(_read_scores, score=lambda reader: reader.double()),
    14: _read_ziplists,
    18: _read_listpacks,
    **HASH_READERS,
    **STREAM_READERS,
}
"""What reads each other kind, a step at a time."""
