"""SCAN cursors over a dictionary: nothing that stays is ever missed.

The promise: an element that is there from the first call of a scan to the last is
returned, whatever is added, removed or expired meanwhile. Others may or may not be, and
an element may come twice.

A Python dictionary keeps its elements in the order in which they came. So the place of
an element, counted from the oldest, never rises: removals before it lower it, additions
come behind it, a new value leaves it where it is. A scan therefore walks **from the
newest to the oldest**, and its cursor is the number of places still ahead of it:

    oldest                      cursor                  newest
    +---------------------------+-----------------------+
    | still to be returned      | returned              |  new elements come here
    +---------------------------+-----------------------+

What has not been returned lies below the cursor and can only sink further. No state is
needed for this, and writes pay nothing for it; the cursor outlives a restart, for a
fold makes the dictionary in the same order.

What is needed is a quick way to a place. Near either end the dictionary is walked. In
between, `ScanIndex` keeps a list of all elements as they stood at some moment, where
places are those of that moment. Any cursor given before that moment may use it, since
places only sink. A cursor given by a walk *after* it may not: the list lacks what was
added in between. The low bits of a cursor tell these apart: they number the list that
the cursor came from or, for a walk, the next one; meeting the next one's number, the
list is made anew. Making one costs about 5 ns an element. It goes once a scan is
complete; losing one at any time does no harm.

Two rules for the owners of dictionaries: replacing a value must not move its key
(assign to it, don't delete and insert), and a dictionary that takes another's place
brings its own `scan_index`, or None.

Tried and dropped: elements ordered by a hash, the cursor a hash. It needs a sort of all
elements when a scan starts, half a second for a million, and a hook in every write.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, Protocol

# Up to this many elements are walked over rather than making a list of all.
_WALK: Final = 2048
_GENERATION_BITS: Final = 3
_GENERATIONS: Final = 1 << _GENERATION_BITS
CURSOR_MAX: Final = (1 << 64) - 1


class HasScanIndex(Protocol):
    """What owns a dictionary that can be scanned, or is one: a Database, a Hash .."""

    scan_index: Any  # ScanIndex | None; the types may not import this module


class ScanIndex:
    """Quick ways to places in a dictionary, for the scans under way."""

    __slots__ = ("_generation", "_order")

    def __init__(self) -> None:
        """Make an index that has no list yet."""
        self._order: list[bytes] | None = None
        self._generation = 0

    def step(
        self, table: dict[bytes, Any], cursor: int, count: int
    ) -> tuple[int, list[bytes]]:
        """Return the next elements of a scan.

        Args:
            table: the dictionary, the same one for each step.
            cursor: 0 to begin, else what the last step returned.
            count: how many elements, 1 or more.

        Returns:
            The next cursor, 0 at the end; and the elements, at most `count`, perhaps
            none before the end.
        """
        size = len(table)
        place = min(cursor >> _GENERATION_BITS, size) if cursor else size
        first = max(place - count, 0)
        if min(place, size - first) <= _WALK + count:
            return self._next_cursor(first, 1), walk(table, first, place)
        order = self._order
        is_newer = cursor % _GENERATIONS == (self._generation + 1) % _GENERATIONS
        if order is None or is_newer or len(order) > 2 * size + count:
            order = self._order = list(table)
            self._generation += 1
        place = min(cursor >> _GENERATION_BITS, len(order))
        first = max(place - count, 0)
        found = [element for element in order[first:place] if element in table]
        return self._next_cursor(first, 0), found

    def _next_cursor(self, place: int, ahead: int) -> int:
        if not place:
            self._order = None
            return 0
        return place << _GENERATION_BITS | (self._generation + ahead) % _GENERATIONS


def walk(table: dict[bytes, Any], first: int, end: int) -> list[bytes]:
    """Return the elements from one place to before another, from the nearer end."""
    size = len(table)
    if size - first < end:
        return list(islice(reversed(table), size - end, size - first))
    return list(islice(table, first, end))


def scan_table(
    owner: HasScanIndex, table: dict[bytes, Any], cursor: int, count: int
) -> tuple[int, list[bytes]]:
    """Return the next elements of a scan over a dictionary (see `ScanIndex.step`).

    Args:
        owner: where the index is kept.
        table: the dictionary that it owns, or is.
        cursor: 0 to begin, else what the last call returned.
        count: how many elements, 1 or more.

    Returns:
        The next cursor, 0 at the end, and the elements.
    """
    index: ScanIndex | None = owner.scan_index
    if index is None:
        index = owner.scan_index = ScanIndex()
    return index.step(table, cursor, count)
