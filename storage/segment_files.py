"""Opening segments beside a server that seals and prunes them.

A segment that was listed may be gone when it is opened, or have another name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.errors import PrunedError
from joblog.storage.segment import HEADER_BYTES, SegmentReader

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder


def open_segment(
    folder: LogFolder, filesystem: FileSystem, first_seq: int, *, verify: bool = True
) -> SegmentReader:
    """Open a segment, which a server beside may have pruned.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        first_seq: the number of its first record.
        verify: whether checksums of frames are compared.

    Raises:
        PrunedError: it is no longer in the log.
        CorruptLogError: its header is not sound.
        OSError: the file cannot be read.
    """
    path = folder.segment_path(first_seq)
    try:
        return SegmentReader(filesystem, path, verify=verify)
    except FileNotFoundError:
        require_kept(folder, first_seq, folder.find_segments())
        raise


def open_behind_seal(folder: LogFolder, filesystem: FileSystem) -> SegmentReader | None:
    """Open the segment behind the newest one while that one's seal is not over.

    Returns:
        None where there is none, or it has its name by now.

    Raises:
        CorruptLogError: its header is not sound.
    """
    for elder_seq in folder.find_next()[-1:]:
        try:
            return open_begun(filesystem, folder.next_path(elder_seq))
        except FileNotFoundError:
            return None
    return None


def open_begun(
    filesystem: FileSystem, path: Path, *, verify: bool = True
) -> SegmentReader | None:
    """Open a segment; None where it has no header yet.

    Raises:
        CorruptLogError: its header is not sound.
        OSError: the file cannot be read.
    """
    file = filesystem.open_to_read(path)
    try:
        is_begun = filesystem.size(file) >= HEADER_BYTES
    finally:
        filesystem.close(file)
    return SegmentReader(filesystem, path, verify=verify) if is_begun else None


def require_kept(folder: LogFolder, seq: int, segments: list[int]) -> None:
    """Check that a record is not before all segments.

    Raises:
        PrunedError: it is.
    """
    if segments and seq < segments[0]:
        raise PrunedError(
            f"{folder.path}: seq {seq} is pruned: the log starts at seq {segments[0]}",
            segments[0],
        )
