"""A place in the log: records are read on from there, a little at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

_CHUNK_BYTES: Final = 32 * 1024
"""So much is read and decoded in less than a millisecond."""


class LogPlace:
    """A place in the log from which records are read on, one by one if need be."""

    def __init__(self, folder: Path, filesystem: FileSystem, from_seq: int) -> None:
        """Go to a record, as `LogReader` does."""
        self._reader = LogReader(
            folder, filesystem=filesystem, from_seq=from_seq, chunk_bytes=_CHUNK_BYTES
        )
        self._ahead: list[Record] = []
        self.next_seq = from_seq

    def read(self) -> list[Record]:
        """Return the next records; none where the log ends for now."""
        records = self._ahead or self._reader.read_batch()
        self._ahead = []
        if records:
            self.next_seq = records[-1].seq + 1
        return records

    def give_back(self, records: list[Record]) -> None:
        """Let records that were read come again; they are the last that were."""
        if records:
            self._ahead = records + self._ahead
            self.next_seq = records[0].seq

    def close(self) -> None:
        """Close the file that is being read."""
        self._reader.close()
