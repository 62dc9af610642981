"""Nodes of streams: entries that follow each other, as many as Redis packs together.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import Final

Fields = tuple[bytes, ...]
"""The fields of an entry and their values: field, value, field, value, ..."""

# The size is that of Redis's listpacks, where numbers are not taken into account.
_NODE_BYTES: Final = 15


class Node:
    """Some entries that follow each other.

    Attributes:
        ids: the IDs of the entries, rising.
        entries: the fields of each.
        names: the names of the fields of the first entry.
        last_id: the ID of the last entry that was added; it may be deleted.
        added: how many entries were added.
        size: about how many bytes Redis would need for them.
    """

    __slots__ = ("added", "entries", "ids", "last_id", "names", "size")

    def __init__(self, names: Fields) -> None:
        """Make an empty node."""
        self.ids: list[int] = []
        self.entries: list[Fields] = []
        self.names = names
        self.last_id = 0
        self.added = 0
        self.size = _NODE_BYTES + sum(map(len, names)) + 2 * len(names)

    def copy(self) -> Node:
        """Return a node of the same entries."""
        node = Node(self.names)
        node.ids, node.entries = self.ids[:], self.entries[:]
        node.last_id, node.added, node.size = self.last_id, self.added, self.size
        return node
