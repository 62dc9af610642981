"""The fold: from records to a keyspace. Recovery, `replay` and backups all use it.

A record holds effects: commands whose outcome depends on nothing but the keyspace. The
fold runs them in order, through the very handlers that answered the clients, in a
keyspace whose clock stands at zero, so that nothing expires by itself: an expiry is a
DEL in the log.

A fold begins with nothing, or with a snapshot, which is what an earlier fold came to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.collector import paused
from joblog.app.commands.writers import require_writer
from joblog.app.config import Config
from joblog.app.errors import CommandError
from joblog.app.history.snapshots import load_blocks
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.keyspace.packing import pack_hashes_beyond
from joblog.app.state.context import Context
from joblog.app.state.server_state import ServerState
from joblog.app.table.table import LOOKUP
from joblog.storage.errors import RecordRefusedError, SnapshotError
from joblog.storage.folder import LogFolder
from joblog.storage.reader import LogReader, RecordEnd
from joblog.storage.snapshots import require_beginning, usable_snapshots

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from joblog.app.engine.proofs import ProofChecker
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record
    from joblog.storage.snapshot import SnapshotReader

_RECORDS_A_SLICE = 4000
_OPEN_MAX = 50_000
_LOOK_RECORDS = 1000


class Progress(NamedTuple):
    """How far a fold has come."""

    records: int
    seq: int


class Fold:
    """Applies records to a keyspace.

    Attributes:
        keyspace: what the records so far amount to.
        last_seq: the sequence number of the last record applied, 0 before the first.
        records: how many were applied.
        proofs: compares what the live server noted of its memory, or None.
    """

    def __init__(self, databases: int = 16, *, packs_hashes: bool = False) -> None:
        """Begin with empty databases.

        Args:
            databases: as many as the log uses, or more.
            packs_hashes: whether small hashes lie packed; then whoever reads the
                `values` of a database has to open them.
        """
        self.keyspace = Keyspace(databases)
        if packs_hashes:
            self.keyspace.pack_hashes()
        self.last_seq = 0
        self.records = 0
        self._look_at = _LOOK_RECORDS
        self.proofs: ProofChecker | None = None
        self._context = Context(self.keyspace, ServerState(_unlimited_config()))

    @classmethod
    def from_snapshot(cls, reader: SnapshotReader, databases: int = 16) -> Fold:
        """Begin with the state that a snapshot holds.

        Args:
            reader: a snapshot, of which nothing was read yet.
            databases: as many as the log uses, or more.

        Raises:
            SnapshotError: the snapshot is damaged.
        """
        fold = cls(databases)
        for _ in fold.load(reader):
            pass
        return fold

    def load(self, reader: SnapshotReader) -> Iterator[int]:
        """Take the state that a snapshot holds, a block at each step.

        Yields:
            How many keys there are so far.

        Raises:
            SnapshotError: the snapshot is damaged; the fold is then of no use.
        """
        yield from load_blocks(self.keyspace, reader)
        self.last_seq = reader.header.seq

    def apply(self, records: Iterable[Record]) -> None:
        """Apply records in order.

        Raises:
            RecordRefusedError: a record cannot be applied: its effect is no command,
                or the command refuses it. Nothing is skipped.
        """
        context = self._context
        databases = self.keyspace.databases
        lookup = LOOKUP
        record = None
        try:
            for record in records:
                if record.effects:
                    context.db = databases[record.db]
                    for argv in record.effects:
                        command = lookup.get(argv[0]) or require_writer(argv)
                        command.apply(context, argv)
                elif self.proofs is not None:
                    self.proofs.look(record.seq, record.origin.note, self.keyspace)
                self.records += 1
        except IndexError as error:
            assert record is not None
            raise RecordRefusedError(
                f"record {record.seq} belongs to database {record.db}, but there are "
                f"{len(databases)}: start with a larger 'databases' setting"
            ) from error
        except (CommandError, KeyError, TypeError, ValueError) as error:
            assert record is not None
            raise RecordRefusedError(
                f"record {record.seq} cannot be applied: {error!r}; its effects are "
                f"{record.effects!r}"
            ) from error
        finally:
            context.effects = None
        if record is not None:
            self.last_seq = record.seq
        if self.records >= self._look_at:
            # Not for each: who follows jobs applies records one by one.
            self._look_at = self.records + _LOOK_RECORDS
            pack_hashes_beyond(self.keyspace, _OPEN_MAX)


def _unlimited_config() -> Config:
    """Return settings that refuse nothing that an earlier setting had allowed."""
    return Config({"proto-max-bulk-len": str(2**62)})


class Recovery:
    """The way from what is on disk to a keyspace: a snapshot, then the log's tail.

    Attributes:
        fold: what was folded so far; whole when `steps` has ended.
        snapshot: the snapshot that it began with, or None.
        snapshot_seq: the record that it goes up to, or 0.
        snapshot_ms: the time of that record, or 0.
        rejected: a line for each snapshot that could not be used.
        keys: how many keys were loaded from the snapshot so far.
    """

    def __init__(
        self,
        folder: Path | str,
        filesystem: FileSystem,
        databases: int = 16,
        until_seq: int | None = None,
        until_ms: int | None = None,
        *,
        packs_hashes: bool = False,
    ) -> None:
        """Look at a data folder; nothing is read yet.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            databases: as many as the log uses, or more.
            until_seq: the last record to fold; None for the end of the log.
            until_ms: begin with a snapshot of no later time than this.
            packs_hashes: see `Fold`.
        """
        self.fold = Fold(databases, packs_hashes=packs_hashes)
        self.snapshot: Path | None = None
        self.snapshot_seq = 0
        self.snapshot_ms = 0
        self.rejected: list[str] = []
        self.keys = 0
        self._folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        self._databases = databases
        self._until_seq = until_seq
        self._until_ms = until_ms
        self._packs_hashes = packs_hashes

    def begin(self) -> RecordEnd | None:
        """Load the newest snapshot that is of use, and say where to read on.

        Returns:
            Where its last record ends; None where the fold begins with nothing.

        Raises:
            SnapshotError, StorageError: as `steps` does.
        """
        steps = self.beginning()
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                end: RecordEnd | None = ended.value
                return end

    def steps(self) -> Iterator[Progress]:
        """Recover, a slice at each step.

        Raises:
            PrunedError: the log has lost its beginning, and no snapshot stands for it.
            SnapshotAheadError: a snapshot is newer than the log.
            CorruptLogError: the log is damaged.
        """
        with paused():
            end = yield from self.beginning()
            fold = self.fold
            reader = LogReader(
                self._folder.path, filesystem=self._filesystem, after=end
            )
            try:
                told = 0
                for records in reader.batches(self._until_seq):
                    fold.apply(records)
                    if fold.records - told >= _RECORDS_A_SLICE:
                        told = fold.records
                        yield Progress(told, fold.last_seq)
            finally:
                reader.close()
        yield Progress(fold.records, fold.last_seq)

    def beginning(self) -> Generator[Progress, None, RecordEnd | None]:
        """Do as `begin` does, a slice at each step.

        Yields:
            Progress after each slice.
        """
        for reader, end in usable_snapshots(
            self._folder, self._filesystem, self.rejected, self._until_seq
        ):
            if self._until_ms is not None and reader.header.at_ms > self._until_ms:
                reader.close()
                continue
            try:
                for keys in self.fold.load(reader):
                    self.keys = keys
                    yield Progress(0, reader.header.seq)
            except SnapshotError as error:
                self.rejected.append(str(error))
                self.fold = Fold(self._databases, packs_hashes=self._packs_hashes)
                self.keys = 0
            else:
                self.snapshot = reader.path
                self.snapshot_seq = reader.header.seq
                self.snapshot_ms = reader.header.at_ms
                return end
            finally:
                reader.close()
        require_beginning(self._folder, self.rejected)
        return None


def find_floor(folder: Path | str, filesystem: FileSystem) -> int:
    """Return the first moment of a log that can be opened, as a record's number.

    Returns:
        0 where the log has its beginning; else what the oldest snapshot of use goes up
        to. Where there is none, the number before that of the log's first record.

    Raises:
        StorageError: the log is damaged, or a snapshot is newer than it.
    """
    paths = LogFolder(folder, filesystem)
    segments = paths.find_segments()
    if not segments or segments[0] == 1:
        return 0
    floor = segments[0] - 1
    for reader, _ in usable_snapshots(paths, filesystem, []):
        floor = reader.header.seq
        reader.close()
    return floor


def recover(
    folder: Path | str,
    filesystem: FileSystem,
    databases: int = 16,
    until_seq: int | None = None,
) -> Fold:
    """Return the state after a record, or at the end of the log; see `Recovery`."""
    recovery = Recovery(folder, filesystem, databases, until_seq)
    for _ in recovery.steps():
        pass
    return recovery.fold
