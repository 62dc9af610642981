"""A snapshot, and what became of some of its keys, make the next one.

    base        all keys, in the order in which they came, in a file
    narrowed    a keyspace with those of them that are named, as they are now

    narrowed database    [a, c, MARK, x, a2]
                          of the base | came since

A narrowed database begins with the named keys of its base, in their order, and a mark.
What is before it afterwards is still in its old place; what is behind it came since, or
went and came again. So the merge is the base without the named keys, but for those
before the mark, and then what is behind it. A database without a mark was emptied, and
has no base; one that was exchanged has the other's.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgpack

from joblog.app.history.snapshots import (
    BLOCK_BYTES,
    BLOCK_KEYS,
    ELEMENT_BYTES,
    KEYS_BLOCK,
    encode_libraries,
    load_block,
    narrow,
)
from joblog.app.types.snapshot_values import (
    packer_of,
    wire_elements,
)
from joblog.storage.snapshot import SnapshotReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.storage.filesystem import FileSystem

MARK: Final = cast("bytes", "")
"""The key behind those of the base; no key of a client is a `str`."""

_AT_ONCE: Final = 64
"""How many values that are in no block are laid out at a time."""

_Payload = tuple[bytes, int]


class Base:
    """A snapshot, or a scratch file of its form, whose keys are not held in memory.

    Attributes:
        path: the file. keys: how many it has. size_bytes: how long it is.
    """

    def __init__(
        self, filesystem: FileSystem, path: Path, keys: int, size_bytes: int
    ) -> None:
        """Take a file that is known to be sound."""
        self._filesystem = filesystem
        self.path = path
        self.keys = keys
        self.size_bytes = size_bytes

    def open(self) -> SnapshotReader:
        """Return a reader at its start.

        Raises:
            SnapshotError: it cannot be read any more.
        """
        return SnapshotReader(self._filesystem, self.path)

    def blocks(self, index: int) -> Iterator[list[Any]]:
        """Yield the blocks of keys of one database.

        Raises:
            SnapshotError: a block is not sound.
        """
        reader = self.open()
        try:
            for payload in reader.blocks():
                if database_of(payload) == index:
                    yield msgpack.unpackb(payload)
        finally:
            reader.close()


def database_of(payload: bytes) -> int | None:
    """Return which database the keys of a block are of; None where it has none."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(payload[:16])
    unpacker.read_array_header()
    return unpacker.unpack() if unpacker.unpack() == KEYS_BLOCK else None


def load_named(keyspace: Keyspace, base: Base, named: set[bytes]) -> None:
    """Narrow a base: take the named keys, in every database that has them.

    Args:
        keyspace: an empty one, which becomes the narrowed.
        base: the base.
        named: the keys.

    Raises:
        SnapshotError: a block is not sound.
    """
    reader = base.open()
    found: set[int] = set()
    try:
        for payload in reader.blocks():
            block = msgpack.unpackb(payload)
            if block[0] != KEYS_BLOCK:
                load_block(keyspace, block)
                continue
            found.add(block[1])
            if not named.isdisjoint(block[2]):
                load_block(keyspace, narrow(block, named))
    finally:
        reader.close()
    for index in found:
        keyspace.databases[index].values[MARK] = index
    for database in keyspace.databases:
        database.order_deadlines()


def merged_blocks(
    keyspace: Keyspace, base: Base, named: set[bytes]
) -> Iterator[_Payload]:
    """Yield the blocks of what a base and a narrowed keyspace are together.

    They are, byte for byte, what `encode_blocks` yields of a whole keyspace.

    Args:
        keyspace: the narrowed keyspace, as it is now.
        base: what it was narrowed from.
        named: the keys that it was narrowed to.

    Raises:
        SnapshotError: a block of the base is not sound.
    """
    yield from encode_libraries(keyspace)
    for database in keyspace.databases:
        blocks = _Blocks(database.index)
        for items in _merged_items(database, base, named):
            yield from blocks.add(items)
        yield from blocks.rest()


