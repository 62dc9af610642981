"""Lists: a deque whose methods the hot commands call directly.

A `List` is a `collections.deque` of bytes: blocks of 64 pointers, chained both ways.
Pushing and popping at either end is one C call; an index costs a hop for each 64
elements between it and the nearer end. What the deque lacks is here: ranges that walk
from the nearer end, removal by value from either side, and the name of the encoding
that Redis would have chosen.
"""

from __future__ import annotations

import operator
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LISTPACK: Final = b"listpack"
QUICKLIST: Final = b"quicklist"

# Few elements far from both ends are fetched one by one (a hop for each 64 elements
# skipped) instead of walking there; below these two figures walking wins.
_FAR: Final = 1024
_FEW: Final = 64

_LISTPACK_BYTES_MAX: Final = {-1: 4096, -2: 8192, -3: 16384, -4: 32768, -5: 65536}
_LISTPACK_SAFE_BYTES: Final = 8192
_LISTPACK_HEADER_BYTES: Final = 7
_SMALLEST_ENTRY_BYTES: Final = 2


class List(deque[bytes]):
    """A list of byte strings, first element left."""

    __slots__ = ()

    def between(self, start: int, stop: int) -> Iterable[bytes]:
        """Return the elements from one index to another, both included.

        Negative indexes count from the end (-1 is the last); those out of range are
        moved to the nearest end. The list must not change before the result is read.

        Args:
            start: index of the first element.
            stop: index of the last element.

        Returns:
            The elements in order; nothing where the range is empty. O(S+N), S being
            the distance of the range from the nearer end.
        """
        size = len(self)
        start, stop = clamp_range(start, stop, size)
        if start > stop:
            return ()
        after = size - 1 - stop
        if not start and not after:
            return self
        if min(start, after) > _FAR and stop - start < _FEW:
            return map(self.__getitem__, range(start, stop + 1))
        if start <= after:
            return islice(self, start, stop + 1)
        tail = list(islice(reversed(self), after, size - start))
        tail.reverse()
        return tail

    def pop_many(self, count: int, *, is_left: bool) -> list[bytes]:
        """Remove elements from an end and return them in the order of removal.

        Args:
            count: how many; all there are where it is more than that.
            is_left: from the left end, else from the right.
        """
        if count < len(self):
            pop = self.popleft if is_left else self.pop
            return [pop() for _ in range(count)]
        popped = list(self)
        self.clear()
        if not is_left:
            popped.reverse()
        return popped

    def keep(self, start: int, stop: int) -> int:
        """Remove all elements outside of a range (see `between`).

        Returns:
            How many were removed.
        """
        size = len(self)
        start, stop = clamp_range(start, stop, size)
        if start > stop:
            self.clear()
            return size
        after = size - 1 - stop
        if start + after > stop - start:
            kept = list(self.between(start, stop))
            self.clear()
            self.extend(kept)
        else:
            for _ in range(start):
                self.popleft()
            for _ in range(after):
                self.pop()
        return start + after

    def insert_beside(self, pivot: bytes, element: bytes, *, is_before: bool) -> bool:
        """Insert an element beside the first one that equals the pivot.

        Returns:
            False where no element does; the list is as it was.
        """
        try:
            position = self.index(pivot)
        except ValueError:
            return False
        self.insert(position if is_before else position + 1, element)
        return True

    def remove_equal(self, element: bytes, count: int) -> int:
        """Remove elements that equal the one given.

        Args:
            element: what to remove.
            count: how many at the most: above zero from the left, below zero from
                the right, zero all of them.

        Returns:
            How many were removed.
        """
        if count == 1:
            return self._remove_first(element)
        if count == -1:
            return self._remove_last(element)
        found = self.count(element)
        removed = min(found, abs(count)) if count else found
        if removed == found:
            kept = [each for each in self if each != element] if found else None
        elif count > 0:
            kept = _without_first(iter(self), element, removed)
        else:
            kept = _without_first(reversed(self), element, removed)
            kept.reverse()
        if kept is not None:
            self.clear()
            self.extend(kept)
        return removed

    def _remove_first(self, element: bytes) -> int:
        try:
            self.remove(element)
        except ValueError:
            return 0
        return 1

    def _remove_last(self, element: bytes) -> int:
        try:
            position = operator.indexOf(reversed(self), element)
        except ValueError:
            return 0
        del self[-1 - position]
        return 1

    def find_positions(
        self, element: bytes, *, rank: int = 1, count: int = 1, limit: int = 0
    ) -> list[int]:
        """Find where elements are that equal the one given.

        Args:
            element: what to look for.
            rank: which match comes first: 1 is the first from the left, -1 the first
                from the right, which then is where the search goes on from. Not 0.
            count: how many matches at the most; 0 is all.
            limit: how many elements to compare at the most; 0 is all.

        Returns:
            Indexes from the left, in the order in which they were found.
        """
        elements: Iterable[bytes] = self if rank > 0 else reversed(self)
        if limit:
            elements = islice(elements, limit)
        matches = (i for i, each in enumerate(elements) if each == element)
        size = len(self)
        # islice takes no number above sys.maxsize: hence the bounds.
        first = min(abs(rank) - 1, size)
        end = first + min(count, size) if count else None
        found = list(islice(matches, first, end))
        if rank > 0:
            return found
        return [size - 1 - position for position in found]

    def copy(self) -> List:
        """Return a list with the same elements."""
        return List(self)

    def encoding(self, listpack_size: int = -2) -> bytes:
        """Return the encoding that Redis 7.2 would have chosen.

        Redis looks at the size whenever it writes and converts back only below half
        of it; here the answer always follows from the list as it is.

        Args:
            listpack_size: `list-max-listpack-size`: above zero a number of elements,
                from -1 to -5 a size of 4 to 64 KiB.
        """
        bytes_max = _LISTPACK_BYTES_MAX.get(listpack_size, _LISTPACK_SAFE_BYTES)
        if listpack_size > 0 and len(self) > listpack_size:
            return QUICKLIST
        if len(self) * _SMALLEST_ENTRY_BYTES > bytes_max:
            return QUICKLIST
        size = _LISTPACK_HEADER_BYTES + sum(map(listpack_entry_bytes, self))
        return QUICKLIST if size > bytes_max else LISTPACK

    def check(self) -> None:
        """Assert that the list is sound: bytes only, no bound on its length."""
        assert self.maxlen is None
        assert all(type(element) is bytes for element in self)


