"""Where a log stands in the history of a master, as its own notes say.

A dataset is taken in three steps, and a server may be killed in any of them:

    replica-sync.rdb is written     nothing has changed
    "begin", then what differs      the log is ahead of memory, and not whole
    "synchronized"                  the log has the dataset

So as long as the file is there, whoever starts looks whether the records are whole; if
not, he takes them back, by records that make the data again what it was before them.
`joblog.app.engine.replicated` says what is in the notes.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from joblog.app.history.datasets import Dataset
from joblog.app.history.recovery import Recovery
from joblog.app.state.replication import Position
from joblog.storage.disk import open_disk
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import write_all
from joblog.storage.folder import LogFolder
from joblog.storage.reader import LogReader
from joblog.storage.record import RecordDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.config import Config
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.words import Argv
    from joblog.storage.filesystem import FileSystem

_FILE: Final = "replica-sync.rdb"
_READ_BYTES: Final = 1024 * 1024
_SIGN: Final = b"replicat"
"""In each note that is looked for; other records need not be decoded."""


_SILENT_MAX: Final = 2
"""Each segment with something of a master's says so: behind so many that do not, there
is nothing to go on from."""


class Standing(NamedTuple):
    """What the notes of a log say.

    Attributes:
        position: where the data stands in a master's history; None where it does not.
        begun_seq: the record with which a dataset begins that is not whole; or 0.
        master: its address, as it was last; "" where none is known.
        is_over: whether it is followed no longer.
    """

    position: Position | None
    begun_seq: int
    master: str = ""
    is_over: bool = False


class _Found:
    """What notes say, from the older to the newer.

    Attributes:
        is_decided: whether older ones can say no more.
    """

    def __init__(self) -> None:
        self.id: str | None = None
        self.offset: int | None = None
        self.db = 0
        self.begun_seq = 0
        self.master = ""
        self.is_silent = True
        self.is_decided = self.is_over = False

    def take(self, seq: int, db: int, note: dict[str, object]) -> None:
        kind, what = note.get("kind"), note.get("what")
        is_of_client = kind == "client" and "replicates" in note
        if is_of_client or kind in ("replicated", "replication"):
            self.is_silent = False
        if is_of_client or "master" in note:
            self.master = str(note["address" if is_of_client else "master"])
        if kind == "replicated":
            self.offset, self.db = _number(note["offset"]), _number(note.get("db", db))
        elif is_of_client:
            self.id = str(note["replicates"])
        elif kind == "replication":
            self.is_decided = True
            self.id = self.offset = None
            self.begun_seq = seq if what == "begin" else 0
            self.is_over = what == "master"
            if what in ("synchronized", "continued"):
                self.id = str(note["id"])
                self.offset, self.db = _number(note["offset"]), _number(note["db"])

    def fill(self, older: _Found) -> None:
        """Take from older notes what these do not say."""
        self.is_decided, self.is_over = older.is_decided, older.is_over
        self.begun_seq = older.begun_seq
        self.master = self.master or older.master
        if older.is_decided and older.offset is None:
            self.id = self.offset = None  # it had none, so it came to none since
            return
        if self.offset is None:
            self.offset, self.db = older.offset, older.db
        self.id = self.id or older.id


def find_standing(folder: Path | str, filesystem: FileSystem) -> Standing:
    """Return where a log stands, by the newest of its segments that say it.

    Raises:
        StorageError: the log is damaged.
    """
    found: _Found | None = None
    silent = 0
    segments = LogFolder(folder, filesystem).find_segments()
    for at in range(len(segments) - 1, -1, -1):
        until = segments[at + 1] if at + 1 < len(segments) else None
        older = _look(folder, filesystem, segments[at], until)
        if found is None:
            found = older
        else:
            found.fill(older)
        silent = silent + 1 if older.is_silent else 0
        is_known = found.id and found.offset is not None
        if found.is_decided or is_known or silent == _SILENT_MAX:
            break
    if found is None:
        return Standing(None, 0)
    position = None
    if found.id and found.offset is not None:
        position = Position(found.id, found.offset, found.db)
    return Standing(position, found.begun_seq, found.master, found.is_over)


def _look(
    folder: Path | str, filesystem: FileSystem, first_seq: int, until: int | None
) -> _Found:
    """Go through the notes of one segment."""
    found = _Found()
    decoder = RecordDecoder()
    reader = LogReader(folder, filesystem=filesystem, from_seq=first_seq)
    try:
        while until is None or reader.next_seq < until:
            payloads = reader.read_payloads()
            if not payloads:
                break
            records = decoder.decode_all(one for one in payloads if _SIGN in one)
            for record in records:
                if until is not None and record.seq >= until:
                    break
                if record.origin.note is not None:
                    found.take(record.seq, record.db, record.origin.note)
    finally:
        reader.close()
    return found


def _number(value: object) -> int:
    assert isinstance(value, int)
    return value


def dataset_path(config: Config) -> Path:
    """Return where a dataset lies while it comes, and until it is in the log."""
    return Path(config.dir) / _FILE


class DatasetFile:
    """The file of a dataset that comes, open to be written."""

    def __init__(self, config: Config) -> None:
        """Make it, empty.

        Raises:
            OSError: the disk refuses, or the key file cannot be used.
        """
        path = dataset_path(config)
        self._filesystem = _disk(config.log_encryption_key_file)
        path.unlink(missing_ok=True)
        self._file = self._filesystem.create(path)
        self._is_open = True

    def write(self, data: bytes) -> None:
        """Write all of some bytes.

        Raises:
            OSError: the disk refuses.
        """
        write_all(self._filesystem, self._file, data)

    def close(self) -> None:
        """Close it."""
        if self._is_open:
            self._is_open = False
            self._filesystem.close(self._file)


def open_dataset(path: Path, key_file: str) -> tuple[BinaryIO, Iterator[None]]:
    """Open a dataset that has come, as it came.

    One that is encrypted goes into memory that has a descriptor, as who reads it maps
    it; nothing of it is on a disk in the clear.

    Returns:
        The file, and the steps after which it is whole. They raise OSError.

    Raises:
        OSError: it cannot be read, or the key file cannot be used.
    """
    if not key_file:
        return path.open("rb"), iter(())
    if not hasattr(os, "memfd_create"):
        raise OSError("an encrypted dataset can be taken on Linux alone")
    filesystem = _disk(key_file)
    target = os.fdopen(os.memfd_create(path.name), "w+b")
    return target, _copy(filesystem, path, target)


def _copy(filesystem: FileSystem, path: Path, target: BinaryIO) -> Iterator[None]:
    try:
        source = filesystem.open_to_read(path)
    except StorageError as error:
        raise OSError(str(error)) from error
    try:
        offset = 0
        while data := filesystem.read_at(source, _READ_BYTES, offset):
            target.write(data)
            offset += len(data)
            yield
    finally:
        filesystem.close(source)
    target.seek(0)


def _disk(key_file: str) -> FileSystem:
    try:
        return open_disk(key_file)
    except StorageError as error:
        raise OSError(str(error)) from error


def state_before(
    folder: Path | str, filesystem: FileSystem, databases: int, begun_seq: int
) -> Keyspace:
    """Return the data before the records of a dataset that are not whole."""
    recovery = Recovery(folder, filesystem, databases, begun_seq - 1, packs_hashes=True)
    for _ in recovery.steps():
        continue
    return recovery.fold.keyspace


def take_back(now: Keyspace, before: Keyspace) -> Iterator[tuple[int, list[Argv]]]:
    """Make a keyspace the one before; yield what is to be recorded for it."""
    dataset = Dataset(now)
    for _ in dataset.take(before):
        continue
    yield from dataset.differences()
    dataset.take_place()
