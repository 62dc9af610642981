"""Places in a log: its last record, and the last one before a time."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from joblog.storage.errors import CorruptLogError, PrunedError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import find_frame, leading_uints, split_frames
from joblog.storage.record import RecordDecoder
from joblog.storage.segment_files import open_begun, open_segment
from joblog.storage.tail import require_torn

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentReader

_HINT_WINDOW_BYTES = 64 * 1024


def last_seq_hint(folder: Path | str, *, filesystem: FileSystem) -> int:
    """Return the log's last number, found without reading the log.

    It is meant for progress bars: only the end of the last segment is looked at, so
    damage is not noticed, and behind a very long record it may be too low.
    """
    paths = LogFolder(folder, filesystem)
    segments = paths.find_segments()
    if not segments:
        return 0
    reader = open_segment(paths, filesystem, segments[-1])
    try:
        footer = reader.read_last_footer()
        if footer is not None:
            return footer.last_seq
        last_seq = reader.header.first_seq - 1
        reader.offset = max(reader.offset, reader.size() - _HINT_WINDOW_BYTES)
        data = reader.read_rest()
        offset = find_frame(data, 0, last_seq, reader.heads, high_seq=2**63)
        if offset is not None:
            payloads, _ = split_frames(data[offset:], reader.heads)
            last_seq = leading_uints(payloads[-1])[0]
        return last_seq
    finally:
        reader.close()


def find_seq_at(folder: Path | str, at_ms: int, *, filesystem: FileSystem) -> int:
    """Return the number of the last record that is not later than a time.

    Returns:
        The number; 0 where the log's first record is later.

    Raises:
        PrunedError: the time lies before the first record that the log still has, so
            nobody can say what was then.
        CorruptLogError: the log is damaged where the time lies.
    """
    paths = LogFolder(folder, filesystem)
    found = find_segment_at(paths, at_ms, filesystem=filesystem)
    if not found:
        return 0
    reader = open_segment(paths, filesystem, found)
    try:
        last_seq = find_in_segment(reader, at_ms, found - 1)
        return find_behind_seal(paths, filesystem, reader, at_ms, last_seq)
    finally:
        reader.close()


def find_behind_seal(
    paths: LogFolder,
    filesystem: FileSystem,
    elder: SegmentReader,
    at_ms: int,
    last_seq: int,
) -> int:
    """Go on looking in the segment that follows, which may have no name yet.

    Args:
        paths: the data folder.
        filesystem: the door to the disk.
        elder: the last segment that was begun by the time.
        at_ms: the time.
        last_seq: its last record that is not later than the time.

    Returns:
        The number of the last record that is not later than the time.

    Raises:
        CorruptLogError: the segment that follows is damaged.
    """
    footer = elder.read_last_footer()
    if footer is None or last_seq < footer.last_seq:
        return last_seq
    # While the seal is not over, it has the one name, and then the other.
    for path in (
        paths.next_path(elder.header.first_seq),
        paths.segment_path(footer.last_seq + 1),
    ):
        try:
            reader = open_begun(filesystem, path)
        except FileNotFoundError:
            continue
        if reader is None:
            break
        try:
            return find_in_segment(reader, at_ms, last_seq)
        finally:
            reader.close()
    return last_seq


def find_segment_at(paths: LogFolder, at_ms: int, *, filesystem: FileSystem) -> int:
    """Return the first number of the last segment that was begun by a time.

    Returns:
        The number; 0 where the log's first segment was begun later.

    Raises:
        PrunedError: the time lies before the first record that the log still has, so
            nobody can say what was then.
    """
    segments = paths.find_segments()
    for first_seq in reversed(segments):
        reader = open_segment(paths, filesystem, first_seq)
        created_at_ms = reader.header.created_at_ms
        reader.close()
        if created_at_ms <= at_ms:
            return first_seq
    if segments and segments[0] > 1:
        raise PrunedError(
            f"{paths.path}: that moment is pruned: the log starts at seq {segments[0]}",
            segments[0],
        )
    return 0


def find_in_segment(reader: SegmentReader, at_ms: int, last_seq: int) -> int:
    """Return the number of a segment's last record that is not later than a time.

    Args:
        reader: of the segment, at the place where looking begins.
        at_ms: the time.
        last_seq: the number of the record before that place.

    Raises:
        CorruptLogError: the segment is damaged before such a record.

    Times never go back, so of most chunks only the last record is decoded.
    """
    decoder = RecordDecoder()
    while payloads := reader.read_payloads():
        last = decoder.decode(payloads[-1])
        if last.at_ms > at_ms:
            times = [record.at_ms for record in decoder.decode_all(payloads)]
            return last_seq + bisect_right(times, at_ms)
        last_seq = last.seq
    if reader.read_footer() is None:
        try:
            require_torn(reader, reader.read_rest(), last_seq + 1)
        except CorruptLogError:
            # The writer may have finished the frame, and synced it, while this read.
            if not reader.read_payloads():
                raise
    return last_seq
