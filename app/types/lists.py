"""Lists: open at both ends, packed between them.

    left              blocks                        right
    [..., b, a]       [h, i, j ...] [...] [...]     [x, y, z]

The ends are Python lists, the left one turned round, so that a push or a pop at either
end is that of a Python list. An end that grows to twice a block's size has its inner
elements packed (`list_blocks`); an empty one opens the next block, or takes half of the
other end. So each element of a long queue is packed once and opened once, which takes
40 ns in all, and those of a short queue never are.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.list_blocks import (
    BLOCK_ELEMENTS,
    Block,
    Blocks,
    count_of,
    open_block,
    packed_element,
    places_in,
    without,
)
from joblog.app.types.numbers import clamp_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_Split = tuple[list[bytes], int, int, list[bytes]]

_END_MAX: Final = 2 * BLOCK_ELEMENTS


class List:
    """A list of byte strings, first element left."""

    __slots__ = ("_blocks", "_left", "_right")

    def __init__(self, elements: Iterable[bytes] = ()) -> None:
        """Make a list of some elements."""
        self._left: list[bytes] = []
        self._blocks: Blocks | None = None
        self._right: list[bytes] = list(elements)
        if len(self._right) >= _END_MAX:
            self._seal(is_left=False)

    def __len__(self) -> int:
        """Return the number of elements. O(1)."""
        size = len(self._left) + len(self._right)
        blocks = self._blocks
        return size if blocks is None else size + blocks.elements

    def __iter__(self) -> Iterator[bytes]:
        """Go through the elements; the list must not change meanwhile."""
        held = chain.from_iterable(map(open_block, self._blocks or ()))
        return chain(reversed(self._left), held, self._right)

    def __reversed__(self) -> Iterator[bytes]:
        """Go through the elements from the right."""
        blocks = map(open_block, reversed(self._blocks or ()))
        held = chain.from_iterable(map(reversed, blocks))
        return chain(reversed(self._right), held, self._left)

    def __getitem__(self, index: int) -> bytes:
        """Return the element at an index, -1 for the last one, else IndexError."""
        piece, at = self._find(index)
        return piece[at]

    def __setitem__(self, index: int, element: bytes) -> None:
        """Put an element in the place of the one at an index, else IndexError."""
        piece, at = self._find(index)
        piece[at] = element

    def _find(self, index: int) -> tuple[list[bytes] | Blocks, int]:
        """Return an end or the blocks, and where in it the element at an index lies."""
        size = len(self)
        at = index + size if index < 0 else index
        if at < 0 or at >= size:
            raise IndexError(index)
        left, many = self._left, len(self._left)
        if at < many:
            return left, many - 1 - at
        at -= many
        blocks = self._blocks
        if blocks is not None:
            if at < blocks.elements:
                return blocks, at
            at -= blocks.elements
        return self._right, at

    # --- ends --------------------------------------------------------------------

    def append(self, element: bytes) -> None:
        """Put an element behind the last one. O(1)."""
        right = self._right
        right.append(element)
        if len(right) >= _END_MAX:
            self._seal(is_left=False)

    def appendleft(self, element: bytes) -> None:
        """Put an element before the first one. O(1)."""
        left = self._left
        left.append(element)
        if len(left) >= _END_MAX:
            self._seal(is_left=True)

    def extend(self, elements: Iterable[bytes]) -> None:
        """Put elements behind the last one, one after the other."""
        self._right.extend(elements)
        if len(self._right) >= _END_MAX:
            self._seal(is_left=False)

    def extendleft(self, elements: Iterable[bytes]) -> None:
        """Put elements before the first one, one after the other."""
        self._left.extend(elements)
        if len(self._left) >= _END_MAX:
            self._seal(is_left=True)

    def pop(self) -> bytes:
        """Remove the last element and return it; there has to be one. O(1)."""
        return (self._right or self._open_end(is_left=False)).pop()

    def popleft(self) -> bytes:
        """Remove the first element and return it; there has to be one. O(1)."""
        return (self._left or self._open_end(is_left=True)).pop()

    def pop_many(self, count: int, *, is_left: bool) -> list[bytes]:
        """Remove elements from an end and return them in the order of removal.

        Args:
            count: how many; all there are where it is more than that.
            is_left: from the left end, else from the right.
        """
        count = min(count, len(self))
        popped: list[bytes] = []
        while len(popped) < count:
            end = self._open_end(is_left=is_left)
            first = max(len(end) - (count - len(popped)), 0)
            popped += reversed(end[first:])
            del end[first:]
        return popped

    def keep(self, start: int, stop: int) -> int:
        """Remove all elements outside of a range (see `between`).

        Returns:
            How many were removed.
        """
        size = len(self)
        start, stop = clamp_range(start, stop, size)
        if start > stop:
            start, stop = size, size - 1
        after = size - 1 - stop
        self._drop(start, is_left=True)
        self._drop(after, is_left=False)
        return start + after

    def _drop(self, count: int, *, is_left: bool) -> None:
        """Remove so many elements from an end; blocks of them are not opened."""
        while count:
            end = self._left if is_left else self._right
            blocks = self._blocks
            if end or blocks is None or blocks.elements_at(is_left=is_left) > count:
                end = self._open_end(is_left=is_left)
                first = max(len(end) - count, 0)
                count -= len(end) - first
                del end[first:]
            else:
                count -= count_of(self._take_block(blocks, is_left=is_left))

    def _open_end(self, *, is_left: bool) -> list[bytes]:
        """Return where to pop: the last element of what is returned is at that end."""
        end = self._left if is_left else self._right
        if end:
            return end
        blocks = self._blocks
        if blocks is None:
            other = self._right if is_left else self._left
            if len(other) == 1:
                return other
            half = (len(other) + 1) // 2
            end = other[:half]
            del other[:half]
            end.reverse()
        else:
            end = open_block(self._take_block(blocks, is_left=is_left))
            if is_left:
                end.reverse()
        if is_left:
            self._left = end
        else:
            self._right = end
        return end

    def _take_block(self, blocks: Blocks, *, is_left: bool) -> Block:
        block = blocks.take(is_left=is_left)
        if not blocks.elements:
            self._blocks = None
        return block

    def _seal(self, *, is_left: bool) -> None:
        """Pack the inner elements of an end, but for those of a block or two."""
        end = self._left if is_left else self._right
        blocks = self._blocks
        if blocks is None:
            blocks = self._blocks = Blocks()
        many = (len(end) // BLOCK_ELEMENTS - 1) * BLOCK_ELEMENTS
        for at in range(0, many, BLOCK_ELEMENTS):
            elements = end[at : at + BLOCK_ELEMENTS]
            if is_left:
                elements.reverse()
            blocks.add(elements, is_left=is_left)
        del end[:many]

    # --- the middle --------------------------------------------------------------

    def between(self, start: int, stop: int) -> list[bytes]:
        """Return the elements from one index to another, both included.

        Negative indexes count from the end (-1 is the last); those out of range are
        moved to the nearest end.

        Args:
            start: index of the first element.
            stop: index of the last element.

        Returns:
            The elements in order; nothing where the range is empty. O(N).
        """
        left, first, end, right = self._split(start, stop)
        if self._blocks is not None and first < end:
            left += self._blocks.between(first, end)
        left += right
        return left

    def walk(self, start: int, stop: int) -> Iterator[bytes]:
        """Go through what `between` would return, as it is now; it may change."""
        left, first, end, right = self._split(start, stop)
        if self._blocks is not None and first < end:
            return chain(left, self._blocks.walk(first, end), right)
        return chain(left, right)

    def _split(self, start: int, stop: int) -> _Split:
        """Return what of a range is in the ends, and from where to where in blocks."""
        start, stop = clamp_range(start, stop, len(self))
        end = stop + 1
        many = len(self._left)
        left: list[bytes] = []
        if start < many:
            left = self._left[max(many - end, 0) : many - start]
            left.reverse()
        start, end = max(start - many, 0), end - many
        held = 0 if self._blocks is None else self._blocks.elements
        right = self._right[max(start - held, 0) : max(end - held, 0)]
        return left, start, min(end, held), right

    def insert_beside(self, pivot: bytes, element: bytes, *, is_before: bool) -> bool:
        """Insert an element beside the first one that equals the pivot.

        Returns:
            False where no element does; the list is as it was.
        """
        at = next(self._places(pivot, len(self), is_reversed=False), None)
        if at is not None:
            self._insert(at if is_before else at + 1, element)
        return at is not None

    def _insert(self, at: int, element: bytes) -> None:
        if at == len(self):
            self.append(element)
            return
        piece, place = self._find(at)
        piece.insert(place + 1 if piece is self._left else place, element)
        if len(self._left) >= _END_MAX:
            self._seal(is_left=True)
        elif len(self._right) >= _END_MAX:
            self._seal(is_left=False)

    def remove_equal(self, element: bytes, count: int) -> int:
        """Remove elements that equal the one given.

        Args:
            element: what to remove.
            count: how many at the most: above zero from the left, below zero from
                the right, zero all of them.

        Returns:
            How many were removed.
        """
        rest = abs(count) or len(self)
        removed = 0
        packed = packed_element(element)
        is_reversed = count < 0
        changed: list[tuple[int, list[bytes]]] = []
        for number, piece in enumerate(self._pieces(is_reversed=is_reversed)):
            places = places_in(piece, element, packed)
            if places:
                places = places[-rest:] if is_reversed else places[:rest]
                changed.append((number, without(piece, places)))
                removed += len(places)
                rest -= len(places)
                if not rest:
                    break
        self._change(changed, is_reversed=is_reversed)
        return removed

    def _change(
        self, changed: list[tuple[int, list[bytes]]], *, is_reversed: bool
    ) -> None:
        """Put fewer elements in the place of some pieces (see `_pieces`)."""
        blocks = self._blocks
        last = 1 if blocks is None else 1 + len(blocks)
        if is_reversed:
            changed = [(last - number, elements) for number, elements in changed]
        for number, elements in changed:
            if not number:
                elements.reverse()
                self._left = elements
            elif number == last:
                self._right = elements
        if blocks is not None:
            blocks.change([each for each in changed if 0 < each[0] < last])
            if not blocks.elements:
                self._blocks = None

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
        size = len(self)
        # islice takes no number above sys.maxsize: hence the bounds.
        first = min(abs(rank) - 1, size)
        end = first + min(count, size) if count else None
        places = self._places(element, min(limit or size, size), is_reversed=rank < 0)
        return list(islice(places, first, end))

    def _places(
        self, element: bytes, limit: int, *, is_reversed: bool
    ) -> Iterator[int]:
        """Yield the indexes of the elements that equal one, among so many."""
        packed = packed_element(element)
        size = len(self)
        seen = 0
        for piece in self._pieces(is_reversed=is_reversed):
            if seen >= limit:
                return
            many = count_of(piece)
            places = places_in(piece, element, packed)
            if is_reversed:
                places.reverse()
            for place in places:
                passed = seen + (many - 1 - place if is_reversed else place)
                if passed < limit:
                    yield size - 1 - passed if is_reversed else passed
            seen += many

    def _pieces(self, *, is_reversed: bool) -> Iterator[Block]:
        """Go through all there is: the left end, the blocks, and the right end."""
        left, right = tuple(reversed(self._left)), tuple(self._right)
        blocks: Blocks | tuple[Block, ...] = self._blocks or ()
        if is_reversed:
            return chain((right,), reversed(blocks), (left,))
        return chain((left,), blocks, (right,))

    # --- the whole ---------------------------------------------------------------

    def copy(self) -> List:
        """Return a list with the same elements."""
        copied = List(self._right)
        copied._left = self._left[:]
        if self._blocks is not None:
            copied._blocks = Blocks(self._blocks)
        return copied

    def parts(self) -> list[Any]:
        """Return the containers that it consists of, to be freed one by one."""
        ends: list[Any] = [self._left, self._right]
        return ends if self._blocks is None else [*ends, self._blocks.parts()]

    def check(self) -> None:
        """Assert that no end is too long, no block is empty, and all are bytes."""
        assert max(len(self._left), len(self._right)) < _END_MAX
        if self._blocks is not None:
            self._blocks.check()
        assert all(type(element) is bytes for element in self)