def clamp_range(start: int, stop: int, size: int) -> tuple[int, int]:
    """Return a range of Redis's as plain indexes; it is empty where start > stop."""
    if start < 0:
        start = max(start + size, 0)
    if stop < 0:
        stop += size
    return start, min(stop, size - 1)


def listpack_entry_bytes(element: bytes) -> int:
    """Return how many bytes an element takes in one of Redis's listpacks."""
    size = _integer_bytes(element) or _string_bytes(len(element))
    if size < 1 << 7:
        return size + 1
    return size + (2 if size < (1 << 14) - 1 else 3 if size < (1 << 21) - 1 else 4)


def _string_bytes(length: int) -> int:
    return length + (1 if length < 1 << 6 else 2 if length < 1 << 12 else 5)


def _integer_bytes(element: bytes) -> int:
    """Return the size of an integer in a listpack, or 0 for what is not one."""
    if len(element) > len(b"-9223372036854775808"):
        return 0
    try:
        value = int(element)
    except ValueError:
        return 0
    if b"%d" % value != element:
        return 0
    if 0 <= value < 1 << 7:
        return 1
    # Sign and magnitude: how many bits of two's complement it takes.
    bits = (value if value >= 0 else ~value).bit_length() + 1
    for most, size in ((13, 2), (16, 3), (24, 4), (32, 5), (64, 9)):
        if bits <= most:
            return size
    return 0


def _without_first(
    elements: Iterator[bytes], element: bytes, count: int
) -> list[bytes]:
    """Return the elements less the first few that equal the one given."""
    kept: list[bytes] = []
    for each in elements:
        if each != element:
            kept.append(each)
            continue
        count -= 1
        if not count:
            break
    kept.extend(elements)
    return kept
