"""The past: the keyspace after any record, and how a key came to be what it is.

All of it is `joblog.app.history.recovery.Fold`, the function that the server recovers
with: nothing here rebuilds state in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from joblog.app.history.recovery import Fold
from joblog.app.history.touched import changes_databases, find_touched
from joblog.replay.keys.values import Version, take_version
from joblog.storage.errors import SnapshotError
from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.bases import Bases
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.reader import RecordEnd
    from joblog.storage.record import Record

Progress = Callable[[int], None]
"""Called now and then with the number of the last record that was read."""

# More than any server was started with; the log does not say how many it had.
DATABASES = 1024

# As many records are folded in the time that it takes to load a small snapshot.
_JUMP_RECORDS = 20_000


def _no_progress(_: int) -> None:
    """Tell nobody."""


class Past:
    """The keyspace at one moment after the other, forward only.

    Attributes:
        seq: the last record that has happened.
    """

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        progress: Progress = _no_progress,
        bases: Bases | None = None,
    ) -> None:
        """Begin before the first record.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            progress: is told how far a long fold has come.
            bases: states that `go_to` may begin with; none to fold all that was.

        Raises:
            StorageError: this is not a data folder.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._bases = bases
        self._fold = Fold(DATABASES)
        self._reader = LogReader(folder, filesystem=filesystem)
        self._ahead: list[Record] = []
        self._progress = progress

    @property
    def seq(self) -> int:
        """The number of the last record that has happened; 0 before the first."""
        return self._fold.last_seq

    @property
    def databases(self) -> list[Database]:
        """The databases at this moment; they change as time goes on."""
        return self._fold.keyspace.databases

    @property
    def fold(self) -> Fold:
        """The fold as it is now."""
        return self._fold

    def version(self, db: int, key: bytes) -> Version | None:
        """Return what a key is at this moment, None where it is missing."""
        return take_version(self.databases[db], key)

    def go_to(self, seq: int) -> None:
        """Let all happen up to a record, which the log must have.

        Raises:
            CorruptLogError: the log is damaged, or a record cannot be applied.
            PrunedError: the log has lost its beginning, and no snapshot stands for it.
        """
        self._jump(seq)
        for records in self.batches(seq):
            self._fold.apply(records)

    def _jump(self, seq: int) -> None:
        """Begin anew with a state between now and a record, where that is shorter."""
        if self._bases is None:
            return
        after_seq = self.seq + _JUMP_RECORDS if self.seq else 0
        found = self._bases.open(seq, after_seq)
        while found is not None:
            snapshot, end = found
            try:
                self._fold = Fold.from_snapshot(snapshot, DATABASES)
            except SnapshotError:
                found = self._bases.open(snapshot.header.seq - 1, after_seq)
                continue
            finally:
                snapshot.close()
            self.go_on_from(self._fold, end)
            return
        if not self.seq:
            self._bases.require_openable(seq)

    def go_on_from(self, fold: Fold, end: RecordEnd | None) -> None:
        """Take over another fold of the same log.

        Args:
            fold: the fold.
            end: where a record up to its last one ends; None for the log's start.
        """
        self._fold = fold
        self._reader.close()
        self._reader = LogReader(
            self._folder,
            filesystem=self._filesystem,
            from_seq=fold.last_seq + 1,
            after=end,
        )
        self._ahead = []

    def batches(self, until_seq: int | None) -> Iterator[list[Record]]:
        """Yield the records that come next, up to a number or the end of the log.

        Whoever takes a batch has to `apply` it before taking the next.
        """
        while until_seq is None or self.seq < until_seq:
            records = self._ahead or self._reader.read_batch()
            self._ahead = []
            if not records:
                return
            if until_seq is not None and records[-1].seq > until_seq:
                wanted = until_seq - records[0].seq + 1
                self._ahead = records[wanted:]
                records = records[:wanted]
            yield records
            self._progress(self.seq)

    def apply(self, records: list[Record]) -> None:
        """Let the next records happen.

        Raises:
            CorruptLogError: a record cannot be applied.
        """
        self._fold.apply(records)

    def close(self) -> None:
        """Close the file that is being read."""
        self._reader.close()


class Step(NamedTuple):
    """One record that changed a key.

    Attributes:
        record: the record.
        before: the key before it, None for missing.
        after: the key after it, None for missing.
    """

    record: Record
    before: Version | None
    after: Version | None


def trace_key(past: Past, db: int, key: bytes, until_seq: int) -> Iterator[Step]:
    """Yield each record that changed a key, in order, with the key before and after.

    Raises:
        CorruptLogError: the log is damaged, or a record cannot be applied.
    """
    version = past.version(db, key)
    for record in changing_records(past, db, key, until_seq):
        past.apply([record])
        after = past.version(db, key)
        if after != version:
            yield Step(record, version, after)
            version = after


def changing_records(
    past: Past, db: int, key: bytes, until_seq: int
) -> Iterator[Record]:
    """Yield each record that may change a key, in order; who takes it has to apply it.

    Raises:
        CorruptLogError: the log is damaged, or a record cannot be applied.
    """
    for records in past.batches(until_seq):
        start = 0
        for position, record in enumerate(records):
            # Most records don't have the key in any argument, which is quick to see.
            if not _may_touch(record, db, key):
                continue
            past.apply(records[start:position])
            start = position + 1
            yield record
        past.apply(records[start:])


def _may_touch(record: Record, db: int, key: bytes) -> bool:
    for argv in record.effects:
        if key in argv or changes_databases(argv):
            return find_touched(record).includes(db, key)
    return False


Changes = dict[tuple[int, bytes], tuple[Version | None, Version | None]]
"""For each (database, key): what it was, and what it is."""


class Keyspace(Protocol):
    """A `Past`, or a slice of one."""

    def version(self, db: int, key: bytes) -> Version | None:
        """Return what a key is at this moment."""

    def go_to(self, seq: int) -> None:
        """Let all happen up to a record."""


def change_of(past: Keyspace, record: Record) -> Changes:
    """Let all happen up to a record and return what it did to the keys that it names.

    Args:
        past: a moment before the record.
        record: the record.

    Returns:
        (before, after) for each of the keys that it names.
    """
    past.go_to(record.seq - 1)
    touched = find_touched(record)
    before = {key: past.version(*key) for key in touched.keys}
    past.go_to(record.seq)
    return {key: (before[key], past.version(*key)) for key in touched.keys}
