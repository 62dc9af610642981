"""Small values that nobody asks for, packed: a third of the memory and less.

    hash         {field: value, ...}             in the order in which they came
    list         [element, ...]
    set          [[member, ...]]                 in the order in which they came
    sorted set   [{member: score, ...}]          scores are doubles

What is packed is msgpack. A job's hash of five fields takes 985 bytes as a dictionary
and 310 packed, key included; a sorted set of ten members 2,500 and 400. A database
opens a value when somebody asks for its key, and `joblog.app.keyspace.packing` packs it
again later. What has deadlines of fields, or a scan under way, is not packed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import msgpack

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PACKED_FIELDS_MAX: Final = 64
PACKED_MEMBERS_MAX: Final = 64
PACKED_SET_MAX: Final = 128
PACKED_ELEMENTS_MAX: Final = 500
_PACKED_BYTES_MAX: Final = 8192
_PUSHED_BYTES_MAX: Final = 4096

# The first byte of a map has its size where that is up to 15, else the next two do; so
# it is with an array. The only array that a map follows is a sorted set, the only one
# that another array follows is a set.
_MAP: Final = range(0x80, 0x90)
_ARRAY: Final = range(0x90, 0xA0)
_LONG_MAP: Final = 0xDE
_LONG_ARRAY: Final = 0xDC
_FEW_MASK: Final = 0x0F

# The old form of msgpack has one byte before a short value where the new one has two.
_packer: Final = msgpack.Packer(use_bin_type=False)
_pack: Final = _packer.pack


class Packed(bytes):
    """A hash, a list, a set or a sorted set that lies packed; it does not change."""

    __slots__ = ()

    def kind(self) -> type:
        """Return the class of the value. O(1)."""
        if self[0] in _MAP or self[0] == _LONG_MAP:
            return Hash
        if self[0] == _ARRAY[1]:
            if self[1] in _MAP or self[1] == _LONG_MAP:
                return SortedSet
            if self[1] in _ARRAY or self[1] == _LONG_ARRAY:
                return Set
        return List

    def count(self) -> int:  # type: ignore[override]  # nobody counts bytes in it
        """Return the number of fields, elements or members. O(1)."""
        at = 1 if self.kind() in {SortedSet, Set} else 0
        first = self[at]
        if first in {_LONG_MAP, _LONG_ARRAY}:
            return int.from_bytes(self[at + 1 : at + 3], "big")
        return first & _FEW_MASK


def pack_fields(fields: Mapping[bytes, bytes]) -> Packed | None:
    """Return a hash's fields packed, or None where they are too large. O(N)."""
    return _packed(fields) if len(fields) <= PACKED_FIELDS_MAX else None


def pack_elements(elements: list[bytes]) -> Packed | None:
    """Return a list's elements packed, or None where they are too large. O(N)."""
    return _packed(elements) if len(elements) <= PACKED_ELEMENTS_MAX else None


def push_elements(
    packed: Packed | None, elements: Sequence[bytes], *, is_left: bool
) -> Packed | None:
    """Return a packed list with more elements at one end; it is not opened. O(N).

    Args:
        packed: the list, or None for an empty one.
        elements: what is put there, one after the other.
        is_left: whether they go before the first one, else behind the last.

    Returns:
        The list, or None where it is none, or too large.
    """
    count, held = 0, b""
    if packed is not None:
        if packed.kind() is not List:
            return None
        count = packed.count()
        held = packed[1:] if count <= _FEW_MASK else packed[3:]
    count += len(elements)
    size = len(held) + sum(map(len, elements))
    if size > _PUSHED_BYTES_MAX or count > PACKED_ELEMENTS_MAX:
        return None
    head = _packer.pack_array_header(count)
    if is_left:
        return Packed(b"".join((head, *map(_pack, reversed(elements)), held)))
    return Packed(b"".join((head, held, *map(_pack, elements))))


def pack_members(members: Collection[bytes]) -> Packed | None:
    """Return a set's members packed, or None where they are too large. O(N)."""
    return _packed([list(members)]) if len(members) <= PACKED_SET_MAX else None


def pack_scores(scores: Mapping[bytes, float]) -> Packed | None:
    """Return a sorted set packed, or None where it is too large. O(N)."""
    return _packed([scores]) if len(scores) <= PACKED_MEMBERS_MAX else None


def _packed(value: Any) -> Packed | None:
    made = _pack(value)
    return Packed(made) if len(made) <= _PACKED_BYTES_MAX else None


def pack_value(value: Any) -> Packed | None:
    """Return a value packed, or None where it cannot be, or is too large. O(N)."""
    kind = type(value)
    if kind is List:
        if len(value) <= PACKED_ELEMENTS_MAX:
            elements = list(value)
            return None if _are_long(elements) else pack_elements(elements)
    elif kind is Hash:
        if value.deadlines is None and value.scan_index is None:
            return None if _are_long(value.values()) else pack_fields(value)
    elif kind is SortedSet and value.scan_index is None:
        return None if _are_long(value.scores) else pack_scores(value.scores)
    elif kind is Set and value.scan_index is None:
        return None if _are_long(value) else pack_members(value)
    return None


def _are_long(words: Collection[bytes]) -> bool:
    """Say whether some words are too many or too long; none of them is copied."""
    many = len(words) > PACKED_ELEMENTS_MAX
    return many or sum(map(len, words)) > _PACKED_BYTES_MAX


def open_value(packed: Packed) -> Hash | List | Set | SortedSet:
    """Return the value that was packed. O(N)."""
    content = contents_of(packed)
    if type(content) is dict:
        return Hash(content)
    if type(content[0]) is dict:
        made = SortedSet()
        made.scores = content[0]
        return made
    return Set(content[0]) if type(content[0]) is list else List(content)


def contents_of(packed: Packed) -> Any:
    """Return what is packed, as msgpack has it: see the head of this module. O(N)."""
    return msgpack.unpackb(packed, raw=True, strict_map_key=False)


def fields_of(packed: Packed) -> dict[bytes, bytes]:
    """Return the fields and values of a packed hash, in order. O(N)."""
    return cast("dict[bytes, bytes]", contents_of(packed))


def opened(value: Any) -> Any:
    """Return a value of any type as one can look at it: not packed."""
    return open_value(value) if type(value) is Packed else value
