"""Which sealed segments the archive has taken: a number in the name of an empty file.

    DIR/archived-<first seq>-<log id>     all segments up to that one are archived

A name can be changed in one step, and on a disk that is full. The archive may have
taken one segment more: a crash between the two has it offered again. A mark of another
log counts for nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from joblog.storage.filesystem import sync_names
from joblog.storage.folder import read_segment_info

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder

_MARK = re.compile(r"archived-([0-9]{20})-([0-9a-f]{32})")


def find_archived(folder: LogFolder, filesystem: FileSystem) -> int:
    """Return the first number of the last segment that is archived; 0 for none.

    Raises:
        OSError: the folder cannot be read.
        CorruptLogError: the oldest segment is damaged.
    """
    marks = _find_marks(folder, filesystem)
    if not marks:
        return 0
    log_id = _log_id(folder, filesystem)
    return max((seq for seq, marked_id in marks if marked_id == log_id), default=0)


def find_unarchived(folder: LogFolder, filesystem: FileSystem) -> list[Path]:
    """Return what the archive has yet to take, the oldest first.

    A segment is offered once its seal is over, and so durable. Where the log's
    beginning is pruned already, the oldest snapshot goes before its first segment.

    Raises:
        OSError: the folder cannot be read.
        CorruptLogError: the oldest segment is damaged.
    """
    archived = find_archived(folder, filesystem)
    segments = folder.find_segments()
    paths = [folder.segment_path(seq) for seq in segments[:-1] if seq > archived]
    if not archived and segments[:1] != [1] and paths:
        paths[:0] = [folder.snapshot_path(seq) for seq in folder.find_snapshots()[:1]]
    return paths


def mark_archived(folder: LogFolder, filesystem: FileSystem, first_seq: int) -> None:
    """Note durably that a segment, and all before it, are archived.

    Raises:
        OSError: the disk refused.
        SyncFailedError: the disk refused to make it durable.
    """
    log_id = _log_id(folder, filesystem)
    marks = _find_marks(folder, filesystem)
    path = folder.path / f"archived-{first_seq:020d}-{log_id}"
    if marks:
        seq, marked_id = marks[-1]
        filesystem.rename(folder.path / f"archived-{seq:020d}-{marked_id}", path)
    else:
        filesystem.close(filesystem.create(path))
    sync_names(filesystem, folder.path)


def forget_archived(folder: LogFolder, filesystem: FileSystem) -> None:
    """Let the archive be offered all segments anew: some are not what they were.

    Raises:
        OSError: the disk refused.
    """
    for seq, log_id in _find_marks(folder, filesystem):
        filesystem.unlink(folder.path / f"archived-{seq:020d}-{log_id}")


def _find_marks(folder: LogFolder, filesystem: FileSystem) -> list[tuple[int, str]]:
    matches = map(_MARK.fullmatch, filesystem.listdir(folder.path))
    return sorted((int(match[1]), match[2]) for match in matches if match)


def _log_id(folder: LogFolder, filesystem: FileSystem) -> str:
    """Return the log's id, which its oldest segment has."""
    while True:
        segments = folder.find_segments()
        if not segments:
            return ""
        try:
            info = read_segment_info(filesystem, folder.segment_path(segments[0]))
        except FileNotFoundError:
            # Another process may have pruned it just now.
            if segments == folder.find_segments():
                raise
        else:
            return info.header.log_id.hex()
