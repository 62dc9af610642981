"""Blocks: elements of a list that follow each other, packed in a quarter of the memory.

A packed block is a msgpack array. Elements that are long take little more memory as
they are, and are not copied: a tuple is a block too. Blocks do not change, so that
copies of a list share them; what is to be changed is put in another block.

An index is found by division while all blocks have the same number of elements, which
they have until something is inserted or removed among them; then by a walk.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, cast

import msgpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Block = bytes | tuple[bytes, ...]

BLOCK_ELEMENTS: Final = 64
"""How many elements are packed at once; up to twice as many where some are inserted."""

_OPENED_MAX: Final = 4
"""How many blocks of a list are kept as they were opened to be read."""

_PACKED_BYTES_MAX: Final = 16 * 1024

# Of an array of up to 15 elements the first byte has their number, else the next two.
_SHORT: Final = 0x90
_LONG: Final = 0xDC

# The old form of msgpack has one byte before a short element where the new has two.
_pack: Final = msgpack.Packer(use_bin_type=False).pack
_unpack: Final = msgpack.unpackb


def seal(elements: list[bytes]) -> Block:
    """Return a block of some elements. O(N)."""
    size = 0
    for element in elements:
        size += len(element)
    if size > _PACKED_BYTES_MAX:
        return tuple(elements)
    packed: bytes = _pack(elements)
    return packed


def open_block(block: Block) -> list[bytes]:
    """Return the elements of a block, in a list of the caller's own. O(N)."""
    if isinstance(block, bytes):
        return cast("list[bytes]", _unpack(block, raw=True))
    return list(block)


def count_of(block: Block) -> int:
    """Return how many elements a block has. O(1)."""
    if not isinstance(block, bytes):
        return len(block)
    first = block[0]
    return block[1] << 8 | block[2] if first == _LONG else first - _SHORT


def packed_element(element: bytes) -> bytes:
    """Return an element as it lies in a packed block; see `places_in`."""
    packed: bytes = _pack(element)
    return packed


def places_in(block: Block, element: bytes, packed: bytes) -> list[int]:
    """Return where in a block elements are that equal one, rising. O(N).

    Args:
        block: where to look; one that cannot hold it is not opened.
        element: what to look for.
        packed: the same as `packed_element` has it.
    """
    if isinstance(block, bytes):
        if packed not in block:
            return []
        elements = open_block(block)
    else:
        elements = list(block)
    return [at for at, each in enumerate(elements) if each == element]


def without(block: Block, places: list[int]) -> list[bytes]:
    """Return the elements of a block but those at some places, which rise. O(N)."""
    elements = open_block(block)
    for place in reversed(places):
        del elements[place]
    return elements


