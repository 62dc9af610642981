"""Values as they lie in a snapshot: what msgpack takes, laid out to be read fast.

    0  string      bin
    1  list        [element, ...]
    2  set         [[member, ...], nil]: the members in the order in which they came;
                   once there were numbers in place of nil, which say nothing now
    3  sorted set  [[member, ...], bin]: the scores, doubles, little-endian
    4  hash        [field, value, field, value, ...]
    5  hash        [[field, value, ...], [field, deadline, ...]]: one whose fields have
                   deadlines of their own, ms since the epoch
    6  stream      see `snapshot_streams`

The number is the kind. Another form of a value gets another number, so that a program
that does not know it says so instead of leaving something out. What is rebuilt is equal
down to the orders that a SCAN under way goes by.
"""

from __future__ import annotations

import sys
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import (
    PACKED_MEMBERS_MAX,
    Packed,
    contents_of,
    pack_elements,
    pack_fields,
    pack_members,
    pack_scores,
)
from joblog.app.types.sets import Set
from joblog.app.types.snapshot_streams import (
    count_entries,
    pack_stream,
    unpack_stream,
)
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

STRING_KIND: Final = 0
LIST_KIND: Final = 1
HASH_KIND: Final = 4
EXPIRING_HASH_KIND: Final = 5
STREAM_KIND: Final = 6


def pack_set(members: Set) -> list[Any]:
    """Return the wire form of a set."""
    return [list(members), None]


def unpack_set(wire: list[Any]) -> Set:
    """Return the set in a wire form."""
    members, _ = wire
    return Set(members)


def unpack_small_set(wire: list[Any]) -> Set | Packed:
    """Return the set in a wire form, packed where it can be."""
    return pack_members(wire[0]) or unpack_set(wire)


def pack_sorted_set(value: SortedSet) -> list[Any]:
    """Return the wire form of a sorted set."""
    return _pack_scores(value.scores)


def _pack_scores(scores: dict[bytes, float]) -> list[Any]:
    return [list(scores), _swapped(array("d", scores.values())).tobytes()]


def unpack_sorted_set(wire: list[Any]) -> SortedSet:
    """Return the sorted set in a wire form."""
    made = SortedSet()
    made.scores = _unpack_scores(wire)
    return made


def unpack_small_sorted_set(wire: list[Any]) -> SortedSet | Packed:
    """Return the sorted set in a wire form, packed where it can be."""
    if len(wire[0]) > PACKED_MEMBERS_MAX:
        return unpack_sorted_set(wire)
    return pack_scores(_unpack_scores(wire)) or unpack_sorted_set(wire)


def _unpack_scores(wire: list[Any]) -> dict[bytes, float]:
    members, packed = wire
    scores = array("d")
    scores.frombytes(packed)
    return dict(zip(members, _swapped(scores), strict=True))


def unpack_small_list(wire: list[bytes]) -> List | Packed:
    """Return the list in a wire form, packed where it can be."""
    return pack_elements(wire) or List(wire)


def _swapped(scores: array[float]) -> array[float]:
    """Return doubles in little-endian order, whatever this machine's is."""
    if sys.byteorder == "big":
        scores.byteswap()
    return scores


def pack_hash(value: dict[bytes, bytes]) -> list[bytes]:
    """Return the wire form of a hash."""
    return list(chain.from_iterable(value.items()))


def unpack_hash(wire: list[bytes]) -> Hash:
    """Return the hash in a wire form."""
    made = Hash()
    words = iter(wire)
    made.update(zip(words, words, strict=True))
    return made


def _pack_packed(value: Packed) -> list[Any]:
    content = contents_of(value)
    kind = value.kind()
    if kind is Hash:
        return pack_hash(content)
    if kind is Set:
        return [content[0], None]
    return _pack_scores(content[0]) if kind is SortedSet else content


def unpack_small_hash(wire: list[bytes]) -> Hash | Packed:
    """Return the hash in a wire form, packed where it can be."""
    words = iter(wire)
    fields = dict(zip(words, words, strict=True))
    return pack_fields(fields) or Hash(fields)


def pack_expiring_hash(value: Hash) -> list[Any]:
    """Return the wire form of a hash with deadlines."""
    assert value.deadlines is not None
    return [pack_hash(value), list(chain.from_iterable(value.deadlines.items()))]


def unpack_expiring_hash(wire: list[Any]) -> Hash:
    """Return the hash in a wire form with deadlines."""
    fields, deadlines = wire
    names = iter(deadlines)
    return Hash(unpack_hash(fields), dict(zip(names, names, strict=True)))


def packer_of(value: Any) -> tuple[int, Callable[[Any], Any]]:
    """Return the kind of a value, and what makes its wire form."""
    if type(value) is Hash and value.deadlines is not None:
        return EXPIRING_HASH_KIND, pack_expiring_hash
    if type(value) is Packed:
        return PACKERS[value.kind()][0], _pack_packed
    return PACKERS[type(value)]


def wire_elements(kind: int, wire: Any) -> int:
    """Return how many elements, fields or entries a wire form has; not of a string."""
    if kind == LIST_KIND:
        return len(wire)
    if kind == HASH_KIND:
        return len(wire) // 2
    if kind == EXPIRING_HASH_KIND:
        return len(wire[0]) // 2
    return count_entries(wire) if kind == STREAM_KIND else len(wire[0])


def _same(value: Any) -> Any:
    return value


PACKERS: Final[dict[type, tuple[int, Callable[[Any], Any]]]] = {
    bytes: (STRING_KIND, _same),
    List: (LIST_KIND, list),
    Set: (2, pack_set),
    SortedSet: (3, pack_sorted_set),
    Hash: (HASH_KIND, pack_hash),
    Stream: (STREAM_KIND, pack_stream),
}
"""For each type of value: its kind, and what makes its wire form; see `packer_of`."""

UNPACKERS: Final[dict[int, Callable[[Any], Any]]] = {
    STRING_KIND: _same,
    LIST_KIND: List,
    2: unpack_set,
    3: unpack_sorted_set,
    HASH_KIND: unpack_hash,
    EXPIRING_HASH_KIND: unpack_expiring_hash,
    STREAM_KIND: unpack_stream,
}
"""For each kind what makes the value of a wire form."""

PACKED_UNPACKERS: Final = {
    **UNPACKERS,
    LIST_KIND: unpack_small_list,
    2: unpack_small_set,
    3: unpack_small_sorted_set,
    HASH_KIND: unpack_small_hash,
}
"""The same where small values may lie packed."""
