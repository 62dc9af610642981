"""A fold of a log for which no more keys are in memory than a part of it names.

    base + stretch -> base + stretch -> ... -> the blocks of a snapshot

A *stretch* is some records that follow each other, and name some keys in all. Those
keys are taken from the base, which is a snapshot or what the stretch before came to, in
a scratch file; the records are applied to them, and what they have become is merged
with the base (`merging`). So memory holds a tenth of the keys where they are many;
where they are few it holds all, and nothing is merged. What comes out is, byte for
byte, what a fold of everything comes to.

What the server recorded of its memory is compared as in any fold. A proof is of a slice
of the order that all keys had when its round began: there a stretch ends, the order is
read from the base as proofs come by, and the keys of these are named ones too. Behind a
seal with a digest of everything, everything is loaded.

A log whose effects read keys that they do not name (SORT BY) is not folded so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from joblog.app.collector import paused
from joblog.app.commands.writers import find_writer
from joblog.app.engine.proofs import PROOF_KIND
from joblog.app.errors import CommandError
from joblog.app.history.merging import Base, load_named, merged_blocks
from joblog.app.history.proving import ProvenFold
from joblog.app.history.recovery import Fold
from joblog.app.history.snapshots import encode_blocks, leave_free
from joblog.app.history.stored_order import NarrowedChecker, StoredOrder
from joblog.app.keyspace.packing import pack_beyond
from joblog.storage.errors import SnapshotError, StorageError
from joblog.storage.reader import LogReader
from joblog.storage.snapshot import verify_snapshot, write_scratch
from joblog.storage.snapshots import require_beginning, usable_snapshots

if TYPE_CHECKING:
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.reader import RecordEnd
    from joblog.storage.record import Record

HELD_BYTES = 32 * 1024 * 1024  # not Final: tests lower it
"""How much the keys of a stretch may take in any case, about."""

_PART: Final = 10
_KEY_BYTES: Final = 120
_OPEN_MOST: Final = 5_000
_PATTERNS: Final = frozenset((b"BY", b"GET"))

_Names = Callable[[list[bytes]], list[bytes]]
Blocks = Iterator[tuple[bytes, int]]


class UnnamedKeysError(Exception):
    """An effect reads keys that it does not name."""


class _Namer:
    """Tells the keys that effects name."""

    def __init__(self) -> None:
        self._namers: dict[bytes, _Names] = {}

    def names(self, argv: list[bytes]) -> list[bytes]:
        """Return the keys that an effect names.

        Raises:
            UnnamedKeysError: it reads others.
        """
        namer = self._namers.get(argv[0])
        if namer is None:
            namer = self._namers[argv[0]] = _namer_of(argv)
        return namer(argv)


def _namer_of(argv: list[bytes]) -> _Names:
    command = find_writer(argv)
    if command is None:
        return _every_name
    if any(spec.is_unnamed for spec in command.keys):
        return _every_name_if_all
    if len(command.keys) == 1 and command.keys[0].is_only_first:
        return _first_name
    return _every_name


def _every_name_if_all(argv: list[bytes]) -> list[bytes]:
    """Return the keys of SORT, which reads others by BY and GET."""
    if not _PATTERNS.isdisjoint(word.upper() for word in argv):
        raise UnnamedKeysError(argv[0])
    return _every_name(argv)


def _first_name(argv: list[bytes]) -> list[bytes]:
    return argv[1:2]


def _every_name(argv: list[bytes]) -> list[bytes]:
    command = find_writer(argv)
    try:
        places = [] if command is None else command.key_positions(argv)
        return [argv[place] for place in places]
    except (CommandError, IndexError):
        return []  # who applies it is told that it cannot be


class _Reading:
    """Records, some at a time; what was too many comes again."""

    def __init__(self, batches: Iterator[list[Record]]) -> None:
        self._batches = batches
        self._left: list[Record] = []

    def take(self, until_seq: int) -> list[Record]:
        """Return the next records, up to one; none where there are none."""
        records, self._left = self._left or next(self._batches, []), []
        if records and records[-1].seq > until_seq:
            many = until_seq - records[0].seq + 1
            self._left = records[many:]
            del records[many:]
        return records

    def give_back(self, records: list[Record]) -> None:
        """Have some of what was taken last come again."""
        self._left = records + self._left


class Stretches:
    """A fold of a log up to a record.

    Attributes:
        keys: how many keys the snapshot has that it begins with.
        merged: how many scratch files were written.
        proven: what was compared on the way, and where it differs.
    """

    def __init__(
        self,
        folder: LogFolder,
        filesystem: FileSystem,
        until_seq: int,
        *,
        databases: int = 16,
        held_bytes: int | None = None,
        floor: int = 0,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Look at a data folder; nothing is read yet.

        Args:
            folder: the data folder; nobody else may write snapshots.
            filesystem: the door to the disk.
            until_seq: the last record to fold.
            databases: as many as the log uses, or more.
            held_bytes: how much the keys of a stretch may take in any case, about;
                None for `HELD_BYTES`.
            floor: how many bytes scratch files have to leave free on the disk.
            tell: called with the number of the last record applied, time and again.
        """
        self.keys = self.merged = 0
        self._folder = folder
        self._filesystem = filesystem
        self._until_seq = until_seq
        self._databases = databases
        self._held_bytes = HELD_BYTES if held_bytes is None else held_bytes
        self._floor = floor
        self._tell = tell
        self._namer = _Namer()
        self._checker = NarrowedChecker()
        self.proven = ProvenFold(Fold(databases), folder, filesystem, self._checker)
        self._end: RecordEnd | None = None
        self._seq = 0
        self._base: Base | None = None
        self._scratch: Base | None = None
        self._records = _Reading(iter(()))
        self._ahead: _Reading | None = None

    def run(self) -> Blocks:
        """Fold, and return the blocks of the state; `close` when they are taken.

        Raises:
            UnnamedKeysError: an effect reads keys that it does not name.
            NoRoomError: scratch files would not leave enough room.
            StorageError: the log is damaged, or ends before the record.
        """
        self._begin()
        batches = self.proven.batches(self._end, self._until_seq)
        self._records = _Reading(batches)
        while True:
            is_proven = self._seq in self.proven.recorded
            is_whole = is_proven or self._fits()
            blocks = self._fold_all() if is_whole else self._fold_named()
            if self._seq == self._until_seq and (
                is_whole or self._seq not in self.proven.recorded
            ):
                return blocks
            self._store(blocks)
            for database in self.proven.keyspace.databases:
                database.clear()  # keyspaces are cycles: nobody would free them

    def close(self) -> None:
        """Remove what was written aside."""
        self._checker.close()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            with suppress(OSError):
                self._filesystem.unlink(scratch.path)

    def _begin(self) -> None:
        """Find the snapshot to begin with."""
        rejected: list[str] = []
        for reader, end in usable_snapshots(
            self._folder, self._filesystem, rejected, self._until_seq
        ):
            reader.close()
            try:
                info = verify_snapshot(self._filesystem, reader.path)
            except SnapshotError as error:
                rejected.append(str(error))
                continue
            size_bytes = info.size_bytes
            self._base = Base(self._filesystem, reader.path, info.keys, size_bytes)
            self._end, self._seq, self.keys = end, end.seq, info.keys
            return
        require_beginning(self._folder, rejected)

    # --- how much at a time ------------------------------------------------------

    def _keys_most(self) -> int:
        """Return how many keys a stretch may name."""
        base = self._base
        if base is None or not base.keys:
            return self._held_bytes // _KEY_BYTES
        size = _KEY_BYTES + 2 * base.size_bytes // base.keys
        return max(base.keys // _PART, self._held_bytes // size)

    def _words_most(self) -> int:
        """Return how long the words of a stretch's effects may be in all."""
        size_bytes = 0 if self._base is None else self._base.size_bytes
        return max(size_bytes // _PART, 4 * self._held_bytes)

    def _fits(self) -> bool:
        """Say whether all keys of the base are few."""
        return self._base is None or self._base.keys <= self._keys_most()

    # --- stretches ---------------------------------------------------------------

    def _fold_all(self) -> Blocks:
        """Fold on with all keys in memory, until they are many or the log ends."""
        fold = self._next_fold(is_narrowed=False)
        if self._base is not None:
            reader = self._base.open()
            try:
                with paused():
                    for _ in fold.load(reader):
                        pass
            finally:
                reader.close()
        self._ahead = None
        keys_most, words = self._keys_most(), self._words_most()
        while records := self._records.take(self._until_seq):
            self._apply(fold, records)
            words -= _length(records)
            is_over = words < 0 or _count(fold) > keys_most
            if is_over and self._seq not in self.proven.recorded:
                break
        else:
            self._require_end(self._seq)
        return encode_blocks(fold.keyspace)

    def _fold_named(self) -> Blocks:
        """Fold a stretch with the keys in memory that it names."""
        assert self._base is not None
        named, last_seq = self._gather()
        fold = self._next_fold(is_narrowed=True)
        with paused():
            load_named(fold.keyspace, self._base, named)
        while self._seq < last_seq:
            records = self._records.take(last_seq)
            if not records:
                self._require_end(self._seq)
            self._apply(fold, records)
        return merged_blocks(fold.keyspace, self._base, named)

    def _next_fold(self, *, is_narrowed: bool) -> Fold:
        fold = Fold(self._databases, packs_hashes=True)
        fold.last_seq = self._seq
        self._checker.is_narrowed = is_narrowed
        self.proven.watch(fold)
        return fold

    def _apply(self, fold: Fold, records: list[Record]) -> None:
        with paused():
            fold.apply(records)
        pack_beyond(fold.keyspace, _OPEN_MOST)
        self._seq = fold.last_seq
        self._tell(self._seq)

    def _gather(self) -> tuple[set[bytes], int]:
        """Return the keys that the next stretch names, and its last record."""
        ahead = self._ahead = self._ahead or self._read_ahead()
        named: set[bytes] = set()
        keys_most, words = self._keys_most(), self._words_most()
        last_seq = self._seq
        while records := ahead.take(self._until_seq):
            for place, record in enumerate(records, 1):
                if self._name_keys(record, named):
                    ahead.give_back(records[place:])
                    return named, record.seq
            last_seq = records[-1].seq
            words -= _length(records)
            is_over = words < 0 or len(named) > keys_most
            if is_over or last_seq in self.proven.recorded:
                return named, last_seq
        self._require_end(last_seq)
        return named, last_seq

    def _name_keys(self, record: Record, named: set[bytes]) -> bool:
        """Add the keys that a record names; say whether a stretch ends with it."""
        for argv in record.effects:
            named.update(self._namer.names(argv))
        note = None if record.effects else record.origin.note
        if note is None or note.get("kind") != PROOF_KIND:
            return False
        if "round" in note:
            return True
        order = self._checker.order
        if order is not None:
            place = note["db"], note["from"], note["to"]
            if isinstance(order, StoredOrder):
                named.update(order.foresee(*place))
            else:
                named.update(order.names(*place))
        return False

    def _read_ahead(self) -> _Reading:
        is_first = self._end is not None and self._end.seq == self._seq
        reader = LogReader(
            self._folder.path,
            filesystem=self._filesystem,
            from_seq=self._seq + 1,
            after=self._end if is_first else None,
        )
        return _Reading(reader.batches(self._until_seq))

    def _require_end(self, last_seq: int) -> None:
        if last_seq != self._until_seq:
            raise StorageError(
                f"{self._folder.path}: the log ends with seq {last_seq}, "
                f"expected {self._until_seq}"
            )

    def _store(self, blocks: Blocks) -> None:
        """Write what a stretch came to: the next one's base."""
        folder, filesystem = self._folder, self._filesystem
        path = folder.snapshot_path(self._seq)
        path = path.with_name(f"{path.name}.new")  # the next snapshot removes it
        if self._floor:
            blocks = leave_free(blocks, folder, filesystem, self._floor)
        info = write_scratch(filesystem, path, self._seq, blocks)
        elder, self._scratch = self._scratch, None
        self._base = Base(filesystem, path, info.keys, info.size_bytes)
        self._scratch = self._base
        self._checker.take_order(self._base)
        if elder is not None and elder.path != path:
            filesystem.unlink(elder.path)
        self.merged += 1


def _length(records: list[Record]) -> int:
    return sum(sum(map(len, argv)) for record in records for argv in record.effects)


def _count(fold: Fold) -> int:
    return sum(map(len, fold.keyspace.databases))
