"""The tail: where the open segment ends after a crash, and what to do about it.

A crash of the machine can leave the last frames unwritten, half written, or written
in another order than they were appended. Such a torn tail is cut off; the cut bytes
are kept beside the segment. Whatever a crash cannot explain is corruption.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.filesystem import sync_file, write_aside
from joblog.storage.frame import (
    count_in_sequence,
    find_frame,
    find_synced_frame,
    leading_uints,
    split_frames,
)
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import FOOTER_BYTES, SegmentReader, corrupt

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.frame import FrameHeads
    from joblog.storage.record import Record
    from joblog.storage.segment import SegmentFooter, SegmentHash, SegmentHeader


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class TailReport(NamedTuple):
    """What opening found at the end of the log.

    Attributes:
        path: the last segment.
        offset: where its last whole record ends, in bytes.
        last_seq: the number of that record; 0 in an empty log.
        cut_bytes: how many bytes were cut off behind it; 0 where none had to be.
        torn_path: the file that keeps them; None where the disk is full.
    """

    path: Path
    offset: int
    last_seq: int
    cut_bytes: int = 0
    torn_path: Path | None = None

    def __str__(self) -> str:
        """Return the report as a line for the operator."""
        if not self.cut_bytes:
            return f"{self.path}: whole up to seq {self.last_seq}"
        kept = f"the bytes are kept in {self.torn_path}"
        if self.torn_path is None:
            kept = "the disk has no room to keep the bytes"
        return (
            f"{self.path}: torn tail: cut {self.cut_bytes} bytes at byte "
            f"{self.offset}, after seq {self.last_seq}, the last whole record; {kept}"
        )


class Tail(NamedTuple):
    """The end of the last segment, as it is on disk now.

    Attributes:
        header: the segment's header.
        footer: its footer, where it is sealed.
        last_seq: the number of its last record, or of the last before it.
        last_at_ms: that record's time.
        size: where its last record ends, in bytes.
        digest: the running SHA-256 of the bytes up to there.
        rest: the bytes behind it, a sound footer not counted.
    """

    header: SegmentHeader
    footer: SegmentFooter | None
    last_seq: int
    last_at_ms: int
    size: int
    digest: SegmentHash
    rest: bytes


class TailProgress(NamedTuple):
    """How much of the last segment is read and checked, in bytes."""

    offset: int
    size: int


def tail_steps(
    filesystem: FileSystem, path: Path
) -> Generator[TailProgress, None, Tail]:
    """Read the last segment to its end, and decide what its end is.

    It takes as long as the segment is: others may have a turn between two chunks.

    Yields:
        Progress after each chunk.

    Raises:
        CorruptLogError: it is damaged in a way that no crash explains.
    """
    reader = SegmentReader(filesystem, path, with_digest=True)
    try:
        header = reader.header
        last_seq = header.first_seq - 1
        last_payload = b""
        while payloads := reader.read_payloads():
            last_seq = require_sequence(reader, payloads, last_seq)
            last_payload = payloads[-1]
            yield TailProgress(reader.offset, reader.size())
        footer = reader.read_footer()
        rest = reader.read_rest()
        if footer is not None:
            require_footer(reader, footer, last_seq)
            rest = b""
        else:
            require_torn(reader, rest, last_seq + 1)
    finally:
        reader.close()
    last_at_ms = header.created_at_ms
    if last_payload:
        try:
            last_at_ms = RecordDecoder().decode(last_payload).at_ms
        except ValueError as error:
            raise corrupt(
                path, reader.offset, f"before it, a sound frame: {error}", "a record"
            ) from error
    assert reader.digest is not None
    return Tail(
        header, footer, last_seq, last_at_ms, reader.offset, reader.digest, rest
    )


def require_sequence(
    reader: SegmentReader, payloads: list[bytes], last_seq: int
) -> int:
    """Check that payloads hold the records after `last_seq`, one by one.

    Returns:
        The number of the last one.

    Raises:
        CorruptLogError: a number is missing, or comes twice.
    """
    sound = count_in_sequence(payloads, last_seq)
    last_seq += sound
    if sound < len(payloads):
        seq = leading_uints(payloads[sound])[0]
        raise corrupt(reader.path, reader.offset, f"seq {seq}", f"seq {last_seq + 1}")
    return last_seq


def require_footer(reader: SegmentReader, footer: SegmentFooter, last_seq: int) -> None:
    """Check a footer against the frames that were read before it.

    Raises:
        CorruptLogError: it tells of other records, or does not end the file.
    """
    if footer.last_seq != last_seq:
        raise corrupt(
            reader.path,
            reader.offset,
            f"a footer after seq {last_seq}",
            f"it after seq {footer.last_seq}",
        )
    end = reader.offset + FOOTER_BYTES
    if reader.size() != end:
        raise corrupt(
            reader.path, end, f"{reader.size() - end} bytes", "the end of a sealed file"
        )
    if reader.digest is not None and reader.digest.digest() != footer.digest:
        raise corrupt(
            reader.path,
            reader.offset,
            f"a footer with digest {footer.digest.hex()}",
            f"{reader.digest.hexdigest()}, the digest of the bytes before it",
        )


def require_torn(reader: SegmentReader, rest: bytes, bad_seq: int) -> None:
    """Check that damage at the end of the last segment can be a torn tail.

    Raises:
        CorruptLogError: a later frame says that the damaged one was durable.
    """
    found = find_synced_frame(rest, bad_seq, reader.heads) if rest else None
    if found is None:
        return
    offset, seq = found
    raise corrupt(
        reader.path,
        reader.offset,
        "a damaged frame",
        f"a sound one with seq {bad_seq}: seq {seq} at byte {reader.offset + offset} "
        f"says that it had been synced, so this is no torn tail",
    )


def find_readable(rest: bytes, last_seq: int, heads: FrameHeads) -> Iterator[Record]:
    """Yield the records in the bytes behind a damaged frame that are sound themselves.

    Args:
        rest: the bytes.
        last_seq: the last sound record before them.
        heads: what frames of the segment are checked with.
    """
    decoder = RecordDecoder()
    offset = find_frame(rest, 0, last_seq, heads)
    while offset is not None:
        payloads, used = split_frames(rest[offset:], heads)
        for payload in payloads:
            try:
                record = decoder.decode(payload)
            except ValueError:
                continue
            last_seq = record.seq
            yield record
        offset = find_frame(rest, offset + used, last_seq, heads)


def cut_tail(filesystem: FileSystem, path: Path, tail: Tail) -> TailReport:
    """Cut off what follows the last whole record, and keep it beside the segment.

    A crash at any point of this leaves the same torn tail, or none. On a full disk the
    tail is cut first, which may make the room to keep it: no server stays down for it.
    """
    torn_path: Path | None = None
    file = filesystem.open_to_append(path)
    try:
        if tail.rest:
            torn_path = _keep(filesystem, path, tail.rest)
            filesystem.truncate(file, tail.size)
        # What was read here may only be in memory yet: it counts as synced below.
        sync_file(filesystem, file, path)
        if tail.rest and torn_path is None:
            torn_path = _keep(filesystem, path, tail.rest)
    finally:
        filesystem.close(file)
    return TailReport(path, tail.size, tail.last_seq, len(tail.rest), torn_path)


def _keep(filesystem: FileSystem, path: Path, rest: bytes) -> Path | None:
    """Write a torn tail to a file beside its segment; None where the disk is full."""
    torn_path = free_torn_path(filesystem, path)
    temporary = torn_path.with_suffix(".torn-new")
    try:
        write_aside(filesystem, temporary, torn_path, rest)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        with contextlib.suppress(OSError):
            filesystem.unlink(temporary)
        return None
    return torn_path


def free_torn_path(filesystem: FileSystem, path: Path) -> Path:
    """Return a name beside a segment that no earlier torn tail took."""
    names = set(filesystem.listdir(path.parent))
    name = f"{path.name}.torn"
    number = 1
    while name in names:
        number += 1
        name = f"{path.name}.{number}.torn"
    return path.with_name(name)
