"""Redacting: a sealed segment is written anew without what some records held.

The new file has another name until the redaction is in the log: see
docs/decisions/0033-redaction.md for the order of the steps, and `redaction` for what
the file keeps so that every digest still verifies.
"""

from __future__ import annotations

import contextlib
import hashlib
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.filesystem import FileSystem, sync_names
from joblog.storage.frame import FRAME_HEAD_BYTES, encode_frame
from joblog.storage.packing import write_packed
from joblog.storage.redaction import (
    Hole,
    HoleEnd,
    RedactedHash,
    Table,
    encode_table,
)
from joblog.storage.segment import CHUNK_BYTES, HEADER_BYTES, SegmentReader, corrupt
from joblog.storage.sha256 import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.storage.redaction import Redaction

STAGED_SUFFIX = ".redacted-new"


class RedactedSegment(NamedTuple):
    """What redacting a segment came to.

    Attributes:
        first_seq: the segment.
        records: how many records of it were changed.
        changed_bytes: how long their payloads are.
        table_digest: SHA-256 of the table that it has now.
        elder_digest: SHA-256 of the table that it had; b"" where it had none.
    """

    first_seq: int
    records: int
    changed_bytes: int
    table_digest: bytes
    elder_digest: bytes


def staged_path(path: Path) -> Path:
    """Return the name of a redacted file until it takes the place of another."""
    return path.with_name(path.name + STAGED_SUFFIX)


def stage_segment(
    filesystem: FileSystem,
    path: Path,
    rewrite: Callable[[bytes], bytes | None],
    describe: Callable[[list[int]], Redaction],
) -> RedactedSegment | None:
    """Write the redacted form of a sealed segment beside it, durably.

    Args:
        filesystem: the door to the disk.
        path: the segment.
        rewrite: gives the payload that takes the place of another, as long as that;
            None where it may stay.
        describe: gives the redaction, for the table, once all records were rewritten;
            it is told which were changed.

    Returns:
        None where no record had to be changed: nothing is written then.

    Raises:
        CorruptLogError: the segment is damaged.
        StorageError: it is not sealed, or the disk refused.
        OSError: the disk refused.
    """
    reader = SegmentReader(filesystem, path)
    try:
        image = _Image(reader, rewrite)
        if not image.seqs:
            return None
        table = reader.table() or Table((), ())
        holes = tuple(_find_holes(reader, image, table.holes))
        table = Table((*table.redactions, describe(image.seqs)), holes)
        data = encode_table(table)
        elder_digest = reader.table_digest()
        write_packed(filesystem, image, staged_path(path), data)
        first_seq = reader.header.first_seq
    finally:
        reader.close()
    _require_sound(filesystem, staged_path(path))
    digest = hashlib.sha256(data).digest()
    return RedactedSegment(
        first_seq, len(image.seqs), image.changed_bytes, digest, elder_digest
    )


def commit_staged(filesystem: FileSystem, folder: Path) -> int:
    """Let each staged file of a folder take its place, durably; return how many did.

    One whose place is gone, because that was pruned meanwhile, goes as well.

    Raises:
        OSError: the disk refused; the rest is still to be done.
        SyncFailedError: the disk refused to make it durable.
    """
    names = filesystem.listdir(folder)
    done = 0
    for name in sorted(names):
        if not name.endswith(STAGED_SUFFIX):
            continue
        if name.removesuffix(STAGED_SUFFIX) in names:
            target = folder / name.removesuffix(STAGED_SUFFIX)
            filesystem.rename(folder / name, target)
            done += 1
        else:
            filesystem.unlink(folder / name)
    sync_names(filesystem, folder)
    return done


def drop_staged(filesystem: FileSystem, folder: Path) -> None:
    """Remove what an interrupted redaction had staged in a folder.

    Raises:
        OSError: the disk refused.
    """
    for name in filesystem.listdir(folder):
        if STAGED_SUFFIX in name:
            filesystem.unlink(folder / name)


class Staged(FileSystem):
    """The door to the disk, where staged files have taken their places already."""

    def open_to_read(self, path: Path) -> int:
        """Open a file, or the staged one that is to take its place."""
        with contextlib.suppress(FileNotFoundError):
            return super().open_to_read(staged_path(path))
        return super().open_to_read(path)


