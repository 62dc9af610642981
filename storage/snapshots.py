"""The snapshots of a data folder: which there are, and which of them the log bears out.

A snapshot stands for a part of the log, so it may be used only where the log has, or
had, the very bytes that it was folded from: its digest is that of its segment up to its
record. Where that segment is pruned, the next one's header carries the digest of the
footer, and so stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.errors import (
    NewerFormatError,
    PrunedError,
    SnapshotAheadError,
    SnapshotError,
    SnapshotForeignError,
)
from joblog.storage.reader import RecordEnd
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import SegmentReader, link_digest
from joblog.storage.snapshot import (
    NO_LINK,
    SnapshotHeader,
    SnapshotReader,
    verify_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder


def require_of_log(
    folder: LogFolder, filesystem: FileSystem, path: Path, header: SnapshotHeader
) -> RecordEnd:
    """Check that a snapshot was folded from this log, and say where to read on.

    Raises:
        SnapshotAheadError: the log ends before the snapshot does.
        SnapshotError: it is of another log, or there is a gap between the two.
        CorruptLogError: the segment that it ends in is damaged.
    """
    while True:
        segments = folder.find_segments()
        try:
            return _find_end(folder, filesystem, path, header, segments)
        except FileNotFoundError:
            # Beside a server the segment may be pruned before it is read.
            if segments == folder.find_segments():
                raise


def _find_end(
    folder: LogFolder,
    filesystem: FileSystem,
    path: Path,
    header: SnapshotHeader,
    segments: list[int],
) -> RecordEnd:
    if not segments:
        raise SnapshotError(f"{path}: there is no log beside the snapshot")
    if header.first_seq in segments:
        _check_segment(folder, filesystem, path, header)
        return RecordEnd(header.first_seq, header.seq, header.offset)
    if header.first_seq > segments[-1]:
        raise _ahead(path, header, f"starts its last segment at seq {segments[-1]}")
    if header.seq + 1 < segments[0] or header.link == NO_LINK:
        raise SnapshotError(
            f"{path}: the snapshot is of seq {header.seq}, and the log starts at seq "
            f"{segments[0]}: the records between are pruned"
        )
    if header.seq + 1 not in segments:
        raise SnapshotForeignError(
            f"{path}: the log has no segment that starts at seq {header.seq + 1}, "
            f"where the snapshot ends: it is of another log"
        )
    reader = SegmentReader(filesystem, folder.segment_path(header.seq + 1))
    try:
        _require_log_id(path, header, reader)
        if reader.header.previous_digest != header.link:
            raise _other_history(path, header)
        return RecordEnd(header.seq + 1, header.seq, reader.offset)
    finally:
        reader.close()


def _check_segment(
    folder: LogFolder, filesystem: FileSystem, path: Path, header: SnapshotHeader
) -> None:
    """Compare a snapshot's digest with that of its segment up to its record."""
    reader = SegmentReader(filesystem, folder.segment_path(header.first_seq))
    try:
        _require_log_id(path, header, reader)
        footer = reader.read_last_footer()
        if footer is not None and footer.last_seq == header.seq:
            # Of the footer all later segments depend, so it needs no proof here.
            link = link_digest(footer, reader.header.salt)
            if footer.digest != header.digest or header.link not in (NO_LINK, link):
                raise _other_history(path, header)
            return
        if reader.size() < header.offset:
            raise _ahead(path, header, f"is {reader.size()} bytes long in that segment")
        if reader.digest_to(header.offset) != header.digest:
            raise _other_history(path, header)
    finally:
        reader.close()


def describe_state(
    folder: LogFolder, filesystem: FileSystem, seq: int, made_at_ms: int
) -> SnapshotHeader:
    """Return the header for a snapshot of the state after a record.

    Raises:
        PrunedError: the record is no longer in the log.
        CorruptLogError: the log is damaged before it, or has no such record.
    """
    segments = folder.find_segments()
    first_seq = max((number for number in segments if number <= seq), default=0)
    if not first_seq:
        raise PrunedError(
            f"{folder.path}: seq {seq} is pruned", segments[0] if segments else 0
        )
    reader = SegmentReader(filesystem, folder.segment_path(first_seq))
    try:
        last = reader.read_to(seq - first_seq + 1)
        footer = reader.read_footer()
        return SnapshotHeader(
            seq,
            RecordDecoder().decode(last).at_ms,
            reader.header.log_id,
            first_seq,
            reader.offset,
            reader.digest_to(reader.offset),
            link_digest(footer, reader.header.salt) if footer else NO_LINK,
            made_at_ms,
        )
    finally:
        reader.close()


