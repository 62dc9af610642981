"""Cutting: the bytes of another log as they come, into what a log takes.

    [header] frames ... footer, header, frames ...

The header comes first where the log begins with it. Each frame is checked as soon as it
is whole, so nothing that does not follow from what came before goes any further.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.storage.errors import ForeignFramesError, StorageError
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    FrameHeads,
    count_in_sequence,
    frame_bytes_at,
    split_frames,
)
from joblog.storage.giving import Seal
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import (
    FOOTER_BYTES,
    FOOTER_MARK,
    HEADER_BYTES,
    SegmentHeader,
    decode_footer,
    decode_header,
)

if TYPE_CHECKING:
    from joblog.storage.record import Record

_NOWHERE: Final = Path("what came")


class LogPlace(NamedTuple):
    """Where a log ends: enough for another one to know whether it has the same.

    Attributes:
        log_id: of the log, 32 hexadecimal digits.
        header: of the open segment.
        last_seq: the last record. last_at_ms: its time.
        digest: SHA-256 of the open segment up to there, in hexadecimal digits.
        segments: how many there are.
        begins: (first record, SHA-256 of the header) of segments, from the newest back:
            at one of these another log may part from it.
    """

    log_id: str
    header: SegmentHeader
    last_seq: int
    last_at_ms: int
    digest: str
    segments: int
    begins: tuple[tuple[int, str], ...] = ()


class Piece(NamedTuple):
    """Whole frames that say of one record that it is durable, and their records."""

    data: bytes
    records: list[Record]


class Beginning(NamedTuple):
    """The header of a log's first segment."""

    header: bytes


Cut = Piece | Seal | Beginning


class Cutter:
    """Cuts what comes.

    Attributes:
        last_seq: the last record that came whole. last_at_ms: its time.
    """

    def __init__(
        self, header: SegmentHeader | None, last_seq: int, last_at_ms: int
    ) -> None:
        """Begin behind a record.

        Args:
            header: of the segment that goes on; None where a log begins.
            last_seq: the record.
            last_at_ms: its time.
        """
        self._heads = None if header is None else FrameHeads(header.salt)
        self._salt = 0 if header is None else header.salt
        self.last_seq, self.last_at_ms = last_seq, last_at_ms
        self._tail = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> list[Cut]:
        """Take bytes; return what is whole, in order.

        Raises:
            ForeignFramesError: they do not go on from what came before.
        """
        self._tail += data
        cuts: list[Cut] = []
        if len(self._tail) < self._needed:
            return cuts
        self._needed = 0
        data, at = bytes(self._tail), 0
        while at < len(data) and not self._needed:
            at += self._cut(data[at:] if at else data, cuts)
        self._tail = bytearray(data[at:])
        return cuts

    def _cut(self, data: bytes, cuts: list[Cut]) -> int:
        """Cut off the front; return how many bytes, or note how many are needed."""
        heads = self._heads
        if heads is None:
            return self._cut_header(data, cuts)
        if data[: len(FOOTER_MARK)] == FOOTER_MARK:
            return self._cut_seal(data, cuts)
        payloads, used = split_frames(data, heads)
        if payloads:
            self._add(data[:used], payloads, cuts)
            return used
        needed = frame_bytes_at(data)
        if len(data) < FRAME_HEAD_BYTES:
            self._needed = FRAME_HEAD_BYTES
        elif len(data) < needed:
            self._needed = needed
        else:
            raise ForeignFramesError(f"no frame behind seq {self.last_seq}")
        return 0

    def _add(self, data: bytes, payloads: list[bytes], cuts: list[Cut]) -> None:
        """Add frames, by what they say is durable."""
        records = decode_next(payloads, self.last_seq, self.last_at_ms)
        begin = begin_at = end = 0
        for at, record in enumerate(records):
            if record.synced_seq != records[begin_at].synced_seq:
                cuts.append(Piece(data[begin:end], records[begin_at:at]))
                begin, begin_at = end, at
            end += FRAME_HEAD_BYTES + len(payloads[at])
        cuts.append(Piece(data[begin:], records[begin_at:]))
        self.last_seq, self.last_at_ms = records[-1].seq, records[-1].at_ms

    def _cut_header(self, data: bytes, cuts: list[Cut]) -> int:
        if len(data) < HEADER_BYTES:
            self._needed = HEADER_BYTES
            return 0
        self._use(data[:HEADER_BYTES])
        cuts.append(Beginning(data[:HEADER_BYTES]))
        return HEADER_BYTES

    def _cut_seal(self, data: bytes, cuts: list[Cut]) -> int:
        size = FOOTER_BYTES + HEADER_BYTES
        if len(data) < size:
            self._needed = size
            return 0
        footer, header = data[:FOOTER_BYTES], data[FOOTER_BYTES:size]
        found = decode_footer(footer, self._salt)
        if found is None or found.last_seq != self.last_seq:
            raise ForeignFramesError(f"no sound footer behind seq {self.last_seq}")
        self._use(header)
        cuts.append(Seal(footer, header))
        return size

    def _use(self, data: bytes) -> None:
        try:
            header = decode_header(data, _NOWHERE)
        except StorageError as error:
            raise ForeignFramesError(f"no header behind seq {self.last_seq}") from error
        if header.first_seq != self.last_seq + 1:
            raise ForeignFramesError(
                f"a segment that starts with seq {header.first_seq} behind seq "
                f"{self.last_seq}"
            )
        self._salt, self._heads = header.salt, FrameHeads(header.salt)
        self.last_at_ms = max(self.last_at_ms, header.created_at_ms)


def decode_next(payloads: list[bytes], last_seq: int, last_at_ms: int) -> list[Record]:
    """Return the records that follow one, from their payloads.

    Raises:
        ForeignFramesError: they do not follow it.
    """
    if count_in_sequence(payloads, last_seq) < len(payloads):
        raise ForeignFramesError(f"behind seq {last_seq}: not the next record")
    try:
        records = RecordDecoder().decode_all(payloads)
    except ValueError as error:
        raise ForeignFramesError(f"behind seq {last_seq}: {error}") from error
    for record in records:
        if not 0 <= record.synced_seq < record.seq:
            raise ForeignFramesError(f"seq {record.seq} says that it is durable")
        if record.at_ms < last_at_ms:
            raise ForeignFramesError(f"seq {record.seq} is of an earlier time")
        last_at_ms = record.at_ms
    return records
