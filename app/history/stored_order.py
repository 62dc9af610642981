"""The order of all keys when a round of proofs began, where they are not in memory.

See `joblog.app.engine.proofs`, and `joblog.app.history.stretches`, which needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgpack

from joblog.app.engine.proofs import Order, ProofChecker
from joblog.app.history.snapshots import KEYS_BLOCK

if TYPE_CHECKING:
    from joblog.app.history.merging import Base
    from joblog.app.keyspace.keyspace import Keyspace


class StoredOrder(Order):
    """The order of all keys when a round began, read from a base as slices come."""

    def __init__(self, base: Base, number: int) -> None:
        """Read from a base, which may be unlinked meanwhile."""
        self.number = number
        self._reader = base.open()
        self._blocks = self._reader.blocks()
        self._index, self._first, self._keys = -1, 0, list[bytes]()
        self._foreseen: dict[tuple[int, int], list[bytes]] = {}

    def foresee(self, index: int, first: int, end: int) -> list[bytes]:
        """Return what `names` will, and keep it; slices have to come in order."""
        names = self._foreseen[index, first] = self._read(index, first, end)
        return names

    def names(self, index: int, first: int, end: int) -> list[bytes]:
        """Return the keys from one place in a database's order to before another."""
        found = self._foreseen.pop((index, first), None)
        return self._read(index, first, end) if found is None else found

    def _read(self, index: int, first: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        while True:
            if self._index == index:
                start = max(first - self._first, 0)
                found += self._keys[start : max(end - self._first, 0)]
                if end <= self._first + len(self._keys):
                    return found
            if self._index > index or not self._go_on():
                return found

    def _go_on(self) -> bool:
        """Go to the next block of keys; say whether there is one."""
        for payload in self._blocks:
            block = msgpack.unpackb(payload)
            if block[0] == KEYS_BLOCK:
                is_same = block[1] == self._index
                self._first = self._first + len(self._keys) if is_same else 0
                self._index, self._keys = block[1], block[2]
                return True
        return False

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class NarrowedChecker(ProofChecker):
    """Compares proofs where only some keys are in memory, too.

    Attributes:
        is_narrowed: whether that is so now.
        begun: the round that began then, and has no order yet; else None.
    """

    def __init__(self) -> None:
        """Make a checker that waits for a round to begin."""
        super().__init__()
        self.is_narrowed = False
        self.begun: int | None = None

    def begin_round(self, keyspace: Keyspace, number: int) -> None:
        """Note the order of all keys, or that there is one to be noted."""
        self.close()
        if self.is_narrowed:
            self.begun = number
        else:
            super().begin_round(keyspace, number)

    def take_order(self, base: Base) -> None:
        """Take the order of a base for the round that has just begun, if one has."""
        if self.begun is not None:
            self.order = StoredOrder(base, self.begun)
            self.begun = None

    def close(self) -> None:
        """Close the file of the order."""
        if isinstance(self.order, StoredOrder):
            self.order.close()
        self.order = None
