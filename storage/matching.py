"""Matching: where two histories of one log stand, by the bytes of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.filesystem import sync_names, write_new
from joblog.storage.segment import SegmentReader

if TYPE_CHECKING:
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.segment import SegmentHash, SegmentHeader


def begin_as(folder: LogFolder, filesystem: FileSystem, header: bytes) -> None:
    """Begin a log, in a folder without one, by the header that another made."""
    temporary, path = folder.new_segment_path(1), folder.segment_path(1)
    filesystem.close(write_new(filesystem, temporary, header))
    filesystem.rename(temporary, path)
    sync_names(filesystem, folder.log_path)


def stand_at(
    folder: LogFolder, filesystem: FileSystem, first_seq: int, offset: int
) -> tuple[SegmentHeader, SegmentHash] | None:
    """Return what is known of a place in a log.

    Returns:
        The header of its segment, and the SHA-256 of that up to there; None where the
        log does not have the place.
    """
    try:
        reader = SegmentReader(filesystem, folder.segment_path(first_seq))
    except FileNotFoundError:
        return None
    try:
        if reader.size() < offset:
            return None
        running = reader.new_hash()
        running.update(reader.read_at(offset, 0))
        return reader.header, running
    finally:
        reader.close()


def has_bytes(
    folder: LogFolder, filesystem: FileSystem, first_seq: int, offset: int, data: bytes
) -> bool:
    """Say whether a log has just these bytes at a place of a segment."""
    try:
        reader = SegmentReader(filesystem, folder.segment_path(first_seq))
    except FileNotFoundError:
        return False
    try:
        return reader.read_at(len(data), offset) == data
    finally:
        reader.close()
