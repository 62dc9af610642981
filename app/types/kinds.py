"""The types of values: their names, and how any value is copied."""

from __future__ import annotations

from typing import Any, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import Packed
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

_NAMES: Final[dict[type, bytes]] = {
    bytes: b"string",
    Hash: b"hash",
    List: b"list",
    Set: b"set",
    SortedSet: b"zset",
    Stream: b"stream",
}


def kind_name(value: Any) -> bytes:
    """Return Redis's name for the type of a value, as TYPE answers it."""
    return _NAMES[value.kind() if type(value) is Packed else type(value)]


def copy_value(value: Any) -> Any:
    """Return an equal value that shares nothing which can change. O(N)."""
    return value if isinstance(value, bytes) else value.copy()