class _Items(NamedTuple):
    """Some keys in order, with the kinds of their values, wire forms and deadlines."""

    keys: list[bytes]
    kinds: bytearray
    wires: list[Any]
    times: list[int | None]


def _merged_items(
    database: Database, base: Base, named: set[bytes]
) -> Iterator[_Items]:
    """Yield a database's keys in order, some at a time."""
    keys = iter(database.values)
    if MARK in database.values:
        kept = set(iter(keys.__next__, MARK))
        for block in base.blocks(database.values[MARK]):
            items = _items_of(block)
            if not named.isdisjoint(items.keys):
                _renew(items, database, named, kept)
            yield items
    while new := list(islice(keys, _AT_ONCE)):
        many = len(new)
        items = _Items(new, bytearray(many), [None] * many, [None] * many)
        for place in range(many):
            _put(items, place, database)
        yield items


def _items_of(block: list[Any]) -> _Items:
    _, _, keys, kinds, wires, places, deadlines = block
    times: list[int | None] = [None] * len(keys)
    if places is None:
        times = deadlines
    else:
        for place, deadline_ms in zip(places, deadlines, strict=True):
            times[place] = deadline_ms
    return _Items(keys, bytearray(kinds or len(keys)), wires, times)


def _renew(
    items: _Items, database: Database, named: set[bytes], kept: set[bytes]
) -> None:
    """Make the named keys of a base's block what they are now."""
    gone: list[int] = []
    for place, key in enumerate(items.keys):
        if key in named:
            if key in kept:
                _put(items, place, database)
            else:
                gone.append(place)
    for place in reversed(gone):
        for column in items:
            del column[place]


def _put(items: _Items, place: int, database: Database) -> None:
    key = items.keys[place]
    value = database.values[key]
    kind, pack = packer_of(value)
    items.kinds[place] = kind
    items.wires[place] = pack(value)
    items.times[place] = database.deadlines.get(key)


class _Blocks:
    """Makes blocks of keys that come some by some, cut where `encode_blocks` cuts."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._pack = msgpack.Packer(use_bin_type=True).pack
        self._count = self._size = 0
        self._held = _Items([], bytearray(), [], [])

    def add(self, items: _Items) -> Iterator[_Payload]:
        """Take keys, and yield the blocks that are whole now."""
        sizes = [
            ELEMENT_BYTES * wire_elements(kind, wire) if kind else len(wire)
            for kind, wire in zip(items.kinds, items.wires, strict=True)
        ]
        start, many = 0, len(sizes)
        while start < many:
            end = min(start + BLOCK_KEYS - self._count, many)
            size = self._size + sum(sizes[start:end])
            if size > BLOCK_BYTES:
                end, size = start, self._size
                while size <= BLOCK_BYTES:
                    size += sizes[end]
                    end += 1
            self._held.keys.extend(items.keys[start:end])
            self._held.kinds.extend(items.kinds[start:end])
            self._held.wires.extend(items.wires[start:end])
            self._held.times.extend(items.times[start:end])
            self._count += end - start
            self._size = size
            start = end
            if self._count == BLOCK_KEYS:
                self._count = 0
                yield from self.rest()
            elif size > BLOCK_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[_Payload]:
        """Yield a block of the keys that came since the last one, if any did."""
        keys, kinds, wires, times = self._held
        if not keys:
            return
        places = [at for at, time in enumerate(times) if time is not None]
        deadlines = [times[at] for at in places]
        block = [
            KEYS_BLOCK,
            self._index,
            keys,
            bytes(kinds) if any(kinds) else b"",
            wires,
            places if len(places) < len(keys) else None,
            deadlines,
        ]
        many = len(keys)
        payload: bytes = self._pack(block)
        self._held = _Items([], bytearray(), [], [])
        self._size = 0
        yield payload, many
