"""Stretches that a receipt holds: hashed, cut into records, and held against it.

Of a long stretch the bytes are unpacked and the records decoded a few at a time, and
again where they are asked for again: it may hold a million.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from array import array
from itertools import pairwise
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.replay.proofs.packed import Packed, UnpackError
from joblog.replay.proofs.seqs import Seqs
from joblog.replay.proofs.stretches import Stretch
from joblog.storage.errors import StorageError
from joblog.storage.frame import FRAME_HEAD_BYTES, frame_bytes_at
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import (
    FOOTER_BYTES,
    HEADER_BYTES,
    SegmentFooter,
    SegmentHeader,
    decode_footer,
    decode_header,
)
from joblog.storage.sha256 import BLOCK_BYTES, ResumePoint, RunningHash, finish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.storage.record import Record

_HEX = ("state", "tail", "digest")
_BATCH_RECORDS = 1000
_WINDOW_BYTES = 256 << 10


class ReceiptError(Exception):
    """A receipt proves nothing; the text says why."""


def read_stretch(fields: dict[str, Any], *, is_old: bool) -> Stretch:
    """Return a stretch of a receipt, unpacked.

    Raises:
        ReceiptError: it is none.
        ValueError, KeyError, TypeError: a field is missing, or of another type.
    """
    numbers = {"offset", "last_seq"} | ({"segment"} if is_old else set())
    if any(type(fields[name]) is not int for name in numbers):
        raise ReceiptError("a number of a stretch is none")
    state, tail, digest = (_from_hex(fields[name]) for name in _HEX)
    offset = fields["offset"]
    point = ResumePoint(state, offset, tail)
    if len(state) != len(ResumePoint().state) or len(tail) != offset % BLOCK_BYTES:
        raise ReceiptError("the state of a stretch has another length than it can have")
    if not offset and point != ResumePoint():
        raise ReceiptError(
            "a stretch starts a segment with another state than SHA-256's"
        )
    try:
        packed = base64.b64decode(fields["data"], validate=True)
    except binascii.Error as error:
        raise ReceiptError(
            f"the data of a stretch cannot be unpacked: {error}"
        ) from error
    if base64.b64encode(packed) != fields["data"].encode():
        raise ReceiptError("the data of a stretch has more than one spelling")
    segment = fields["segment"] if is_old else 0
    return Stretch(segment, point, packed, fields["last_seq"], digest)


def _from_hex(digits: str) -> bytes:
    data = bytes.fromhex(digits)
    if data.hex() != digits:
        raise ReceiptError("digits of a stretch have more than one spelling")
    return data


class HeldStretch:
    """A stretch, hashed and cut into records.

    Attributes:
        first_seq: the first of its records.
        last_seq: the last of them.
        digest_hex: the digest at that.
        header: the segment's header, where it starts with it.
        link: what the next segment's header has to carry, where it ends in a footer.
    """

    def __init__(self, stretch: Stretch, name: str) -> None:
        """Hash a stretch, and see that it holds the records that it says.

        Raises:
            ReceiptError: it does not.
            ValueError: what it holds are no records.
        """
        self._name = name
        self._stretch = stretch
        try:
            self._data = Packed(stretch.packed)
        except UnpackError as error:
            raise ReceiptError(f"the data of a stretch {error}") from error
        self._batch: tuple[int, list[Record]] = -1, []
        self.header: SegmentHeader | None = None
        self.link: bytes | None = None
        self.last_seq = stretch.last_seq
        offset = 0
        if not stretch.point.length:
            self.header = self._decode_header(self._data.read(0, HEADER_BYTES))
            offset = HEADER_BYTES
        end, footer = self._find_end()
        digest = self._digest_to(end)
        self.digest_hex = digest.hex()
        if digest != stretch.digest:
            raise ReceiptError(
                f"{name} gives the digest {digest.hex()} at seq {stretch.last_seq}, "
                f"not {stretch.digest.hex()}"
            )
        if footer is not None:
            if (footer.digest, footer.last_seq) != (digest, stretch.last_seq):
                raise ReceiptError(f"{name} ends in the footer of another segment")
            rest = self._data.read(end, self._data.length)
            self.link = hashlib.sha256(rest).digest()
        self._ends = self._find_ends(offset, end)
        if len(self._ends) == 1:
            raise ReceiptError(f"{name} holds no record")
        self.first_seq = self.last_seq - len(self._ends) + 2
        self._require_seqs()

    @property
    def seqs(self) -> Seqs:
        """The numbers of its records."""
        return Seqs([range(self.first_seq, self.last_seq + 1)])

    def _digest_to(self, end: int) -> bytes:
        running = RunningHash(self._stretch.point)
        for piece in self._data.pieces(0, end):
            running.update(piece)
        return finish(running.point())

    def digest_at(self, seq: int) -> str:
        """Return the log's digest at one of the records, in hexadecimal digits."""
        if seq == self.last_seq:
            return self.digest_hex
        return self._digest_to(self._ends[seq - self.first_seq + 1]).hex()

    def records(self) -> Iterator[Record]:
        """Yield its records, in order."""
        for number in range(-(-(len(self._ends) - 1) // _BATCH_RECORDS)):
            yield from self._decode(number)

    def record(self, seq: int) -> Record:
        """Return one of its records."""
        number, place = divmod(seq - self.first_seq, _BATCH_RECORDS)
        return self._decode(number)[place]

    def _decode(self, number: int) -> Sequence[Record]:
        """Return a batch of records.

        Raises:
            ValueError: one is none.
        """
        if self._batch[0] == number:
            return self._batch[1]
        first = number * _BATCH_RECORDS
        ends = self._ends[first : first + _BATCH_RECORDS + 1]
        data = self._data.read(ends[0], ends[-1])
        payloads = [
            data[start + FRAME_HEAD_BYTES - ends[0] : end - ends[0]]
            for start, end in pairwise(ends)
        ]
        records = RecordDecoder().decode_all(payloads)
        self._batch = number, records
        return records

    def follows(self, elder: HeldStretch) -> bool:
        """Tell whether it is the segment that was begun when another was sealed."""
        return (
            self.header is not None
            and elder.link is not None
            and self.header.previous_digest == elder.link
            and self.first_seq == elder.last_seq + 1
        )

    def require_place(self, segment: object, log_id: str) -> None:
        """Check what a receipt says of a segment against its header, where that is.

        Raises:
            ReceiptError: the header says otherwise.
        """
        if self.header is None:
            return
        if self.header.log_id.hex() != log_id:
            raise ReceiptError(f"{self._name} is of another log")
        if segment is not None and segment != self.header.first_seq:
            raise ReceiptError(f"{self._name} is of another segment")
        if self.header.first_seq != self.first_seq:
            raise ReceiptError(f"{self._name} does not start with its segment")

    def _decode_header(self, data: bytes) -> SegmentHeader:
        try:
            return decode_header(data[:HEADER_BYTES], Path("receipt"))
        except StorageError as error:
            raise ReceiptError(f"{self._name} starts with no header") from error

    def _find_end(self) -> tuple[int, SegmentFooter | None]:
        """Return where the frames end, and the footer behind them."""
        length = self._data.length
        end = length - FOOTER_BYTES
        salt = None if self.header is None else self.header.salt
        footer = None
        if end >= 0:
            footer = decode_footer(self._data.read(end, length), salt)
        return (length, None) if footer is None else (end, footer)

    def _find_ends(self, offset: int, end: int) -> array[int]:
        """Return where each record's frame starts, and where the last one ends.

        Raises:
            ReceiptError: these are no frames.
        """
        ends = array("Q", [offset])
        window, start = b"", offset
        while offset < end:
            head = window[offset - start : offset - start + FRAME_HEAD_BYTES]
            if len(head) < FRAME_HEAD_BYTES:
                start = offset
                window = self._data.read(start, min(start + _WINDOW_BYTES, end))
                head = window[:FRAME_HEAD_BYTES]
            size = frame_bytes_at(head)
            if not size or offset + size > end:
                raise ReceiptError(f"{self._name}: no frame at byte {offset}")
            offset += size
            ends.append(offset)
        return ends

    def _require_seqs(self) -> None:
        """Check that its records have the numbers that they should.

        Raises:
            ReceiptError: they have others.
            ValueError: one is no record.
        """
        seqs = (record.seq for record in self.records())
        wanted = range(self.first_seq, self.last_seq + 1)
        if not all(map(eq, seqs, wanted)):
            raise ReceiptError(
                f"{self._name} does not hold the records up to {self.last_seq}"
            )


class HeldRecords:
    """All records of a receipt, by number."""

    def __init__(self, stretches: Sequence[HeldStretch]) -> None:
        """Take stretches in order, of which none has a record of another."""
        self._stretches = stretches
        self.seqs = Seqs(run for each in stretches for run in each.seqs.runs)

    def __contains__(self, seq: int) -> bool:
        """Tell whether a record is held."""
        return seq in self.seqs

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers, in order."""
        return iter(self.seqs)

    def __getitem__(self, seq: int) -> Record:
        """Return a record that is held."""
        return self.stretch_of(seq).record(seq)

    def records(self) -> Iterator[Record]:
        """Yield the records, in order."""
        for stretch in self._stretches:
            yield from stretch.records()

    def stretch_of(self, seq: int) -> HeldStretch:
        """Return the stretch that holds a record."""
        return next(
            one for one in self._stretches if one.first_seq <= seq <= one.last_seq
        )