class _Image:
    """A segment's bytes with some frames in the place of others.

    Attributes:
        seqs: the records whose frames they are.
        changed_bytes: how long their payloads are, together.
        patches: (offset, frame) of each.
        ends: where each record ends, from the first; before them, where the header
            does.
    """

    def __init__(
        self, reader: SegmentReader, rewrite: Callable[[bytes], bytes | None]
    ) -> None:
        """Read a segment to its end, and rewrite its records."""
        self.seqs: list[int] = []
        self.changed_bytes = 0
        self.patches: list[tuple[int, bytes]] = []
        self.ends = array("Q", [HEADER_BYTES])
        self._reader = reader
        first_seq = reader.header.first_seq
        offset = reader.offset
        while payloads := reader.read_payloads():
            for payload in payloads:
                other = rewrite(payload)
                if other is not None:
                    assert len(other) == len(payload)
                    frame = encode_frame(other, reader.heads)
                    self.patches.append((offset, frame))
                    self.seqs.append(first_seq + len(self.ends) - 1)
                    self.changed_bytes += len(payload)
                offset += FRAME_HEAD_BYTES + len(payload)
                self.ends.append(offset)
        self._starts = [start for start, _ in self.patches]

    def size(self) -> int:
        return self._reader.size()

    def read_at(self, length: int, offset: int) -> bytes:
        data = bytearray(self._reader.read_at(length, offset))
        end = offset + len(data)
        place = max(bisect_left(self._starts, offset) - 1, 0)
        for start, frame in self.patches[place : bisect_left(self._starts, end)]:
            low, high = max(start, offset), min(start + len(frame), end)
            if low < high:
                data[low - offset : high - offset] = frame[low - start : high - start]
        return bytes(data)


def _find_holes(
    reader: SegmentReader, image: _Image, elder: tuple[Hole, ...]
) -> Iterator[Hole]:
    """Yield the holes that a segment has then, with what is known of each.

    All bytes are hashed once more, as they were written: the hash comes to the digest
    in the footer, or the segment is damaged.
    """
    first_seq, content_end = reader.header.first_seq, image.ends[-1]
    running = _Running(reader, elder)
    for start, end in _spans(image.patches, elder, content_end):
        low, high = bisect_right(image.ends, start), bisect_right(image.ends, end)
        before = running.go_to(start).point().state
        ends = tuple(
            HoleEnd(first_seq - 1 + place, offset, running.go_to(offset).digest())
            for place, offset in enumerate(image.ends[low:high], low)
        )
        behind = b""
        if end < content_end:
            behind = running.go_to(end).point().state
        digest = hashlib.sha256(image.read_at(end - start, start)).digest()
        yield Hole(start, end, before, behind, digest, ends)
    found, footer = running.go_to(content_end).digest(), reader.read_footer()
    seq = first_seq + len(image.ends) - 2
    if footer is None or footer.last_seq != seq or footer.digest != found:
        raise corrupt(
            reader.path,
            content_end,
            f"the end of what reads, with digest {found.hex()}",
            f"a footer that says so, after seq {seq}",
        )


class _Running:
    """The hash of a segment's bytes, from one place to the next."""

    def __init__(self, reader: SegmentReader, holes: tuple[Hole, ...]) -> None:
        self._reader = reader
        self._hash = RedactedHash(holes, reader.path)
        self._done = 0

    def go_to(self, offset: int) -> RedactedHash:
        while self._done < offset:
            length = min(offset - self._done, CHUNK_BYTES)
            self._hash.update(self._reader.read_at(length, self._done))
            self._done += length
        return self._hash


def _spans(
    patches: list[tuple[int, bytes]], elder: tuple[Hole, ...], content_end: int
) -> list[tuple[int, int]]:
    """Return the whole blocks that have something redacted, neighbours together."""
    wanted = [(hole.start, hole.end) for hole in elder]
    for offset, frame in patches:
        end = offset + len(frame)
        end += -end % BLOCK_BYTES
        wanted.append((offset - offset % BLOCK_BYTES, min(end, content_end)))
    spans: list[tuple[int, int]] = []
    for start, end in sorted(wanted):
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _require_sound(filesystem: FileSystem, path: Path) -> None:
    """Check that a redacted file reads, and comes to the digest in its footer.

    Raises:
        CorruptLogError: it does not.
    """
    reader = SegmentReader(filesystem, path, with_digest=True)
    try:
        while reader.read_payloads():
            pass
        footer = reader.read_footer()
        assert reader.digest is not None
        if footer is None or footer.digest != reader.digest.digest():
            raise corrupt(
                path, reader.offset, "another digest than before", "that of the segment"
            )
    finally:
        reader.close()
