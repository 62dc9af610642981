"""Which segments of a folder are redacted, and what their tables say."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.storage.errors import PrunedError
from joblog.storage.redaction import name_digest
from joblog.storage.segment import SegmentReader
from joblog.storage.segment_files import open_segment

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    """
    tables: dict[int, Table] = {}
    for first_seq in folder.find_segments():
        try:
            reader = open_segment(folder, filesystem, first_seq)
        except PrunedError:  # meanwhile: nobody can ask for its records any more
            continue
        try:
            table = reader.table()
        finally:
            reader.close()
        if table is not None:
            tables[first_seq] = table
    return tables


_WORD: Final = re.compile(rb"[A-Za-z0-9_-]+")
_WORDS_MAX: Final = 12


def names_in(key: bytes) -> list[tuple[str, bytes]]:
    """Return what a redaction of a key may have been about: it, or a job named in it.

    A job's id is one word of the key or several; of a key with very many, one.
    """
    words = [(found.start(), found.end()) for found in _WORD.finditer(key)]
    most = len(words) if len(words) <= _WORDS_MAX else 1
    jobs = [
        key[start:end]
        for first, (start, _) in enumerate(words)
        for _, end in words[first : first + most]
    ]
    return [("key", key), *(("job", job) for job in jobs)]


class RedactedRecords:
    """Which records of a log are redacted, asked segment by segment as it is read.

    No segment is redacted while a server has the log: what is known stays so.
    """

    def __init__(self, folder: LogFolder, filesystem: FileSystem) -> None:
        """Look at nothing yet."""
        self._folder = folder
        self._filesystem = filesystem
        self._segments: list[int] | None = None
        self._known: dict[int, tuple[Redaction, ...]] = {}

    def around(self, seq: int) -> tuple[Redaction, ...]:
        """Return the redactions of the segment that has a record.

        Raises:
            CorruptLogError: its table is damaged.
        """
        if self._segments is None:
            self._segments = self._folder.find_segments()
        place = bisect_right(self._segments, seq)
        if place in (0, len(self._segments)):
            return ()  # was not sealed when the server started
        first_seq = self._segments[place - 1]
        if first_seq not in self._known:
            self._known[first_seq] = self._read(first_seq)
        return self._known[first_seq]

    def _read(self, first_seq: int) -> tuple[Redaction, ...]:
        try:
            reader = open_segment(self._folder, self._filesystem, first_seq)
        except PrunedError:
            return ()
        try:
            table = reader.table()
        finally:
            reader.close()
        return () if table is None else table.redactions


def find_latest(redactions: Sequence[Redaction], seq: int) -> Redaction | None:
    """Return the latest of some redactions that changed a record; None for none."""
    if not redactions:
        return None
    found = [each for each in redactions if seq in each.seqs]
    return max(found, key=lambda each: each.at_ms, default=None)


def may_concern(redaction: Redaction, seq: int, key: bytes) -> bool:
    """Tell whether it may be for a key that a redaction changed a record.

    It may have been for another name of the same redaction as well.
    """
    subjects = [each for each in redaction.subjects if each.kind != "text"]
    return any(
        subject.first_seq <= seq <= subject.last_seq
        and (subject.kind, subject.digest)
        in {
            (kind, name_digest(redaction.id, kind, name))
            for kind, name in names_in(key)
        }
        for subject in subjects
    )


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

    def find_of_key(self, key: bytes, seq: int, at_ms: int) -> Gone | None:
        """Return what may have taken the value that a key had at a moment.

        Args:
            key: the key.
            seq: the last record that had happened.
            at_ms: the time; what was redacted is not alive when that is done, so from
                then on a key that is missing is just that.
        """
        found = [
            gone
            for kind, name in names_in(key)
            for gone in self.find(kind, name)
            if gone.first_seq <= seq and at_ms < gone.redaction.at_ms
        ]
        return max(found, key=lambda gone: gone.redaction.at_ms, default=None)

    def find_record(self, seq: int) -> Redaction | None:
        """Return the latest redaction that changed a record; None for none."""
        return find_latest(self._all, seq)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._all)

    def span(self) -> tuple[int, int] | None:
        """Return the first record that is redacted, and the time of the last redaction.

        Between the two what the log folds to is not what was in memory.
        """
        if not self._all:
            return None
        first_seq = min(each.seqs[0] for each in self._all)
        return first_seq, max(each.at_ms for each in self._all)
