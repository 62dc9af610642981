"""Stretches: whole frames of one segment, with what is needed to hash on from there.

A stretch is the bytes from somewhere in a segment to the end of a record, or of the
footer, and the state of SHA-256 after all bytes before. From the two the digest at the
stretch's last record follows, without the bytes before.
"""

from __future__ import annotations

import hashlib
from collections import deque
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.index.scanning import END_SEQ
from joblog.replay.jobs.spool import Spool
from joblog.replay.proofs.packed import Packer
from joblog.storage.errors import StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import FRAME_HEAD_BYTES
from joblog.storage.redaction import RedactedHash, is_in_hole
from joblog.storage.segment import CHUNK_BYTES, HEADER_BYTES, corrupt, encode_footer
from joblog.storage.segment_files import open_segment, require_kept
from joblog.storage.sha256 import ResumePoint, finish

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.index.parts import PartHeader
    from joblog.replay.proofs.packed import Source
    from joblog.storage.segment import SegmentReader


class Stretch(NamedTuple):
    """Bytes of one segment that end with a record or a footer.

    Attributes:
        segment: the number of the segment's first record.
        point: the hash before them; its length is where in the file they start.
        packed: the bytes: frames, perhaps with the header before and the footer behind;
            see `packed`.
        last_seq: the last record in them.
        digest: SHA-256 of the segment up to the end of that record.
        first_seq: the first record in them; 0 where only the bytes tell.
        before: what the header says of the segment before; b"" for no header.
        link: what the next segment's header has to say; b"" for no footer.
    """

    segment: int
    point: ResumePoint
    packed: Source
    last_seq: int
    digest: bytes
    first_seq: int = 0
    before: bytes = b""
    link: bytes = b""

    def follows(self, elder: Stretch) -> bool:
        """Tell whether it is the segment that was begun when another was sealed."""
        is_next = self.first_seq == elder.last_seq + 1
        return is_next and bool(elder.link) and self.before == elder.link


class Span(NamedTuple):
    """Records of one segment that a stretch is to hold, from one to another."""

    first: int
    last: int
    has_header: bool = False
    has_footer: bool = False


def read_stretches(
    index: LogIndex, seqs: Iterable[int], until_seq: int | None
) -> Iterator[Stretch]:
    """Yield stretches that hold some records.

    One that begins with a segment's first record begins with its header, which tells of
    which log it is.

    Args:
        index: the log's index.
        seqs: the records.
        until_seq: where given, all bytes from the first of them to this record.

    Raises:
        CorruptLogError: the log is damaged before one of the records.
        PrunedError: the log no longer has one of them.
        StorageError: the log has not come to one of them.
    """
    wanted = sorted(set(seqs))
    paths = LogFolder(index.folder, index.filesystem)
    segments = paths.find_segments()
    if not segments or not wanted:
        raise StorageError(f"{index.folder}: there is no record to prove")
    require_kept(paths, wanted[0], segments)
    spool = Spool()
    for first, following in pairwise([*segments, END_SEQ]):
        spans = _spans(wanted, until_seq, first, following)
        if not spans:
            continue
        reader = open_segment(paths, index.filesystem, first)
        try:
            parts = [part.header for part in index.catalogue.cover(first).parts]
            try:
                found = list(_Cutter(reader, spans, spool).cut(parts))
            except _OtherBytesError:
                found = list(_Cutter(reader, spans, spool).cut([]))
        finally:
            reader.close()
        yield from found


def _spans(
    wanted: list[int], until_seq: int | None, first: int, following: int
) -> list[Span]:
    """Return what is wanted of one segment, neighbours together."""
    if until_seq is not None:
        low, high = max(wanted[0], first), min(until_seq, following - 1)
        if low > high:
            return []
        return [Span(low, high, wanted[0] <= first, until_seq >= following)]
    spans: list[Span] = []
    for seq in wanted:
        if not first <= seq < following:
            continue
        if spans and spans[-1].last + 1 == seq:
            spans[-1] = spans[-1]._replace(last=seq)
        else:
            spans.append(Span(seq, seq))
    return spans


class _OtherBytesError(Exception):
    """The log has other bytes than when it was indexed."""


