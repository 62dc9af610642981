"""The folders in which a redaction has something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.redacting.states import stage_snapshot
from joblog.storage.copying import copy_file
from joblog.storage.errors import SnapshotError, StorageError
from joblog.storage.filesystem import sync_names
from joblog.storage.folder import SEGMENT_NAME, SNAPSHOT_NAME, read_segment_info
from joblog.storage.redacted_segments import has_same_table
from joblog.storage.redacting import commit_staged, drop_staged, stage_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.replay.redacting.rewriting import Rewriter
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.redacting import RedactedSegment
    from joblog.storage.redaction import Redaction

_LEFT_OVER = (
    *(".torn", ".torn-new", ".damaged", ".copy", ".packed-new", ".snap.new"),
    ".rekeyed-new",
)


class Place(NamedTuple):
    """Where segments and snapshots lie: the data folder itself, or a copy.

    Attributes:
        segments: the folder of the segments.
        snapshots: that of the snapshots; the same in an archive.
    """

    segments: Path
    snapshots: Path

    @property
    def folders(self) -> list[Path]:
        """The folders that are there."""
        found = dict.fromkeys((self.segments, self.snapshots))
        return [folder for folder in found if folder.is_dir()]


def find_place(folder: Path) -> Place:
    """Return where segments and snapshots lie in a data folder, or an archive.

    Raises:
        StorageError: there are none.
    """
    if (folder / "log").is_dir():
        return Place(folder / "log", folder / "snapshots")
    if folder.is_dir() and any(
        SEGMENT_NAME.fullmatch(path.name) for path in folder.iterdir()
    ):
        return Place(folder, folder)
    raise StorageError(f"{folder}: there is no segment of a log in it")


def _segments(place: Place, filesystem: FileSystem) -> list[Path]:
    names = filter(SEGMENT_NAME.fullmatch, filesystem.listdir(place.segments))
    return [place.segments / name for name in sorted(names)]


def _snapshots(place: Place, filesystem: FileSystem) -> list[Path]:
    if not place.snapshots.is_dir():
        return []
    names = filter(SNAPSHOT_NAME.fullmatch, filesystem.listdir(place.snapshots))
    return [place.snapshots / name for name in sorted(names)]


def require_log(place: Place, filesystem: FileSystem, log_id: str) -> None:
    """Check that segments are those of one log.

    Raises:
        StorageError: they are another log's.
    """
    for path in _segments(place, filesystem)[:1]:
        found = read_segment_info(filesystem, path).header.log_id.hex()
        if found != log_id:
            raise StorageError(f"{path}: a segment of another log, {found}")


def stage_segments(
    place: Place,
    filesystem: FileSystem,
    rewriter: Rewriter,
    describe: Callable[[list[int]], Redaction],
    known: set[str],
) -> Iterator[RedactedSegment]:
    """Stage the sealed segments of a place that have what has to go.

    Args:
        place: the place.
        filesystem: the door to the disk.
        rewriter: rewrites their records.
        describe: see `redacting.stage_segment`.
        known: the names of segments that another place has, and this gets from there.

    Yields:
        What became of each.
    """
    for path in _segments(place, filesystem):
        if path.name in known or read_segment_info(filesystem, path).footer is None:
            continue
        found = stage_segment(filesystem, path, rewriter.rewrite, describe)
        if found is not None:
            yield found


def stage_snapshots(
    place: Place, filesystem: FileSystem, rewriter: Rewriter, until_seq: int
) -> tuple[int, list[Path]]:
    """Stage the snapshots of a place up to a record.

    A later one has what clients wrote since, be it under the same names.

    Returns:
        How many were staged, and those that are of no use to anybody.
    """
    staged, unsound = 0, []
    for path in _snapshots(place, filesystem):
        if int(path.name[:20]) > until_seq:
            continue
        try:
            staged += stage_snapshot(filesystem, path, rewriter)
        except SnapshotError:
            unsound.append(path)
    return staged, unsound


def sync(place: Place, filesystem: FileSystem) -> None:
    """Make the names of all that is staged durable."""
    for folder in place.folders:
        sync_names(filesystem, folder)


def commit(place: Place, filesystem: FileSystem) -> int:
    """Let all that is staged take its place; return how many files did."""
    return sum(commit_staged(filesystem, folder) for folder in place.folders)


def drop(place: Place, filesystem: FileSystem) -> None:
    """Remove all that is staged."""
    for folder in place.folders:
        drop_staged(filesystem, folder)


def copy_redacted(
    source: LogFolder, target: Place, filesystem: FileSystem
) -> tuple[int, list[Path]]:
    """Let a copy have the redacted segments of a log.

    Returns:
        How many it got, and those that are still open in the copy.
    """
    copied, still_open = 0, []
    for path in _segments(target, filesystem):
        ours = source.log_path / path.name
        if not ours.exists() or has_same_table(filesystem, ours, path):
            continue
        if read_segment_info(filesystem, path).footer is None:
            still_open.append(path)
            continue
        copy_file(filesystem, ours, path)
        copied += 1
    sync_names(filesystem, target.segments)
    return copied, still_open


def remove_left_over(place: Place, filesystem: FileSystem) -> list[Path]:
    """Remove what repairs and crashes had set aside: nobody knows what it has."""
    removed: list[Path] = []
    for folder in place.folders:
        for name in sorted(filesystem.listdir(folder)):
            if name[:20].isdecimal() and name.endswith(_LEFT_OVER):
                filesystem.unlink(folder / name)
                removed.append(folder / name)
        sync_names(filesystem, folder)
    return removed
