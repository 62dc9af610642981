"""Giving: the bytes of a log as they are, for another log to take (`taking`).

    frames, as they lie     up to the record that the reader may have
    a footer and a header   once the segment is sealed, and the next has its name

A file is read on while its segment is packed, pruned or redacted under another name.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import FRAME_HEAD_BYTES, frame_bytes_at
from joblog.storage.segment import (
    FOOTER_BYTES,
    HEADER_BYTES,
    SegmentReader,
    decode_footer,
)
from joblog.storage.segment_files import require_kept

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

_CHUNK_BYTES: Final = 256 * 1024


class Frames(NamedTuple):
    """Whole frames, and the number of the last record in them."""

    data: bytes
    last_seq: int


class Seal(NamedTuple):
    """The end of a segment, and the beginning of the next."""

    footer: bytes
    header: bytes


class LogBytes:
    """Reads the bytes of a log from a record on.

    Attributes:
        next_seq: the record that comes next.
    """

    def __init__(self, folder: Path, filesystem: FileSystem, first_seq: int) -> None:
        """Go to the first record of a segment.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            first_seq: the segment.

        Raises:
            PrunedError: the segment is gone.
            StorageError: it is damaged, or records of it are redacted.
            OSError: it cannot be read.
        """
        self._folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        self._reader = self._open(first_seq)
        self.next_seq = first_seq

    def go_to(self, next_seq: int) -> Generator[None, None, str]:
        """Go to a later record of the segment, or to its end, a chunk at each step.

        Returns:
            SHA-256 of the segment up to before the record, in hexadecimal digits.

        Raises:
            StorageError: the segment has not so many.
            OSError: it cannot be read.
        """
        digest = hashlib.sha256(self.header())
        while self.next_seq < next_seq:
            data = self._read_frames(next_seq - 1)
            if not data:
                raise StorageError(
                    f"{self._reader.path}: there is no seq {next_seq - 1}"
                )
            digest.update(data)
            yield
        return digest.hexdigest()

    def header(self) -> bytes:
        """Return the header of the segment that is read."""
        return self._reader.read_at(HEADER_BYTES, 0)

    def read(self, until_seq: int) -> Frames | Seal | None:
        """Return what comes next; None where there is nothing for now.

        Args:
            until_seq: the last record that is durable here.

        Raises:
            StorageError: the log is damaged, or what comes next is redacted or gone.
            OSError: it cannot be read.
        """
        data = self._read_frames(until_seq)
        return Frames(data, self.next_seq - 1) if data else self._read_seal()

    def _read_frames(self, until_seq: int) -> bytes:
        """Return the next frames, up to a record; b"" where there are none."""
        reader = self._reader
        chunk = reader.read_at(_CHUNK_BYTES, reader.offset)
        needed = frame_bytes_at(chunk)
        if needed > len(chunk):
            chunk = reader.read_at(needed, reader.offset)
        size, count = _cut(chunk, until_seq + 1 - self.next_seq) if needed else (0, 0)
        reader.offset += size
        self.next_seq += count
        return chunk[:size]

    def close(self) -> None:
        """Close the file that is being read."""
        self._reader.close()

    def _open(self, first_seq: int) -> SegmentReader:
        path = self._folder.segment_path(first_seq)
        try:
            reader = SegmentReader(self._filesystem, path)
        except FileNotFoundError:
            require_kept(self._folder, first_seq, self._folder.find_segments())
            raise
        if reader.table_digest():
            reader.close()
            raise StorageError(
                f"{path}: records of it are redacted: its bytes are no more"
            )
        return reader

    def _read_seal(self) -> Seal | None:
        """Go on in the next segment, if there is one."""
        data = self._reader.read_at(FOOTER_BYTES, self._reader.offset)
        footer = decode_footer(data, self._reader.header.salt)
        path = self._folder.segment_path(self.next_seq)
        if footer is None or path.name not in self._filesystem.listdir(path.parent):
            return None
        following = self._open(self.next_seq)
        self._reader.close()
        self._reader = following
        return Seal(data[:FOOTER_BYTES], following.read_at(HEADER_BYTES, 0))


def _cut(chunk: bytes, most: int) -> tuple[int, int]:
    """Return how many bytes whole frames take at the front, and how many those are.

    Args:
        chunk: bytes that start where a frame starts.
        most: no more than so many frames.
    """
    end = count = 0
    size = len(chunk)
    while count < most and end + FRAME_HEAD_BYTES <= size:
        needed = int.from_bytes(chunk[end : end + 4], "little") + FRAME_HEAD_BYTES
        if needed == FRAME_HEAD_BYTES or end + needed > size:
            break
        end += needed
        count += 1
    return end, count


def find_place(
    folder: Path, filesystem: FileSystem, first_seq: int, last_seq: int, digest: str
) -> Generator[None, None, LogBytes | None]:
    """Find the place behind a record that another log has, a chunk at each step.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        first_seq: the segment, in both.
        last_seq: the last record of the other one.
        digest: SHA-256 of its segment up to there, in hexadecimal digits.

    Returns:
        Where to read on; None where this log has something else there, or is redacted,
        pruned or damaged.
    """
    try:
        found = LogBytes(folder, filesystem, first_seq)
    except (StorageError, OSError):
        return None
    is_same = False
    try:
        is_same = (yield from found.go_to(last_seq + 1)) == digest
    except (StorageError, OSError):
        return None
    finally:
        if not is_same:
            found.close()
    return found if is_same else None
