"""Pruning as a server does it, also in the middle of somebody's reading."""

from __future__ import annotations

from pathlib import Path

from joblog.app.history.recovery import recover
from joblog.app.history.snapshots import save_snapshot
from joblog.storage.filesystem import FileSystem
from joblog.storage.folder import LogFolder


def prune(folder: Path, removed: int = 1) -> int:
    """Snapshot the end of the first segments, remove them, and all older snapshots.

    Args:
        folder: the data folder.
        removed: how many segments go.

    Returns:
        The first moment that can be opened: the last record of what was removed.
    """
    disk = FileSystem()
    paths = LogFolder(folder, disk)
    segments = paths.find_segments()
    following = segments[removed]
    olds = paths.find_snapshots()
    floor = following - 1
    fold = recover(folder, disk, until_seq=floor)
    save_snapshot(paths, disk, fold.keyspace, floor, 0)
    for first_seq in segments[:removed]:
        paths.segment_path(first_seq).unlink()
    for old in olds:
        paths.snapshot_path(old).unlink()
    return floor


class OvertakenFileSystem(FileSystem):
    """The real one, but two segments are pruned just before a look at their log.

    Attributes:
        looks_left: how many there are until then; above 0 where it was not pruned yet.
    """

    def __init__(self, folder: Path, looks_left: int) -> None:
        self._folder = folder
        self.looks_left = looks_left

    def listdir(self, folder: Path) -> list[str]:
        """Return the names in a folder, in no order."""
        self._look()
        return super().listdir(folder)

    def open_to_read(self, path: Path) -> int:
        """Open an existing file for `read_at`."""
        self._look()
        return super().open_to_read(path)

    def _look(self) -> None:
        self.looks_left -= 1
        if self.looks_left == 0:
            prune(self._folder, removed=2)
