"""Setting aside: the log of an old master becomes a copy of the one that took over.

    DIR/set-aside/<first seq>-<digest>/     the history that DIR had, whole
        log/, snapshots/                    the files themselves: links

Where the two part within a segment, that and all behind it leave DIR's log, as do the
snapshots of it; the copy then takes the other's. All was linked, durably, before, and
segments go from the newest on: what a crash leaves is gone on with by doing it again.
Until the copy is made no server starts over DIR, since its newest segment is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.archiving import find_archived, forget_archived
from joblog.storage.digests import compute_digests
from joblog.storage.errors import MissingSegmentError, StorageError
from joblog.storage.filesystem import sync_names
from joblog.storage.folder import (
    SET_ASIDE,
    LogFolder,
    find_set_aside,
    read_segment_info,
)
from joblog.storage.lock import FolderLock
from joblog.storage.opening import LogOpening, finish
from joblog.storage.parting import (
    Parting,
    history_name,
    let_snapshots_go,
    link_history,
    take_out,
)
from joblog.storage.segment import SegmentReader
from joblog.storage.tail import cut_tail, tail_steps

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem


def require_nothing_set_aside(folder: Path, filesystem: FileSystem) -> None:
    """Check that all that a folder holds of its log is in that.

    Raises:
        StorageError: it is not.
    """
    kept = find_set_aside(folder, filesystem)
    if kept:
        raise StorageError(
            f"{kept[0]}: a history that was set aside, which has all of this log from "
            f"before: redact it as a folder of its own, then remove it, or remove it"
        )


def set_aside(
    source: Path, target: Path, *, filesystem: FileSystem, now_ms: int
) -> Path | None:
    """Set a history aside, if a log has records that another one has not.

    Args:
        source: the data folder of the log that is followed from now on.
        target: the one that is to become its copy.
        filesystem: the door to the disk.
        now_ms: the time.

    Returns:
        Where it is, or None where all of it is the beginning of the source's.

    Raises:
        LogLockedError: a server has the target open.
        StorageError: one of the two is damaged, they are of two logs, or the source
            does not go back to where they part.
        OSError: the disk refused.
    """
    theirs, ours = LogFolder(source, filesystem), LogFolder(target, filesystem)
    if not ours.find_next() and not _find_parting(theirs, ours, filesystem):
        return None
    opening = LogOpening(target, filesystem)
    try:
        finish(opening.steps(now_ms))
    except MissingSegmentError:
        # Broken off before: the newest segments went already.
        lock = FolderLock(ours, filesystem)
    else:
        lock = opening.lock
    try:
        parting = _find_parting(theirs, ours, filesystem)
        if not parting:
            return None
        kept = ours.path / SET_ASIDE / history_name(ours, filesystem, parting)
        link_history(ours, kept, filesystem)
        _let_go(ours, filesystem, parting)
    finally:
        lock.release()
    return kept


def set_back(
    ours: LogFolder, filesystem: FileSystem, first_seq: int, offset: int, last_seq: int
) -> Path | None:
    """Take from a log what stands behind a byte of it; what goes is kept beside it.

    The folder is locked, and its end was checked. A crash at any point leaves a sound
    log, which is to be set back by doing it again.

    Args:
        ours: the data folder.
        filesystem: the door to the disk.
        first_seq: the segment that is to be the last.
        offset: its end then.
        last_seq: its last record then.

    Returns:
        What holds that which went; None where nothing did.

    Raises:
        StorageError: the segment was redacted since, or the disk refused.
        OSError: the disk refused.
    """
    path = ours.segment_path(first_seq)
    segments = [seq for seq in ours.find_segments() if seq >= first_seq]
    reader = SegmentReader(filesystem, path)
    try:
        size, is_redacted = reader.size(), bool(reader.table_digest())
    finally:
        reader.close()
    if size == offset and len(segments) == 1:
        return None
    if is_redacted:
        raise StorageError(
            f"{path}: it would have to be cut at byte {offset}, and was redacted since"
        )
    parting = Parting(first_seq, offset, last_seq)
    let_snapshots_go(ours, filesystem, parting)
    if len(segments) == 1:
        tail = finish(tail_steps(filesystem, path))
        rest = _read(filesystem, path, offset)
        tail = tail._replace(size=offset, last_seq=last_seq, rest=rest)
        return cut_tail(filesystem, path, tail).torn_path
    kept = ours.path / SET_ASIDE / history_name(ours, filesystem, first_seq)
    link_history(ours, kept, filesystem)
    take_out(ours, filesystem, parting)
    return kept


def _read(filesystem: FileSystem, path: Path, offset: int) -> bytes:
    """Return the bytes of a segment from an offset on."""
    reader = SegmentReader(filesystem, path)
    try:
        return reader.read_at(reader.size() - offset, offset)
    finally:
        reader.close()


def _find_parting(theirs: LogFolder, ours: LogFolder, filesystem: FileSystem) -> int:
    """Return the first segment that is not the beginning of theirs; 0 for none."""
    there = theirs.find_segments()
    if not there:
        raise StorageError(f"{theirs.path}: there is no log to copy")
    for first_seq in ours.find_segments():
        if first_seq < there[0]:
            continue  # they pruned it; what follows is under its digest
        is_there = first_seq in there
        if not is_there or not _begins(theirs, ours, filesystem, first_seq):
            _require_common(theirs, ours, filesystem, first_seq)
            return first_seq
    return 0


def _require_common(
    theirs: LogFolder, ours: LogFolder, filesystem: FileSystem, parting: int
) -> None:
    """Check that both are of one log, and that it is known where they part."""
    mine = read_segment_info(filesystem, ours.segment_path(parting)).header
    first_seq = theirs.find_segments()[0]
    other = read_segment_info(filesystem, theirs.segment_path(first_seq)).header
    if mine.log_id != other.log_id:
        raise StorageError(
            f"{ours.path}: holds another log, {mine.log_id.hex()}; choose an empty "
            "folder"
        )
    if parting == first_seq > 1 and mine.previous_digest != other.previous_digest:
        raise StorageError(
            f"{theirs.path}: starts at seq {first_seq}, and the logs part before that: "
            f"copy into an empty folder"
        )


def _begins(
    theirs: LogFolder, ours: LogFolder, filesystem: FileSystem, seq: int
) -> bool:
    """Say whether a segment is the beginning of theirs, or all of it."""
    paths = ours.segment_path(seq), theirs.segment_path(seq)
    mine, other = (read_segment_info(filesystem, path) for path in paths)
    if mine.header != other.header:
        return False
    if mine.footer is not None:
        return mine.footer == other.footer
    reader = SegmentReader(filesystem, paths[0])
    last_seq = seq - 1
    try:
        while payloads := reader.read_payloads():
            last_seq += len(payloads)
    finally:
        reader.close()
    # By records, since theirs may be redacted.
    digests = [
        compute_digests(folder.path, [last_seq], filesystem=filesystem)
        for folder in (ours, theirs)
    ]
    return last_seq < seq or digests[0] == digests[1]


def _let_go(ours: LogFolder, filesystem: FileSystem, parting: int) -> None:
    """Take a segment and all behind it out of a log, the newest first."""
    if find_archived(ours, filesystem) >= parting:
        forget_archived(ours, filesystem)
    for seq in ours.find_snapshots():
        if seq >= parting:
            filesystem.unlink(ours.snapshot_path(seq))
            sync_names(filesystem, ours.snapshots_path)
    for seq in reversed(ours.find_segments()):
        if seq >= parting:
            filesystem.unlink(ours.segment_path(seq))
            sync_names(filesystem, ours.log_path)
