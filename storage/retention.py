"""Retention: which segments may go, and how they go.

A segment is pruned only where a snapshot stands for it that was read to its end just
before and that the log bears out, and the oldest goes first, its name durably gone
before the next: whatever interrupts this leaves a log without a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.archiving import find_archived
from joblog.storage.errors import SnapshotError
from joblog.storage.filesystem import sync_names
from joblog.storage.folder import read_chain
from joblog.storage.snapshot import verify_snapshot
from joblog.storage.snapshots import usable_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder, SegmentInfo

_MS = 1000


class Retention(NamedTuple):
    """How much history is kept; 0 sets no bound.

    Attributes:
        bytes_max: a sealed segment may go where those behind it have as many bytes.
        seconds_max: or where it was sealed so long ago.
        is_urgent: the disk is full: it may also go where it is what makes the log
            longer than `bytes_max`, though less is left behind it.
    """

    bytes_max: int = 0
    seconds_max: int = 0
    is_urgent: bool = False


def find_prunable(
    chain: list[SegmentInfo], retention: Retention, now_ms: int
) -> list[SegmentInfo]:
    """Return the oldest segments that a rule lets go, in order; never the open one."""
    found: list[SegmentInfo] = []
    rest = sum(info.size_bytes for info in chain)
    for info in chain:
        rest -= info.size_bytes
        if info.footer is None:
            break
        age_ms = now_ms - info.footer.sealed_at_ms
        kept = rest + info.size_bytes if retention.is_urgent else rest
        is_beyond = 0 < retention.bytes_max <= kept
        is_old = 0 < retention.seconds_max * _MS < age_ms
        if not is_beyond and not is_old:
            break
        found.append(info)
    return found


def find_snapshot_seq(folder: LogFolder, filesystem: FileSystem) -> int:
    """Return up to which record a snapshot stands for the log; 0 where none does.

    The snapshot is read to its end, and compared with the log.
    """
    for reader, _ in usable_snapshots(folder, filesystem, []):
        seq = reader.header.seq
        reader.close()
        try:
            verify_snapshot(filesystem, folder.snapshot_path(seq))
        except SnapshotError:
            continue
        return seq
    return 0


def prune(
    folder: LogFolder,
    filesystem: FileSystem,
    retention: Retention,
    now_ms: int,
    *,
    only_archived: bool = False,
) -> Iterator[SegmentInfo]:
    """Prune what a rule lets go and a snapshot stands for, the oldest first.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        retention: the rules.
        now_ms: the time.
        only_archived: whether a segment stays until the archive has taken it.

    Yields:
        Each segment that is gone.

    Raises:
        CorruptLogError: the log is damaged.
        OSError: the disk refused; the rest stays.
    """
    prunable = find_prunable(read_chain(folder, filesystem), retention, now_ms)
    if only_archived:
        archived = find_archived(folder, filesystem)
        prunable = [info for info in prunable if info.first_seq <= archived]
    if not prunable:
        return
    seq = find_snapshot_seq(folder, filesystem)
    for info in prunable:
        assert info.footer is not None  # the open segment never goes
        if info.footer.last_seq > seq:
            return
        filesystem.unlink(info.path)
        sync_names(filesystem, folder.log_path)
        yield info


def remove_unfinished(folder: LogFolder, filesystem: FileSystem) -> None:
    """Remove what is left of snapshots that never were whole.

    The caller holds the lock of those who write snapshots: nobody writes them.

    Raises:
        OSError: the disk refused.
    """
    for seq in folder.find_new_snapshots():
        path = folder.snapshot_path(seq)
        filesystem.unlink(path.with_name(f"{path.name}.new"))


def remove_old_snapshots(
    folder: LogFolder, filesystem: FileSystem, kept: int
) -> list[int]:
    """Remove all snapshots but the newest few; return the numbers of those removed.

    Raises:
        OSError: the disk refused.
    """
    removed = folder.find_snapshots()[:-kept]
    for seq in removed:
        filesystem.unlink(folder.snapshot_path(seq))
    remove_unfinished(folder, filesystem)
    if removed:
        sync_names(filesystem, folder.snapshots_path)
    return removed