class _Cutter:
    """Goes through a segment once and cuts stretches out of it.

    A part of the index in which nothing begins or ends is not cut into frames: what it
    has is hashed, and the digest compared. It was made when all these were sound.
    """

    def __init__(self, reader: SegmentReader, spans: list[Span], spool: Spool) -> None:
        self._reader = reader
        self._spans = spans
        self._spool = spool
        table = reader.table()
        self._holes = () if table is None else table.holes
        self._running = RedactedHash(self._holes, reader.path)
        self._digest = reader.new_hash()
        self._start = ResumePoint()
        self._held = Packer(spool) if spans[0].has_header else None
        self._add(reader.read_at(HEADER_BYTES, 0))
        reader.offset = HEADER_BYTES

    def cut(self, parts: Iterable[PartHeader]) -> Iterator[Stretch]:
        """Yield the stretches, in order.

        Args:
            parts: what the index has of the segment, in order.

        Raises:
            _OtherBytesError: the segment has changed since.
        """
        seq = self._reader.header.first_seq
        ahead, spans = deque(parts), deque(self._spans)
        while spans:
            part = self._part_here(ahead)
            if part is not None and part.last_seq < self._edge(spans[0]):
                self._pass(part)
                seq = part.last_seq + 1
                continue
            start = self._reader.offset
            if part is not None:
                self._reader.chunk_bytes = min(CHUNK_BYTES, part.end - start)
            payloads = self._reader.read_payloads()
            if not payloads:
                raise self._lacks(spans[0])
            yield from self._cut_some(seq, start, payloads, spans)
            seq += len(payloads)

    def _edge(self, span: Span) -> int:
        """Return the record at whose end the next stretch begins, or this one ends."""
        return span.first - 1 if self._held is None else span.last

    def _part_here(self, ahead: deque[PartHeader]) -> PartHeader | None:
        """Return the part that has the next frame."""
        while ahead and ahead[0].end <= self._reader.offset:
            ahead.popleft()
        return ahead[0] if ahead else None

    def _pass(self, part: PartHeader) -> None:
        """Go on behind what is left of a part.

        Raises:
            _OtherBytesError: it is not what was indexed.
        """
        reader = self._reader
        while reader.offset < part.end:
            length = min(CHUNK_BYTES, part.end - reader.offset)
            data = reader.read_at(length, reader.offset)
            if not data:
                raise _OtherBytesError
            self._add(data)
            reader.offset += len(data)
        if self._digest.digest() != part.end_digest:
            raise _OtherBytesError

    def _cut_some(
        self, seq: int, start: int, payloads: list[bytes], spans: deque[Span]
    ) -> Iterator[Stretch]:
        """Take in frames, and yield the stretches that end in them."""
        data = memoryview(self._reader.read_at(self._reader.offset - start, start))
        sizes = (FRAME_HEAD_BYTES + len(payload) for payload in payloads)
        next_seq, done = seq + len(payloads), 0
        ends: list[int] = []
        while spans and self._edge(spans[0]) < next_seq:
            ends = ends or list(accumulate(sizes, initial=0))
            end = ends[self._edge(spans[0]) + 1 - seq]
            self._add(data[done:end])
            done = end
            if self._held is None:
                self._start = self._running.point()
                self._held = Packer(self._spool)
            else:
                yield self._make(self._held, spans.popleft())
                self._held = None
        self._add(data[done:])

    def _lacks(self, span: Span) -> StorageError:
        reader = self._reader
        if span.has_header and reader.offset < reader.size():
            return corrupt(reader.path, reader.offset, "no sound frame", "more records")
        return StorageError(f"{reader.path}: there is no seq {span.last}")

    def _add(self, data: bytes | memoryview) -> None:
        self._running.update(bytes(data))
        self._digest.update(data)
        if self._held is not None:
            self._held.add(data)

    def _make(self, held: Packer, span: Span) -> Stretch:
        digest = self._digest.digest()
        point = self._running.point()
        assert finish(point) == digest
        if is_in_hole(self._holes, self._start.length, point.length):
            raise StorageError(
                f"{self._reader.path}: of seq {span.first} to {span.last} some are "
                f"redacted, and nothing but their digests is left to prove; --single "
                f"leaves out all but the records of the subject"
            )
        footer = _footer_bytes(self._reader, span)
        held.add(footer)
        header = self._reader.header
        return Stretch(
            header.first_seq,
            self._start,
            held.finish(),
            span.last,
            digest,
            span.first,
            header.previous_digest if span.has_header else b"",
            hashlib.sha256(footer).digest() if footer else b"",
        )


def _footer_bytes(reader: SegmentReader, span: Span) -> bytes:
    """Return the footer behind a span's records, b"" where none is to be there."""
    if not span.has_footer:
        return b""
    footer = reader.read_footer()
    if footer is None:
        raise corrupt(reader.path, reader.offset, "no footer", "one")
    return encode_footer(footer, reader.header.salt)