def _require_log_id(path: Path, header: SnapshotHeader, reader: SegmentReader) -> None:
    log_id = reader.header.log_id
    if header.log_id != log_id:
        raise SnapshotForeignError(
            f"{path}: a snapshot of another log: its log id is {header.log_id.hex()}, "
            f"that of the log {log_id.hex()}; remove it"
        )


def _other_history(path: Path, header: SnapshotHeader) -> SnapshotError:
    return SnapshotForeignError(
        f"{path}: the log up to seq {header.seq} is not the one that the snapshot was "
        f"folded from; run 'replay verify {path.parent.parent}'"
    )


def _ahead(path: Path, header: SnapshotHeader, what: str) -> SnapshotAheadError:
    return SnapshotAheadError(
        f"{path}: the snapshot is newer than the log: it is of seq {header.seq}, at "
        f"byte {header.offset} of segment {header.first_seq}, and the log {what}; "
        f"records that were durable are missing at the log's end: bring them back, or "
        f"remove the snapshot to go on without them"
    )


def usable_snapshots(
    folder: LogFolder,
    filesystem: FileSystem,
    rejected: list[str],
    until_seq: int | None = None,
) -> Iterator[tuple[SnapshotReader, RecordEnd]]:
    """Yield the snapshots that the log bears out, the newest first.

    Their blocks are not read yet: whoever takes one may find it damaged, and then go on
    with the next. The caller closes the reader.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        rejected: gets a line for each one that cannot be used.
        until_seq: only those that are not newer than this record.

    Raises:
        SnapshotAheadError: one is newer than the log.
        NewerFormatError: one was written by a newer program.
        CorruptLogError: a segment is damaged.
    """
    waiting = folder.find_snapshots()
    while waiting:
        seq = waiting.pop()
        if until_seq is not None and seq > until_seq:
            continue
        path = folder.snapshot_path(seq)
        try:
            reader = SnapshotReader(filesystem, path)
        except SnapshotError as error:
            present = folder.find_snapshots()
            if seq in present:
                rejected.append(str(error))
            else:
                # A server made a newer one and removed this, before it was opened.
                waiting += [each for each in present if each > seq]
            continue
        try:
            end = require_of_log(folder, filesystem, path, reader.header)
        except SnapshotAheadError:
            reader.close()
            raise
        except SnapshotError as error:
            reader.close()
            rejected.append(str(error))
            continue
        except BaseException:
            reader.close()
            raise
        yield reader, end


def find_start_damage(folder: LogFolder, filesystem: FileSystem) -> str:
    """Return what keeps a start from folding a log that is sound by itself.

    Returns:
        A text for the operator: a snapshot is newer than the log, or of a newer
        program, or the log is pruned and none is sound. "" where a start may fold.

    Raises:
        CorruptLogError: a segment is damaged.
    """
    while True:
        kept = folder.find_segments()[:1], folder.find_snapshots()
        damage = _find_start_damage(folder, filesystem)
        # Beside a server the oldest may be pruned while this looks.
        if not damage or kept == (folder.find_segments()[:1], folder.find_snapshots()):
            return damage


def _find_start_damage(folder: LogFolder, filesystem: FileSystem) -> str:
    rejected: list[str] = []
    try:
        for reader, _ in usable_snapshots(folder, filesystem, rejected):
            reader.close()
            try:
                if folder.find_segments()[:1] != [1]:
                    verify_snapshot(filesystem, reader.path)
            except SnapshotError as error:
                rejected.append(str(error))
            else:
                return ""
        require_beginning(folder, rejected)
    except (SnapshotAheadError, NewerFormatError, PrunedError) as error:
        return str(error)
    return ""


def require_beginning(folder: LogFolder, rejected: list[str]) -> None:
    """Check that a log can be folded without a snapshot.

    Args:
        folder: the data folder.
        rejected: a line for each snapshot that could not be used.

    Raises:
        PrunedError: its beginning is pruned.
    """
    segments = folder.find_segments()
    if segments and segments[0] > 1:
        why = "; ".join(rejected) or "there is no snapshot"
        raise PrunedError(
            f"{folder.path}: the log starts at seq {segments[0]}, and no snapshot "
            f"stands for what was before: {why}; bring a snapshot back from a backup",
            segments[0],
        )
