"""The keyspace as blocks of a snapshot, and back.

Each block's payload is one msgpack array, whose first item is its kind:

    [1, db, keys, kinds, values, places, deadlines]     some keys of a database
    [2, [[name, text], ...]]                            libraries of functions

    keys        array of bin, in the order in which the keys came
    kinds       a byte for each key: the kind of its value (see
                `joblog.app.types.snapshot_values`); empty where all are strings
    values      their wire forms, in the same order
    places      which of the keys have a deadline, by their place in `keys`, from 0;
                nil where all have one
    deadlines   those, ms since the epoch

Keys and values of a block are two arrays of their own, since a dictionary is filled
from two lists in a single call: 1,000,000 small strings load in half a second.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgpack

from joblog.app.types.packed_values import Packed
from joblog.app.types.snapshot_values import (
    EXPIRING_HASH_KIND,
    PACKED_UNPACKERS,
    UNPACKERS,
    packer_of,
)
from joblog.app.types.streams import Stream
from joblog.storage.errors import SnapshotError
from joblog.storage.room import require_room
from joblog.storage.snapshot import write_snapshot
from joblog.storage.snapshots import describe_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.snapshot import SnapshotInfo, SnapshotReader

KEYS_BLOCK: Final = 1
LIBRARIES_BLOCK: Final = 2

BLOCK_KEYS: Final = 4096
BLOCK_BYTES: Final = 4 * 1024 * 1024
ELEMENT_BYTES: Final = 32
"""How many keys are in a block at the most, how many bytes about, an element's being
guessed: so that the same state gives the same blocks, however it lies in memory."""


def encode_blocks(keyspace: Keyspace) -> Iterator[tuple[bytes, int]]:
    """Yield the blocks of a keyspace: each payload, and how many keys are in it.

    The keyspace must not change meanwhile.
    """
    pack = msgpack.Packer(use_bin_type=True).pack
    yield from encode_libraries(keyspace)
    for database in keyspace.databases:
        total = len(database)
        held = 0
        for keys in _split_keys(database):
            held += len(keys)
            yield pack(_encode_keys(database, keys)), len(keys)
        assert held == total == len(database)


def encode_libraries(keyspace: Keyspace) -> Iterator[tuple[bytes, int]]:
    """Yield the block of the libraries of functions, where there are any."""
    if keyspace.libraries:
        libraries = [[name, text] for name, text in keyspace.libraries.items()]
        yield msgpack.packb([LIBRARIES_BLOCK, libraries], use_bin_type=True), 0


def _split_keys(database: Database) -> Iterator[list[bytes]]:
    """Yield all keys in order, so many at a time that a block does not get too long."""
    names = iter(database.values)
    while keys := list(islice(names, BLOCK_KEYS)):
        start = size = 0
        for place, key in enumerate(keys):
            size += _about_bytes(database.values[key])
            if size > BLOCK_BYTES:
                yield keys[start : place + 1]
                start, size = place + 1, 0
        if start < len(keys):
            yield keys[start:]


def _about_bytes(value: Any) -> int:
    if type(value) is bytes:
        return len(value)
    if type(value) is Packed:
        return ELEMENT_BYTES * value.count()
    return ELEMENT_BYTES * (value.length if type(value) is Stream else len(value))


def _encode_keys(database: Database, keys: list[bytes]) -> list[Any]:
    values = list(map(database.values.__getitem__, keys))
    kinds = b""
    if set(map(type, values)) != {bytes}:
        packers = [packer_of(value) for value in values]
        kinds = bytes(kind for kind, _ in packers)
        values = [pack(value) for (_, pack), value in zip(packers, values, strict=True)]
    places: list[int] | None = []
    deadlines: list[int] = []
    if database.deadlines:
        places = [at for at, key in enumerate(keys) if key in database.deadlines]
        deadlines = [database.deadlines[keys[at]] for at in places]
        if len(places) == len(keys):
            places = None
    return [KEYS_BLOCK, database.index, keys, kinds, values, places, deadlines]


def load_blocks(keyspace: Keyspace, reader: SnapshotReader) -> Iterator[int]:
    """Fill an empty keyspace from a snapshot, a block at each step.

    Yields:
        How many keys there are so far.

    Raises:
        SnapshotError: a block is not sound, or the number of keys is another one; the
            keyspace is then of no use.
    """
    keys = 0
    for payload in reader.blocks():
        try:
            keys += load_block(keyspace, msgpack.unpackb(payload))
        except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
            raise SnapshotError(
                f"{reader.path}: damaged snapshot: a sound block that holds no keys: "
                f"{error!r}"
            ) from error
        except IndexError as error:
            raise SnapshotError(
                f"{reader.path}: it has more databases than the 'databases' setting"
            ) from error
        yield keys
    found = sum(len(database.values) for database in keyspace.databases)
    if not keys == found == reader.keys:
        raise SnapshotError(
            f"{reader.path}: damaged snapshot: {found} keys, expected {reader.keys}"
        )
    for database in keyspace.databases:
        assert len(database.deadlines) <= len(database)
        assert len(database.field_deadlines) <= len(database)
        database.order_deadlines()


def load_block(keyspace: Keyspace, block: list[Any]) -> int:
    """Take what is in a block; say how many keys that are."""
    if block[0] == LIBRARIES_BLOCK:
        keyspace.libraries.update(block[1])
        return 0
    if block[0] != KEYS_BLOCK:
        raise ValueError(f"{block[0]} is no kind of block")
    _, index, keys, kinds, values, places, deadlines = block
    database = keyspace.databases[index]
    if kinds:
        unpackers_by_kind = UNPACKERS if database.opened is None else PACKED_UNPACKERS
        unpackers = map(unpackers_by_kind.__getitem__, kinds)
        values = [unpack(wire) for unpack, wire in zip(unpackers, values, strict=True)]
    database.values.update(zip(keys, values, strict=True))
    if EXPIRING_HASH_KIND in kinds:
        for key, value, kind in zip(keys, values, kinds, strict=True):
            if kind == EXPIRING_HASH_KIND:
                database.note_field_deadlines(key, value)
    if deadlines:
        named = keys if places is None else map(keys.__getitem__, places)
        database.deadlines.update(zip(named, deadlines, strict=True))
    return len(keys)


def load_keys(keyspace: Keyspace, reader: SnapshotReader, wanted: set[bytes]) -> None:
    """Take some keys from a snapshot, in every database that has them, and no others.

    Raises:
        SnapshotError: a block is not sound.
    """
    for payload in reader.blocks():
        if not any(key in payload for key in wanted):
            continue
        block = msgpack.unpackb(payload)
        if block[0] == KEYS_BLOCK:
            load_block(keyspace, narrow(block, wanted))
    for database in keyspace.databases:
        database.order_deadlines()


def snapshot_keys(reader: SnapshotReader, piece: bytes) -> Iterator[list[bytes]]:
    """Yield the keys of each block of a snapshot that has a piece of bytes in it.

    Raises:
        SnapshotError: a block is not sound.
    """
    for payload in reader.blocks():
        if piece in payload:
            block = msgpack.unpackb(payload)
            if block[0] == KEYS_BLOCK:
                yield block[2]


def narrow(block: list[Any], wanted: set[bytes]) -> list[Any]:
    """Return a block of keys with only those that are wanted."""
    kind, index, keys, kinds, values, places, deadlines = block
    kept = [place for place, key in enumerate(keys) if key in wanted]
    at = dict(
        zip(range(len(keys)) if places is None else places, deadlines, strict=True)
    )
    with_deadline = [number for number, place in enumerate(kept) if place in at]
    return [
        kind,
        index,
        [keys[place] for place in kept],
        bytes(kinds[place] for place in kept) if kinds else b"",
        [values[place] for place in kept],
        with_deadline,
        [at[kept[number]] for number in with_deadline],
    ]


def save_snapshot(
    folder: LogFolder,
    filesystem: FileSystem,
    keyspace: Keyspace,
    seq: int,
    made_at_ms: int,
    *,
    wait: Callable[[int], None] | None = None,
    floor: int = 0,
) -> SnapshotInfo:
    """Write the state after a record beside the log that it was folded from.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        keyspace: the state after the record.
        seq: the record, which must be durable: else a power cut could leave a snapshot
            that is newer than its log.
        made_at_ms: the time now.
        wait: called after each block, with how many keys are in it.
        floor: how many bytes it has to leave free on the disk.

    Raises:
        StorageError: the log is damaged, or the disk refused to make it durable.
        NoRoomError: it would not leave so many; nothing of it is left.
        OSError: the disk refused.
    """
    blocks = encode_blocks(keyspace)
    return save_blocks(
        folder, filesystem, blocks, seq, made_at_ms, wait=wait, floor=floor
    )


def save_blocks(
    folder: LogFolder,
    filesystem: FileSystem,
    blocks: Iterator[tuple[bytes, int]],
    seq: int,
    made_at_ms: int,
    *,
    wait: Callable[[int], None] | None = None,
    floor: int = 0,
) -> SnapshotInfo:
    """Write the blocks of the state after a record, as `save_snapshot` does."""
    folder.make_snapshots()
    header = describe_state(folder, filesystem, seq, made_at_ms)
    path = folder.snapshot_path(seq)
    if wait is not None:
        blocks = _slowly(blocks, wait)
    if floor:
        blocks = leave_free(blocks, folder, filesystem, floor)
    return write_snapshot(filesystem, path, header, blocks)


def _slowly(
    blocks: Iterator[tuple[bytes, int]], wait: Callable[[int], None]
) -> Iterator[tuple[bytes, int]]:
    for payload, keys in blocks:
        yield payload, keys
        wait(keys)


def leave_free(
    blocks: Iterator[tuple[bytes, int]],
    folder: LogFolder,
    filesystem: FileSystem,
    floor: int,
) -> Iterator[tuple[bytes, int]]:
    """Yield blocks while each still fits above what has to stay free."""
    what = "the rest of a snapshot, of which nothing is kept"
    for payload, keys in blocks:
        require_room(filesystem, folder.snapshots_path, len(payload), floor, what)
        yield payload, keys
