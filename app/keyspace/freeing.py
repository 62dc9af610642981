"""Freeing: what is gone from the keyspace goes from memory a slice at a time.

    DEL, UNLINK, SET over it, FLUSHALL, a deadline
        -> `leave`: a small value is let go of at once, a large one waits
        -> `free`: for a millisecond at a time, between the turns of the loop

To free a million members takes 20 to 50 ms, for which nobody would be served. A value
is taken apart only where nobody else holds it, or a part of it: a view of the past,
say, or another key. They let go of it in their own time.

This module is not compiled: how many references a variable counts for is CPython's own.
"""

from __future__ import annotations

import sys
from collections import deque
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.deadlines import Deadlines
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import Packed
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE: Final = 2000
"""What has fewer elements is freed at once, in less than a tenth of a millisecond."""

_PACKED: Final = 128
_HASHED: Final = (Hash, Set, SortedSet)
"""Up to how many elements of these Redis keeps in one piece, which it frees at once."""

_AT_ONCE: Final = 500
_LISTS_AT_ONCE: Final = 2
_BLOCKS_AT_ONCE: Final = 8  # of a list: the elements of a block may lie one by one
_SIMPLE: Final = (bytes, Packed, tuple)

# References to what nobody else holds: a variable's and the argument's of getrefcount;
# for a part also those of its value and of the list that it stands in.
_VALUE_IS_OURS: Final = 2
_PART_IS_OURS: Final = 4


class Freeing:
    """What waits to be freed.

    Attributes:
        pending: how many values wait, and how many keys of databases that were flushed.
        freed: how many waited, and are gone; also those that did not have to wait and
            that Redis would free aside, as `lazyfreed_objects` counts.
    """

    __slots__ = ("_on_waiting", "_parts", "_table", "_waiting", "freed", "pending")

    def __init__(self, on_waiting: Callable[[], None]) -> None:
        """Begin with nothing.

        Args:
            on_waiting: called when something waits where nothing did: call `free` soon,
                until it says that nothing waits.
        """
        self.pending = 0
        self.freed = 0
        self._on_waiting = on_waiting
        self._waiting: list[Any] = []
        # What is left of the value that is being freed: only we hold these.
        self._parts: list[Any] = []
        self._table: dict[bytes, Any] | None = None

    def leave(self, value: Any) -> None:
        """Take a value that was removed.

        Whoever calls lets go of it before `free` is called.
        """
        if type(value) is Packed:
            return
        size = value.length if type(value) is Stream else len(value)
        if size < LARGE:
            if size > _PACKED and type(value) in _HASHED:
                self.freed += 1
            return
        self._wait(value)

    def leave_table(
        self, values: dict[bytes, Any], deadlines: tuple[Deadlines, ...]
    ) -> None:
        """Take the table of the keys of a database that was flushed.

        Args:
            values: the table.
            deadlines: those of its keys, and of fields in them.
        """
        if len(values) >= LARGE:
            self._wait(values)
        else:
            freed, waiting = self.freed, len(self._waiting)
            for value in values.values():
                if type(value) not in _SIMPLE:
                    self.leave(value)
            self.freed = freed + len(values) - (len(self._waiting) - waiting)
        for names in deadlines:
            if len(names) >= LARGE:
                self._wait(names)

    def _wait(self, value: Any) -> None:
        is_first = not self._waiting and not self._parts
        self._waiting.append(value)
        self.pending += _objects_in(value)
        if is_first:
            self._on_waiting()

    def free(self, nanoseconds: int) -> bool:
        """Free what waits, for so long; say whether anything still does."""
        until = perf_counter_ns() + nanoseconds
        while self._parts or self._waiting:
            if not self._parts:
                self._take_apart()
            elif not self._free_some(self._parts[-1]):
                self._parts.pop()
                self._table = None
            if perf_counter_ns() > until:
                break
        return bool(self._parts or self._waiting)

    def free_all(self) -> None:
        """Free all that waits, however long that takes."""
        while self.free(1_000_000_000):
            continue

    def _take_apart(self) -> None:
        value = self._waiting.pop()
        if sys.getrefcount(value) <= _VALUE_IS_OURS:
            parts = _parts_of(value)
            self._parts = [
                part for part in parts if sys.getrefcount(part) <= _PART_IS_OURS
            ]
            if isinstance(value, dict):
                self._parts.append(value)
            if type(value) is dict:
                self._table = value  # whose keys are counted one by one
            else:
                self._count(_objects_in(value))
        else:
            self.pending -= _objects_in(value)

    def _count(self, objects: int) -> None:
        self.pending -= objects
        self.freed += objects

    def _free_some(self, part: Any) -> int:
        """Remove some of the elements of a container; return how many."""
        count = min(len(part), _AT_ONCE)
        if self._table is not None and part is self._table:
            self._free_keys(self._table, count)
        elif isinstance(part, dict):
            for _ in range(count):
                part.popitem()
        elif count:
            if type(part[-1]) not in _SIMPLE:
                count = min(count, _LISTS_AT_ONCE)
            if isinstance(part, deque):
                count = min(count, _BLOCKS_AT_ONCE)
                for _ in range(count):
                    part.pop()
            else:
                del part[-count:]
        return count

    def _free_keys(self, table: dict[bytes, Any], count: int) -> None:
        """Remove keys of a database that was flushed; those that wait count then."""
        freed, waiting = self.freed, len(self._waiting)
        for _ in range(count):
            value = table.popitem()[1]
            if type(value) not in _SIMPLE:
                self.leave(value)
        self.pending -= count
        self.freed = freed + count - (len(self._waiting) - waiting)


def _objects_in(value: Any) -> int:
    """Return what a value counts for: 1, or the keys of a database's table."""
    if type(value) is Deadlines:
        return 0  # which go with their keys
    return len(value) if type(value) is dict else 1


def _parts_of(value: Any) -> list[Any]:
    """Return the containers that a value consists of, besides itself."""
    if isinstance(value, List | Set | SortedSet | Deadlines):
        return value.parts()
    if type(value) is Stream:
        return [value.nodes]
    return []
