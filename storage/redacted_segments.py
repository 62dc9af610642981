"""Which segments of a folder are redacted, and what their tables say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.redaction import name_digest
from joblog.storage.segment import SegmentReader
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.redaction import Redaction, Table


def read_table_digest(filesystem: FileSystem, path: Path) -> bytes:
    """Return SHA-256 of a segment's table; b"" where it is not redacted.

    Raises:
        CorruptLogError: the segment's header, or its table, is damaged.
        OSError: the file cannot be read.
    """
    reader = SegmentReader(filesystem, path)
    try:
        return reader.table_digest()
    finally:
        reader.close()


def has_same_table(filesystem: FileSystem, one: Path, other: Path) -> bool:
    """Tell whether the same records of two copies of a segment are redacted."""
    return read_table_digest(filesystem, one) == read_table_digest(filesystem, other)


def read_tables(folder: LogFolder, filesystem: FileSystem) -> dict[int, Table]:
    """Return the tables of redacted segments by their first records' numbers.

    Raises:
        CorruptLogError: a segment's header, or its table, is damaged.
        PrunedError: a segment was pruned meanwhile.
    """
    tables: dict[int, Table] = {}
    for first_seq in folder.find_segments():
        reader = open_segment(folder, filesystem, first_seq)
        try:
            table = reader.table()
        finally:
            reader.close()
        if table is not None:
            tables[first_seq] = table
    return tables


class Gone(NamedTuple):
    """That something of a name was made unreadable.

    Attributes:
        redaction: one that says by whom, when and why.
        first_seq: the first record that was changed for the name.
        last_seq: the last one.
    """

    redaction: Redaction
    first_seq: int
    last_seq: int


class Redactions:
    """The redactions of a log."""

    def __init__(self, folder: LogFolder, filesystem: FileSystem) -> None:
        """Read the tables.

        Raises:
            CorruptLogError: one is damaged.
        """
        tables = read_tables(folder, filesystem).values()
        self._all = [each for table in tables for each in table.redactions]

    def find(self, kind: str, name: bytes) -> list[Gone]:
        """Return what is redacted of a key, a job or a text, the latest last."""
        found: dict[bytes, Gone] = {}
        for each in self._all:
            for subject in each.subjects:
                if subject.kind != kind:
                    continue
                if subject.digest != name_digest(each.id, kind, name):
                    continue
                elder = found.get(each.id)
                first, last = subject.first_seq, subject.last_seq
                if elder is not None:
                    first = min(first, elder.first_seq)
                    last = max(last, elder.last_seq)
                found[each.id] = Gone(each, first, last)
        return sorted(found.values(), key=lambda gone: gone.redaction.at_ms)

    def find_record(self, seq: int) -> Redaction | None:
        """Return the latest redaction that changed a record; None for none."""
        found = [each for each in self._all if seq in each.seqs]
        return max(found, key=lambda each: each.at_ms, default=None)

    def span(self) -> tuple[int, int] | None:
        """Return the first record that is redacted, and the time of the last redaction.

        Between the two what the log folds to is not what was in memory.
        """
        if not self._all:
            return None
        first_seq = min(each.seqs[0] for each in self._all)
        return first_seq, max(each.at_ms for each in self._all)
