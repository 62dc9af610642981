"""Parting: a log goes back to where another one parts from it, and keeps what it had.

    DIR/parting.json                        where to; it is there while that is done
    DIR/set-aside/<first seq>-<digest>/     the history that DIR had, whole
        log/, snapshots/                    the files themselves: links

The order: the file that says where to is made durable; all is linked, durably; what
stands behind the place leaves the log, the newest first; the segment with the place is
written anew, up to there; the file goes. A crash at any point leaves a sound log, and
whoever opens it next does the rest before anything else (`finish_parting`). So nothing
is written to a log that is half way back.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.storage.archiving import find_archived, forget_archived
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.filesystem import sync_names, write_aside
from joblog.storage.folder import SET_ASIDE, LogFolder
from joblog.storage.segment import SegmentReader

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

PARTING_NAME: Final = "parting.json"


class Parting(NamedTuple):
    """The last record that two logs have in common.

    Attributes:
        first_seq: the segment with it, or behind it where that has no record.
        offset: where the record ends in it, in bytes.
        last_seq: the record.
    """

    first_seq: int
    offset: int
    last_seq: int


def part(folder: LogFolder, filesystem: FileSystem, parting: Parting) -> Path | None:
    """Go back to a place in a log; keep the history that it had.

    The folder is locked, nothing is being written to its log, and nobody makes a
    snapshot of it.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        parting: the place.

    Returns:
        What holds the history; None where nothing stands behind the place.

    Raises:
        StorageError: the segment was redacted, or the disk refused.
        OSError: the disk refused.
    """
    if not _is_ahead(folder, filesystem, parting):
        return None
    # By the newest segment, whose header has the digests of all before it.
    newest = history_name(folder, filesystem, folder.find_segments()[-1])
    name = f"{parting.first_seq:020}-{newest.rpartition('-')[2]}"
    said = json.dumps({**parting._asdict(), "name": name}).encode()
    path = folder.path / PARTING_NAME
    write_aside(filesystem, path.with_suffix(".new"), path, said)
    _part(folder, filesystem, parting, name)
    return folder.path / SET_ASIDE / name


def finish_parting(folder: LogFolder, filesystem: FileSystem) -> Path | None:
    """Go back where a crash has broken that off.

    Args:
        folder: the data folder, which is locked; its log is not open.
        filesystem: the door to the disk.

    Returns:
        What holds the history; None where no parting was begun.

    Raises:
        StorageError: the file that says where to is damaged, or the disk refused.
        OSError: the disk refused.
    """
    path = folder.path / PARTING_NAME
    names = filesystem.listdir(folder.path)
    if path.with_suffix(".new").name in names:
        filesystem.unlink(path.with_suffix(".new"))
    if path.name not in names:
        return None
    file = filesystem.open_to_read(path)
    try:
        said = filesystem.read_at(file, filesystem.size(file), 0)
    finally:
        filesystem.close(file)
    try:
        fields = json.loads(said)
        name = str(fields.pop("name"))
        parting = Parting(**{key: int(value) for key, value in fields.items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptLogError(
            f"{path}: not readable ({error!r}): it says up to where the log is to be "
            f"kept; the whole of it is in {folder.path / SET_ASIDE}"
        ) from error
    _part(folder, filesystem, parting, name)
    return folder.path / SET_ASIDE / name


def _is_ahead(folder: LogFolder, filesystem: FileSystem, parting: Parting) -> bool:
    """Say whether anything stands behind a place.

    Raises:
        StorageError: its segment was redacted since, or does not go so far.
    """
    path = folder.segment_path(parting.first_seq)
    reader = SegmentReader(filesystem, path)
    try:
        size, is_redacted = reader.size(), bool(reader.table_digest())
    finally:
        reader.close()
    if size < parting.offset:
        raise CorruptLogError(f"{path}: it ends before byte {parting.offset}")
    if size == parting.offset and folder.find_segments()[-1] == parting.first_seq:
        return False
    if is_redacted:
        raise StorageError(
            f"{path}: it would have to be cut at byte {parting.offset}, and was "
            f"redacted since"
        )
    return True


def _part(
    folder: LogFolder, filesystem: FileSystem, parting: Parting, name: str
) -> None:
    """Do what the file says, from wherever that has come to."""
    if _is_ahead(folder, filesystem, parting):
        link_history(folder, folder.path / SET_ASIDE / name, filesystem)
        let_snapshots_go(folder, filesystem, parting)
        take_out(folder, filesystem, parting)
    filesystem.unlink(folder.path / PARTING_NAME)
    sync_names(filesystem, folder.path)


def let_snapshots_go(
    folder: LogFolder, filesystem: FileSystem, parting: Parting
) -> None:
    """Remove the snapshots behind a place, and what is known of the archive there."""
    for seq in folder.find_snapshots():
        if seq > parting.last_seq:
            filesystem.unlink(folder.snapshot_path(seq))
            sync_names(filesystem, folder.snapshots_path)
    if find_archived(folder, filesystem) >= parting.first_seq:
        forget_archived(folder, filesystem)


def take_out(folder: LogFolder, filesystem: FileSystem, parting: Parting) -> None:
    """Take out of a log what stands behind a place; other links to it keep that."""
    path = folder.segment_path(parting.first_seq)
    reader = SegmentReader(filesystem, path)
    try:
        kept_bytes = reader.read_at(parting.offset, 0)
    finally:
        reader.close()
    segments = [seq for seq in folder.find_segments() if seq >= parting.first_seq]
    for elder, newest in reversed(list(pairwise(segments))):
        # A seal that was not finished: what the one before ends with, for a moment.
        marked = folder.next_path(elder)
        if marked.name not in filesystem.listdir(marked.parent):
            filesystem.close(filesystem.create(marked))
            sync_names(filesystem, folder.log_path)
        filesystem.unlink(folder.segment_path(newest))
        sync_names(filesystem, folder.log_path)
    temporary = folder.new_segment_path(parting.first_seq)
    write_aside(filesystem, temporary, path, kept_bytes)
    marked = folder.next_path(parting.first_seq)
    if marked.name in filesystem.listdir(marked.parent):
        filesystem.unlink(marked)
        sync_names(filesystem, folder.log_path)


def history_name(folder: LogFolder, filesystem: FileSystem, first_seq: int) -> str:
    """Return what a history is called, by what a segment of it has.

    It is the same however often that is begun anew.
    """
    reader = SegmentReader(filesystem, folder.segment_path(first_seq))
    try:
        while reader.read_payloads():
            continue
        digest = reader.digest_to(reader.offset)
    finally:
        reader.close()
    return f"{first_seq:020}-{digest.hex()[:16]}"


def link_history(folder: LogFolder, kept: Path, filesystem: FileSystem) -> None:
    """Link the files of a log into a folder, durably; those that are there stay."""
    copy = LogFolder(kept, filesystem)
    copy.make()
    pairs = [
        (folder.segment_path(seq), copy.segment_path(seq))
        for seq in folder.find_segments()
    ]
    snapshots = folder.find_snapshots()
    if snapshots:
        copy.make_snapshots()
    pairs += [(folder.snapshot_path(seq), copy.snapshot_path(seq)) for seq in snapshots]
    for path, link in pairs:
        if link.name not in filesystem.listdir(link.parent):
            filesystem.link(path, link)
    for parent in {link.parent for _, link in pairs} | {kept, kept.parent}:
        sync_names(filesystem, parent)
    sync_names(filesystem, folder.path)
