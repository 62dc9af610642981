"""Streams: entries in the order of their IDs, and the groups that consume them.

Entries lie in nodes of some hundred, as in Redis, because approximate trimming drops
whole nodes and nothing else. All but the last nodes, and a few that were read of late,
lie packed. `_firsts` has the least ID that may be in each node, so
that an entry is found by two bisections; it is never changed by deletions.

    nodes     [Node(ids=[..], entries=[..]), Node(...), ...]
    _firsts   [      1-0                   ,  101-0   , ...]

An entry is one tuple of fields and values in turn, which never changes: copies of a
stream and replies share it. Entries with the same fields share the names of those too.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from joblog.app.errors import STREAM_ENTRY_TOO_LARGE, CommandError
from joblog.app.types.radix_tree import RadixKeys
from joblog.app.types.stream_ids import ID_MAX
from joblog.app.types.stream_nodes import Fields, Node

if TYPE_CHECKING:
    from joblog.app.types.stream_groups import Group
    from joblog.app.types.stream_producers import Producers

ENCODING: Final = b"stream"
ENTRY_BYTES_MAX: Final = 1 << 30
"""The fields and values of one entry may not be longer than this, in bytes."""

# The sizes are those of Redis's listpacks, where numbers are not taken into account.
_ENTRY_BYTES: Final = 8
_SHORT_BYTES: Final = 63

_OPEN_AT_END: Final = 2
_OPENED_MAX: Final = 4
"""How many nodes are open where entries are added, and before them."""


class Stream:
    """Entries by ID, and consumer groups.

    Attributes:
        nodes: the entries; no node is empty.
        length: how many entries there are.
        last_id: the highest ID that an entry ever had, or that was set.
        max_deleted_id: the highest ID that was ever deleted, 0 where none was.
        entries_added: how many entries were ever added.
        groups: consumer groups by name.
        producers: what producers have sent lately; None where none has named it.
    """

    __slots__ = (
        "_firsts",
        "_opened",
        "entries_added",
        "groups",
        "last_id",
        "length",
        "max_deleted_id",
        "nodes",
        "producers",
    )

    def __init__(self) -> None:
        """Make an empty stream without groups."""
        self.nodes: list[Node] = []
        self._firsts = RadixKeys()
        self._opened: list[Node] = []
        self.length = 0
        self.last_id = 0
        self.max_deleted_id = 0
        self.entries_added = 0
        self.groups: dict[bytes, Group] = {}
        self.producers: Producers | None = None

    # --- entries -----------------------------------------------------------------

    @property
    def first_id(self) -> int:
        """The ID of the first entry; 0 where there is none."""
        return self._open(self.nodes[0]).ids[0] if self.nodes else 0

    def next_id(self, now_ms: int) -> int:
        """Return an ID for an entry that is added now: always above `last_id`.

        The result is above ID_MAX where no ID is left.
        """
        entry_id = now_ms << 64
        return entry_id if entry_id > self.last_id else self.last_id + 1

    def append(
        self,
        entry_id: int,
        fields: Fields,
        *,
        node_entries: int = 100,
        node_bytes: int = 4096,
    ) -> None:
        """Add an entry behind all others. O(1).

        Args:
            entry_id: higher than `last_id`.
            fields: fields and values in turn, one pair at least.
            node_entries: `stream-node-max-entries`: how many entries a node has at the
                most, deleted ones included; 0 sets no limit.
            node_bytes: `stream-node-max-bytes`: about how large a node gets; 0 sets no
                limit.

        Raises:
            CommandError: the entry is too large.
        """
        names = fields[::2]
        size = sum(map(len, fields))
        if size > ENTRY_BYTES_MAX:
            raise CommandError(STREAM_ENTRY_TOO_LARGE)
        node = self._open(self.nodes[-1]) if self.nodes else None
        if (
            node is None
            or node.added >= node_entries > 0
            or node.size + size >= (node_bytes or ENTRY_BYTES_MAX)
        ):
            node = Node(names)
            self.nodes.append(node)
            self._firsts.append(entry_id)
            self._pack_last()
        if size > _SHORT_BYTES:
            size += 2 * sum([len(value) > _SHORT_BYTES for value in fields[1::2]])
        if names == node.names:
            # The same objects: most streams have the same fields in all entries.
            shared = list(fields)
            shared[::2] = node.names
            fields = tuple(shared)
            size += len(fields) - sum(map(len, names))
        else:
            size += 2 + 2 * len(fields)
        node.append(entry_id, fields)
        node.last_id = self.last_id = entry_id
        node.added += 1
        node.size += size + _ENTRY_BYTES
        self.length += 1
        self.entries_added += 1

    def add_node(self, first_id: int, node: Node) -> None:
        """Add a node behind all others, as it comes from another stream.

        Args:
            first_id: the least ID that may be in it, higher than `last_id`.
            node: a node with entries; its `last_id` becomes that of the stream.
        """
        self.nodes.append(node)
        self._firsts.append(first_id)
        self.length += node.count
        self.last_id = node.last_id
        self._pack_last()

    def _pack_last(self) -> None:
        """Pack the node behind which there are enough open ones now."""
        if len(self.nodes) > _OPEN_AT_END:
            self.nodes[-1 - _OPEN_AT_END].pack()

    def _open(self, node: Node) -> Node:
        """Have a node open for a while, of which more than one thing is asked."""
        if node.is_packed:
            node.open()
            if node in self._opened:  # at the end, it was packed meanwhile
                self._opened.remove(node)
            self._opened.append(node)
            if len(self._opened) > _OPENED_MAX:
                self._opened.pop(0).pack()
        return node

    def get(self, entry_id: int) -> Fields | None:
        """Return the fields of an entry, or None where it is missing. O(log N)."""
        at = bisect_right(self._firsts, entry_id) - 1
        if at < 0:
            return None
        node = self._open(self.nodes[at])
        place = node.find(entry_id)
        return None if place is None else node.entries[place]

    def delete(self, entry_id: int) -> bool:
        """Remove an entry; say whether it was there. O(log N)."""
        was_there = self.discard(entry_id)
        if was_there:
            self.max_deleted_id = max(self.max_deleted_id, entry_id)
        return was_there

    def discard(self, entry_id: int) -> bool:
        """Remove an entry as trimming does, which is not noted as a deletion."""
        at = bisect_right(self._firsts, entry_id) - 1
        if at < 0:
            return False
        node = self._open(self.nodes[at])
        place = node.find(entry_id)
        if place is None:
            return False
        node.remove(place)
        if not node.count:
            del self.nodes[at], self._firsts[at]
        self.length -= 1
        return True

    def between(
        self, least: int = 0, most: int = ID_MAX, count: int = 0
    ) -> list[tuple[int, Fields]]:
        """Return entries from one ID to another, both included, in order.

        Args:
            least: the lowest ID.
            most: the highest ID.
            count: how many entries at the most; 0 sets no limit.

        O(log N + M) for M entries returned.
        """
        found: list[tuple[int, Fields]] = []
        if least > most:
            return found
        wanted = count or self.length
        for at in range(max(bisect_right(self._firsts, least) - 1, 0), len(self.nodes)):
            node = self._open(self.nodes[at])
            ids = node.ids
            start = bisect_left(ids, least)
            end = len(ids) if ids[-1] <= most else bisect_right(ids, most)
            end = min(end, start + wanted)
            found += zip(ids[start:end], node.entries[start:end], strict=True)
            wanted -= end - start
            if not wanted or end < len(ids):
                break
        return found

    def between_backwards(
        self, least: int = 0, most: int = ID_MAX, count: int = 0
    ) -> list[tuple[int, Fields]]:
        """Return entries from one ID to another, both included, the highest first.

        The arguments are those of `between`. O(log N + M) for M entries returned.
        """
        found: list[tuple[int, Fields]] = []
        if least > most:
            return found
        wanted = count or self.length
        for at in range(bisect_right(self._firsts, most) - 1, -1, -1):
            node = self._open(self.nodes[at])
            ids = node.ids
            end = bisect_right(ids, most)
            start = 0 if ids[0] >= least else bisect_left(ids, least)
            start = max(start, end - wanted)
            found += zip(
                reversed(ids[start:end]), reversed(node.entries[start:end]), strict=True
            )
            wanted -= end - start
            if not wanted or start > 0:
                break
        return found

    # --- trimming ----------------------------------------------------------------

    def trim_to_length(
        self, length: int, *, is_approximate: bool = False, limit: int = 0
    ) -> int:
        """Remove the first entries, until `length` are left.

        Args:
            length: how many entries are to stay.
            is_approximate: remove whole nodes only, so that more entries may stay.
            limit: how many entries to remove at the most; 0 sets no limit.

        Returns:
            How many were removed.
        """
        nodes, before = self.nodes, self.length
        emptied = 0
        while self.length > length and emptied < len(nodes):
            node = nodes[emptied]
            size = node.count
            if limit and before - self.length + size > limit:
                break
            if self.length - size < length:
                if not is_approximate:
                    self._cut(node, self.length - length)
                break
            self.length -= size
            emptied += 1
        self._drop(emptied)
        return before - self.length

    def trim_before(
        self, least: int, *, is_approximate: bool = False, limit: int = 0
    ) -> int:
        """Remove the entries whose IDs are below a certain one.

        The arguments and the result are those of `trim_to_length`.
        """
        nodes, before = self.nodes, self.length
        emptied = 0
        while emptied < len(nodes):
            node = nodes[emptied]
            size = node.count
            if limit and before - self.length + size > limit:
                break
            if is_approximate:
                # The last entry of the node counts here even where it is deleted.
                if node.last_id >= least:
                    break
            elif node.last_id >= least and (ids := self._open(node).ids)[-1] >= least:
                self._cut(node, bisect_left(ids, least))
                break
            self.length -= size
            emptied += 1
        self._drop(emptied)
        return before - self.length

    def _cut(self, node: Node, count: int) -> None:
        """Remove the first entries of a node, which keeps some."""
        self._open(node).remove(0, count)
        self.length -= count

    def _drop(self, count: int) -> None:
        """Remove the first nodes, whose entries are no longer counted."""
        if count:
            del self.nodes[:count], self._firsts[:count]

    # --- reading by groups -------------------------------------------------------

    def entries_up_to(self, entry_id: int) -> int | None:
        """Return how many entries were ever added up to an ID.

        None where that cannot be known, since entries before it were deleted.
        """
        added, deleted = self.entries_added, self.max_deleted_id
        if not added:
            return 0
        if not self.length and entry_id <= self.last_id:
            return added
        if 0 < entry_id < deleted or entry_id > self.last_id:
            return None
        if entry_id == self.last_id:
            return added
        first = self.first_id
        if (not deleted or deleted < first) and entry_id <= first:
            return added - self.length + (entry_id == first)
        return None

    def has_deleted_from(self, entry_id: int) -> bool:
        """Say whether an entry with this ID or a higher one may have been deleted."""
        return bool(self.length) and 0 < self.max_deleted_id >= entry_id

    def lag_of(self, group: Group) -> int | None:
        """Return how many entries a group has not read yet; None if unknown."""
        if not self.entries_added:
            return 0
        read = group.entries_read
        if read is None or self.has_deleted_from(group.last_id):
            read = self.entries_up_to(group.last_id)
        return None if read is None else self.entries_added - read

    # --- the whole ---------------------------------------------------------------

    def copy(self) -> Stream:
        """Return an equal stream; the entries, which never change, are shared."""
        stream = Stream()
        stream.nodes = [node.copy() for node in self.nodes]
        stream._firsts = self._firsts.copy()
        stream.length = self.length
        stream.last_id = self.last_id
        stream.max_deleted_id = self.max_deleted_id
        stream.entries_added = self.entries_added
        stream.groups = {name: group.copy() for name, group in self.groups.items()}
        if self.producers is not None:
            stream.producers = self.producers.copy()
        return stream

    def radix_tree_nodes(self) -> int:
        """Return how many nodes Redis's radix tree over our nodes would have."""
        return self._firsts.nodes()

    def check(self) -> None:
        """Assert that nodes, counts and IDs agree, and those of the groups."""
        ids = [entry_id for node in self.nodes for entry_id in node.ids]
        assert ids == sorted(set(ids))
        assert len(ids) == self.length <= self.entries_added
        assert not ids or ids[-1] <= self.last_id
        assert self.max_deleted_id <= self.last_id <= ID_MAX
        assert len(self._firsts) == len(self.nodes)
        for first, node in zip(self._firsts, self.nodes, strict=True):
            assert 0 < node.count == len(node.ids) == len(node.entries) <= node.added
            assert first <= node.ids[0] <= node.ids[-1] <= node.last_id
            for fields in node.entries:
                assert len(fields) >= 2  # noqa: PLR2004 - a field and its value
                assert all(type(word) is bytes for word in fields)
        for group in self.groups.values():
            group.check()
        if self.producers is not None:
            self.producers.check()
