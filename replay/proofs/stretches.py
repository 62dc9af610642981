"""Stretches: whole frames of one segment, with what is needed to hash on from there.

A stretch is the bytes from somewhere in a segment to the end of a record, or of the
footer, and the state of SHA-256 after all bytes before. From the two the digest at the
stretch's last record follows, without the bytes before.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.index.scanning import END_SEQ
from joblog.replay.proofs.sha256 import ResumePoint, RunningHash, finish
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import encode_frame
from joblog.storage.segment import HEADER_BYTES, corrupt, encode_footer
from joblog.storage.segment_files import open_segment, require_kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentReader


class Stretch(NamedTuple):
    """Bytes of one segment that end with a record or a footer.

    Attributes:
        segment: the number of the segment's first record.
        point: the hash before them; its length is where in the file they start.
        data: the bytes: frames, perhaps with the header before and the footer behind.
        last_seq: the last record in them.
        digest: SHA-256 of the segment up to the end of that record.
    """

    segment: int
    point: ResumePoint
    data: bytes
    last_seq: int
    digest: bytes


class Span(NamedTuple):
    """Records of one segment that a stretch is to hold, from one to another."""

    first: int
    last: int
    has_header: bool = False
    has_footer: bool = False


def read_stretches(
    folder: Path,
    filesystem: FileSystem,
    seqs: Iterable[int],
    until_seq: int | None,
    *,
    is_whole: bool = False,
) -> Iterator[Stretch]:
    """Yield stretches that hold some records.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        seqs: the records.
        until_seq: where given, all bytes from the first of them to this record.
        is_whole: whether that begins with the header of the first one's segment, which
            tells of which log it is.

    Raises:
        CorruptLogError: the log is damaged before one of the records.
        PrunedError: the log no longer has one of them.
        StorageError: the log has not come to one of them.
    """
    wanted = sorted(set(seqs))
    paths = LogFolder(folder, filesystem)
    segments = paths.find_segments()
    if not segments or not wanted:
        raise StorageError(f"{folder}: there is no record to prove")
    require_kept(paths, wanted[0], segments)
    for first, following in pairwise([*segments, END_SEQ]):
        spans = _spans(wanted, until_seq, first, following)
        if is_whole and spans and spans[0].first >= wanted[0]:
            spans[0] = spans[0]._replace(first=first, has_header=True)
        if spans:
            yield from _read_segment(paths, filesystem, first, spans)


def _spans(
    wanted: list[int], until_seq: int | None, first: int, following: int
) -> list[Span]:
    """Return what is wanted of one segment, neighbours together."""
    if until_seq is not None:
        low, high = max(wanted[0], first), min(until_seq, following - 1)
        if low > high:
            return []
        return [Span(low, high, wanted[0] < first, until_seq >= following)]
    spans: list[Span] = []
    for seq in wanted:
        if not first <= seq < following:
            continue
        if spans and spans[-1].last + 1 == seq:
            spans[-1] = spans[-1]._replace(last=seq)
        else:
            spans.append(Span(seq, seq))
    return spans


def _read_segment(
    paths: LogFolder, filesystem: FileSystem, first_seq: int, spans: list[Span]
) -> Iterator[Stretch]:
    reader = open_segment(paths, filesystem, first_seq)
    try:
        if spans[0].has_header and spans[0].first == first_seq:
            yield _read_beginning(reader, spans[0])
        else:
            yield from _Cutter(reader, spans).cut()
    finally:
        reader.close()


def _read_beginning(reader: SegmentReader, span: Span) -> Stretch:
    """Return a segment's bytes from its first on: no state of a hash goes before."""
    try:
        reader.read_to(span.last - span.first + 1)
    except CorruptLogError:
        if reader.offset < reader.size():
            raise
        raise StorageError(f"{reader.path}: there is no seq {span.last}") from None
    data = reader.read_at(reader.offset, 0)
    digest = hashlib.sha256(data).digest()
    return Stretch(
        span.first,
        ResumePoint(),
        data + _footer_bytes(reader, span),
        span.last,
        digest,
    )


def _footer_bytes(reader: SegmentReader, span: Span) -> bytes:
    """Return the footer behind a span's records, b"" where none is to be there."""
    if not span.has_footer:
        return b""
    footer = reader.read_footer()
    if footer is None:
        raise corrupt(reader.path, reader.offset, "no footer", "one")
    return encode_footer(footer, reader.header.salt)


class _Cutter:
    """Goes through a segment once and cuts stretches out of it."""

    def __init__(self, reader: SegmentReader, spans: list[Span]) -> None:
        self._reader = reader
        self._spans = spans
        self._running = RunningHash()
        self._digest = hashlib.sha256()
        reader.offset = 0
        self._header = reader.read_rest(HEADER_BYTES)
        reader.offset = HEADER_BYTES

    def cut(self) -> Iterator[Stretch]:
        """Yield the stretches, in order."""
        seq = self._reader.header.first_seq
        spans = iter(self._spans)
        start = self._running.point()
        held = [self._header] if self._spans[0].has_header else []
        self._add(self._header)
        span = next(spans, None)
        while span is not None:
            payloads = self._reader.read_payloads()
            if not payloads:
                raise StorageError(f"{self._reader.path}: there is no seq {span.last}")
            for payload in payloads:
                if span is None:
                    break
                frame = encode_frame(payload, self._reader.heads)
                if seq == span.first and not held:
                    start = self._running.point()
                self._add(frame)
                if seq >= span.first:
                    held.append(frame)
                if seq == span.last:
                    yield self._make(start, held, span)
                    span, held = next(spans, None), []
                seq += 1

    def _add(self, data: bytes) -> None:
        self._running.update(data)
        self._digest.update(data)

    def _make(self, start: ResumePoint, held: list[bytes], span: Span) -> Stretch:
        digest = self._digest.digest()
        assert finish(self._running.point()) == digest
        data = b"".join(held) + _footer_bytes(self._reader, span)
        first = self._reader.header.first_seq
        return Stretch(first, start, data, span.last, digest)
