"""The shape of Redis's radix tree: XINFO STREAM tells how many nodes it has.

Nothing here is kept in one; the answer follows from the keys. In such a tree each place
where keys part is a node, each end of a key is one, and so is what keys have in common
between two of these, however long it is:

    keys        000102  000103  0105            4 bytes in a real tree's key of 16
    nodes       00 | 01,05 parted at byte 1 | 01 | 02,03 parted at byte 2 | three ends

Source: Valkey 9.1, asked over a socket; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY_BYTES: Final = 16
_ABOVE_ALL: Final = -1
"""What stands for the place of a parting where keys part at none: the root."""


class RadixKeys(list[int]):
    """Rising keys of 16 bytes: a list that knows how many nodes a tree of them has.

    Nothing is counted before somebody asks. From then on the count follows each key
    that is added behind or removed in front, which is all that a queue does; it begins
    anew where one goes from between.

    A key parts from the one before it at some byte. The partings that the last key has
    in common with others, from the root on, are its path: where the next key parts, is
    on it, or splits one of its edges.
    """

    __slots__ = ("_nodes", "_partings", "_path")

    def __init__(self, keys: Iterable[int] = ()) -> None:
        """Take keys, which rise."""
        super().__init__(keys)
        self._partings: list[int] | None = None
        self._path: list[int] = []
        self._nodes = 1

    def append(self, key: int) -> None:
        """Add the greatest key."""
        super().append(key)
        if self._partings is not None:
            self._add(len(self) - 1)

    def __delitem__(self, place: Any) -> None:
        """Remove a key, or those of a slice."""
        count = _taken_in_front(place)
        if self._partings is not None and 0 < count < len(self):
            self._drop(count)
        else:
            self._partings = None
        super().__delitem__(place)

    def copy(self) -> RadixKeys:
        """Return a list of its own."""
        return RadixKeys(self)

    def nodes(self) -> int:
        """Return how many nodes there are; the root of an empty tree is one. O(1)."""
        if self._partings is None:
            self._partings, self._path, self._nodes = [], [], 1
            for place in range(len(self)):
                self._add(place)
        return self._nodes

    def _add(self, place: int) -> None:
        """Count the key at a place, where those before it are counted."""
        partings, path = self._partings, self._path
        assert partings is not None
        if place == 0:
            partings.append(_ABOVE_ALL)
            self._nodes = _edge(_ABOVE_ALL, _KEY_BYTES)
            return
        differing = self[place - 1] ^ self[place]
        parting = _KEY_BYTES - 1 - (differing.bit_length() - 1) // 8
        partings.append(parting)
        below = _KEY_BYTES
        while path and path[-1] > parting:
            below = path.pop()
        above = path[-1] if path else _ABOVE_ALL
        if above != parting:
            self._nodes += _split(above, parting, below)
            path.append(parting)
        self._nodes += _edge(parting, _KEY_BYTES)

    def _drop(self, count: int) -> None:
        """Uncount the first keys; some are left."""
        partings = self._partings
        assert partings is not None
        for first in range(count):
            parting, below = partings[first + 1], _KEY_BYTES
            at = first + 2
            while at < len(partings) and partings[at] > parting:
                below = min(below, partings[at])
                at += 1
            self._nodes -= _edge(parting, _KEY_BYTES)
            above = partings[at] if at < len(partings) else _ABOVE_ALL
            if above == parting:
                continue
            self._nodes -= _split(above, parting, below)
            if at == len(partings):
                self._path.remove(parting)
        del partings[:count]
        partings[0] = _ABOVE_ALL


def _taken_in_front(place: Any) -> int:
    """Return how many keys go where all that go are the first; else 0."""
    if place == 0:
        return 1
    if isinstance(place, slice) and place.start is None and place.step is None:
        return int(place.stop or 0)
    return 0


def _edge(above: int, below: int) -> int:
    """Return the nodes of a place below another: what lies between is one more."""
    return 1 + (below > above + 1)


def _split(above: int, parting: int, below: int) -> int:
    """Return the nodes that come of a new place between two."""
    return _edge(above, parting) + _edge(parting, below) - _edge(above, below)
