"""Building the index: reads what no part covers yet, and writes the parts for it.

A part covers `PART_BYTES` of a segment. What follows the last one in the open segment
is left to scanning until it has grown as long; in a sealed segment it is a part too. So
a part is never written again. One process builds at a time; readers need not wait.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import closing
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeAlias

from joblog.replay.index.catalogue import Catalogue
from joblog.replay.index.checkpoints import build_checkpoints
from joblog.replay.index.marks import collect_marks
from joblog.replay.index.parts import PartHeader, encode_part, part_name
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.index.sections import require_records
from joblog.replay.index.sidecar import drop_pruned, write_file
from joblog.storage.errors import PrunedError
from joblog.storage.frame import FRAME_HEAD_BYTES
from joblog.storage.segment import corrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from joblog.replay.index.catalogue import CoveredSegment
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentHash, SegmentReader

PART_BYTES = 4 * 1024 * 1024

Attach: TypeAlias = "Callable[[Path], None]"
"""Writes what is attached to the parts (see `attachments`) to the sidecar's folder."""

_CHUNK_RECORDS = 256
_CHUNK_BYTES = 64 * 1024
_DIGEST_BYTES = 1024 * 1024


def build_index(
    folder: Path,
    filesystem: FileSystem,
    progress: Callable[[int], None],
    folding: Callable[[int], None],
    part_bytes: int = PART_BYTES,
    attach: Sequence[Attach] = (),
) -> int | None:
    """Index what is not indexed yet, and write the checkpoints that are missing.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        progress: is told the number of the last record that was indexed.
        folding: is told the number of the last record that was folded.
        part_bytes: how much of the log one part covers, about.
        attach: called one after the other once the parts are there.

    Returns:
        How many records are indexed now; None where no folder can be written to, or
        another process is at it.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log has lost its beginning, and no snapshot stands for it; the
            index itself was built.
        OSError: a file cannot be written.
    """
    catalogue = Catalogue(folder, filesystem)
    indexed = 0
    with closing(catalogue), catalogue.sidecar().writing() as target:
        if target is None:
            return None
        segments = catalogue.folder.find_segments()
        drop_pruned(target, next(iter(segments), 1))
        for first_seq, following in pairwise([*segments, END_SEQ]):
            covered = catalogue.cover(first_seq)
            indexed += covered.next_seq - first_seq
            if covered.next_seq < following:
                builder = _SegmentBuilder(filesystem, target, part_bytes, progress)
                indexed += builder.build(catalogue.reader(first_seq), covered)
        catalogue.look_again()
        pruned = None
        try:
            build_checkpoints(catalogue, target, folding)
        except PrunedError as error:
            pruned = error
        for each in attach:
            each(target)
        if pruned is not None:
            raise pruned
    return indexed


class _SegmentBuilder:
    """Indexes the rest of one segment."""

    def __init__(
        self,
        filesystem: FileSystem,
        target: Path,
        part_bytes: int,
        progress: Callable[[int], None],
    ) -> None:
        self._filesystem = filesystem
        self._target = target
        self._part_bytes = part_bytes
        self._progress = progress
        self._chunks: list[tuple[int, int]] = []
        self._marks: list[set[bytes]] = []
        self._first_at_ms = self._last_at_ms = 0
        self._last_frame = 0

    def build(self, reader: SegmentReader, covered: CoveredSegment) -> int:
        """Write the parts that are missing; return how many records they cover.

        Raises:
            CorruptLogError: the segment is not what its footer says.
        """
        first_seq = next_seq = covered.next_seq
        start = reader.offset = covered.offset
        digest = reader.digest = _digest_until(reader, start)
        start_digest = digest.digest()
        footer = None
        while footer is None:
            payloads = reader.read_payloads()
            if payloads:
                self._add(reader, next_seq, payloads)
                next_seq += len(payloads)
                self._progress(next_seq - 1)
            else:
                footer = reader.read_footer()
                if footer is None:
                    break
            is_full = reader.offset - start >= self._part_bytes
            if self._chunks and (is_full or footer is not None):
                self._write(
                    reader, (first_seq, next_seq - 1), start, start_digest, digest
                )
                first_seq, start = next_seq, reader.offset
                start_digest = digest.digest()
        if footer is not None and footer.digest != digest.digest():
            raise corrupt(
                reader.path,
                reader.offset,
                f"bytes before with the digest {digest.hexdigest()}",
                footer.digest.hex(),
            )
        return first_seq - covered.next_seq

    def _add(self, reader: SegmentReader, seq: int, payloads: list[bytes]) -> None:
        """Cut payloads that were just read into chunks, and collect their marks."""
        records = require_records(payloads, reader)
        if not self._chunks:
            self._first_at_ms = records[0].at_ms
        self._last_at_ms = records[-1].at_ms
        ends = list(accumulate(FRAME_HEAD_BYTES + len(payload) for payload in payloads))
        offset = reader.offset - ends[-1]
        self._last_frame = reader.offset - FRAME_HEAD_BYTES - len(payloads[-1])
        begin = 0
        while begin < len(records):
            before = ends[begin - 1] if begin else 0
            end = bisect_right(ends, before + _CHUNK_BYTES)
            end = min(max(end, begin + 1), begin + _CHUNK_RECORDS)
            self._chunks.append((seq + begin, offset + before))
            self._marks.append(collect_marks(records[begin:end]))
            begin = end

    def _write(
        self,
        reader: SegmentReader,
        seqs: tuple[int, int],
        start: int,
        start_digest: bytes,
        digest: SegmentHash,
    ) -> None:
        end, place = reader.offset, reader.offset
        reader.offset = self._last_frame
        last_head = reader.read_rest(FRAME_HEAD_BYTES)
        reader.offset = place
        header = PartHeader(
            *seqs,
            start,
            end,
            self._first_at_ms,
            self._last_at_ms,
            self._last_frame,
            last_head,
            start_digest,
            digest.digest(),
        )
        chunks = [*self._chunks, (seqs[1] + 1, end)]
        data = encode_part(header, chunks, enumerate(self._marks))
        write_file(self._filesystem, self._target, part_name(*seqs), data)
        self._chunks.clear()
        self._marks.clear()


def _digest_until(reader: SegmentReader, end: int) -> SegmentHash:
    """Return the running SHA-256 of a segment's first bytes."""
    digest = reader.new_hash()
    offset = reader.offset
    for reader.offset in range(0, end, _DIGEST_BYTES):
        digest.update(reader.read_rest(min(_DIGEST_BYTES, end - reader.offset)))
    reader.offset = offset
    return digest