class Blocks:
    """Blocks that follow each other. Places are counted from the first element on.

    Attributes:
        elements: how many elements there are in all blocks.
    """

    __slots__ = ("_blocks", "_is_even", "_opened", "elements")

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        """Begin with some blocks."""
        self._blocks: deque[Block] = deque(blocks)
        self._is_even = True
        # What was read of late, for the next one who reads it.
        self._opened: list[tuple[Block, Sequence[bytes]]] = []
        self.elements = 0
        for block in self._blocks:
            self._count(count_of(block))

    def _count(self, many: int) -> None:
        self.elements += many
        self._is_even &= many == BLOCK_ELEMENTS

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    def __iter__(self) -> Iterator[Block]:
        """Go through the blocks."""
        return iter(self._blocks)

    def __reversed__(self) -> Iterator[Block]:
        """Go through the blocks from the last one on."""
        return reversed(self._blocks)

    def add(self, elements: list[bytes], *, is_left: bool) -> None:
        """Pack elements before all others, or behind them."""
        block = seal(elements)
        if is_left:
            self._blocks.appendleft(block)
        else:
            self._blocks.append(block)
        self._count(len(elements))

    def take(self, *, is_left: bool) -> Block:
        """Remove the first block, or the last one."""
        block = self._blocks.popleft() if is_left else self._blocks.pop()
        self.elements -= count_of(block)
        return block

    def elements_at(self, *, is_left: bool) -> int:
        """Return how many elements `take` would remove."""
        return count_of(self._blocks[0 if is_left else -1])

    def __getitem__(self, at: int) -> bytes:
        """Return the element at a place."""
        number, place = self._find(at)
        return self._read(number)[place]

    def _read(self, number: int) -> Sequence[bytes]:
        """Return the elements of a block, not to be changed."""
        block = self._blocks[number]
        if not isinstance(block, bytes):
            return block
        opened = self._opened
        for held, elements in opened:
            if held is block:
                return elements
        made = open_block(block)
        if len(opened) == _OPENED_MAX:
            del opened[0]
        opened.append((block, made))
        return made

    def __setitem__(self, at: int, element: bytes) -> None:
        """Put an element in the place of another."""
        number, place = self._find(at)
        elements = open_block(self._blocks[number])
        elements[place] = element
        self._blocks[number] = seal(elements)

    def insert(self, at: int, element: bytes) -> None:
        """Insert an element before the one at a place."""
        number, place = self._find(at)
        elements = open_block(self._blocks[number])
        elements.insert(place, element)
        self.elements += 1
        self._is_even = False
        if len(elements) < 2 * BLOCK_ELEMENTS:
            self._blocks[number] = seal(elements)
        else:
            self._blocks[number] = seal(elements[:BLOCK_ELEMENTS])
            self._blocks.insert(number + 1, seal(elements[BLOCK_ELEMENTS:]))

    def change(self, changed: list[tuple[int, list[bytes]]]) -> None:
        """Put fewer elements in the place of those of some blocks.

        Args:
            changed: numbers of blocks, the first is 1, and what is left of them.
        """
        blocks = self._blocks
        emptied = 0
        for number, elements in changed:
            self.elements += len(elements) - count_of(blocks[number - 1])
            self._is_even = False
            emptied += not elements
            blocks[number - 1] = seal(elements)
        if emptied:
            self._blocks = deque(filter(count_of, blocks))

    def between(self, start: int, end: int) -> list[bytes]:
        """Return the elements from one place to before another; there are some."""
        first, place = self._find(start)
        last = self._find(end - 1)[0]
        found: list[bytes] = []
        if last - first < _OPENED_MAX:
            for number in range(first, last + 1):
                found += self._read(number)
        else:
            for block in islice(self._blocks, first, last + 1):
                found += open_block(block)
        return found[place : place + end - start]

    def walk(self, start: int, end: int) -> Iterator[bytes]:
        """Go through the elements that `between` would return, as they are now."""
        first, place = self._find(start)
        last = self._find(end - 1)[0]
        blocks = list(islice(self._blocks, first, last + 1))
        elements = chain.from_iterable(map(open_block, blocks))
        return islice(elements, place, place + end - start)

    def _find(self, at: int) -> tuple[int, int]:
        """Return in which block the element at a place lies, and where in it."""
        if self._is_even:
            return at // BLOCK_ELEMENTS, at % BLOCK_ELEMENTS
        number = 0
        for block in self._blocks:
            many = count_of(block)
            if at < many:
                break
            at -= many
            number += 1
        return number, at

    def parts(self) -> deque[Block]:
        """Return the container of the blocks, to be freed."""
        return self._blocks

    def check(self) -> None:
        """Assert that the numbers are those of the blocks, and none is empty."""
        counts = [len(open_block(block)) for block in self._blocks]
        assert counts == list(map(count_of, self._blocks))
        assert 0 < sum(counts) == self.elements
        assert all(0 < many < 2 * BLOCK_ELEMENTS for many in counts)
        assert not self._is_even or set(counts) <= {BLOCK_ELEMENTS}
