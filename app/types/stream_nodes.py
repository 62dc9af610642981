"""Nodes of streams: entries that follow each other, as many as Redis packs together.

The nodes at which entries are added or were read of late are open, as lists; the others
lie packed, in a fifth of the memory. What is packed is a msgpack list:

    [first time, times behind it, sequence numbers, values]

with the values of one entry as a list, or nil and the fields and values in turn where
its fields are others than the first entry's.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

import msgpack

Fields = tuple[bytes, ...]
"""The fields of an entry and their values: field, value, field, value, ..."""

# The size is that of Redis's listpacks, where numbers are not taken into account.
_NODE_BYTES: Final = 15

_SEQUENCE_BITS: Final = 64
_SEQUENCE_MASK: Final = (1 << _SEQUENCE_BITS) - 1

_pack: Final = msgpack.Packer(use_bin_type=False).pack


class Node:
    """Some entries that follow each other.

    Attributes:
        names: the names of the fields of the first entry.
        last_id: the ID of the last entry that was added; it may be deleted.
        added: how many entries were added.
        size: about how many bytes Redis would need for them.
    """

    __slots__ = (
        "_count",
        "_entries",
        "_ids",
        "_packed",
        "added",
        "last_id",
        "names",
        "size",
    )

    def __init__(self, names: Fields) -> None:
        """Make an empty node, which is open."""
        self._ids: list[int] | None = []
        self._entries: list[Fields] | None = []
        self._packed = b""
        self._count = 0
        self.names = names
        self.last_id = 0
        self.added = 0
        self.size = _NODE_BYTES + sum(map(len, names)) + 2 * len(names)

    @property
    def ids(self) -> list[int]:
        """The IDs of the entries, rising; O(N) where the node is packed."""
        ids = self._ids
        return self._unpack_ids() if ids is None else ids

    @property
    def entries(self) -> list[Fields]:
        """The fields of each entry; O(N) where the node is packed."""
        entries = self._entries
        return self._unpack_entries() if entries is None else entries

    @property
    def count(self) -> int:
        """How many entries there are. O(1)."""
        ids = self._ids
        return self._count if ids is None else len(ids)

    @property
    def is_packed(self) -> bool:
        """Whether the entries lie packed."""
        return self._ids is None

    def find(self, entry_id: int) -> int | None:
        """Return the place of an entry, or None where it is missing. O(log N)."""
        ids = self.ids
        place = bisect_left(ids, entry_id)
        return None if place == len(ids) or ids[place] != entry_id else place

    def append(self, entry_id: int, fields: Fields) -> None:
        """Add an entry to an open node, behind the others."""
        ids, entries = self._lists()
        ids.append(entry_id)
        entries.append(fields)
        self._packed = b""

    def remove(self, first: int, count: int = 1) -> None:
        """Remove some entries of an open node, from a place on."""
        ids, entries = self._lists()
        del ids[first : first + count], entries[first : first + count]
        self._packed = b""

    def _lists(self) -> tuple[list[int], list[Fields]]:
        ids, entries = self._ids, self._entries
        assert ids is not None
        assert entries is not None
        return ids, entries

    def fill(self, ids: list[int], entries: list[Fields]) -> None:
        """Give an empty node its entries."""
        self._ids, self._entries = ids, entries

    def open(self) -> None:
        """Have the entries as lists, until the node is packed again. O(N)."""
        if self._ids is None:
            self._ids, self._entries = self._unpack_ids(), self._unpack_entries()

    def pack(self) -> None:
        """Pack the entries. O(N), or O(1) where none has changed since they were."""
        if self._ids is None or self._entries is None:
            return
        if not self._packed:
            self._packed = self._packed_entries(self._ids, self._entries)
        self._count = len(self._ids)
        self._ids = self._entries = None

    def _packed_entries(self, ids: list[int], entries: list[Fields]) -> bytes:
        names = self.names
        times = [entry_id >> _SEQUENCE_BITS for entry_id in ids]
        first = times[0] if times else 0
        values = [
            fields[1::2] if fields[::2] == names else (None, *fields)
            for fields in entries
        ]
        sequences = [entry_id & _SEQUENCE_MASK for entry_id in ids]
        return _pack([first, [time - first for time in times], sequences, values])

    def _unpack_ids(self) -> list[int]:
        first, times, sequences, _ = self._unpacked()
        return [
            (first + time << _SEQUENCE_BITS) | sequence
            for time, sequence in zip(times, sequences, strict=True)
        ]

    def _unpack_entries(self) -> list[Fields]:
        names = self.names
        entries: list[Fields] = []
        shared = [*names, *names]
        shared[::2] = names
        for values in self._unpacked()[3]:
            if values and values[0] is None:
                entries.append(tuple(values[1:]))
            else:
                shared[1::2] = values
                entries.append(tuple(shared))
        return entries

    def _unpacked(self) -> tuple[int, list[int], list[int], list[list[Any]]]:
        first, times, sequences, values = msgpack.unpackb(self._packed, raw=True)
        return first, times, sequences, values

    def copy(self) -> Node:
        """Return a node of the same entries."""
        node = Node(self.names)
        node._ids = None if self._ids is None else self._ids[:]
        node._entries = None if self._entries is None else self._entries[:]
        node._packed, node._count = self._packed, self._count
        node.last_id, node.added, node.size = self.last_id, self.added, self.size
        return node
