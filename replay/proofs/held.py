"""Stretches that a receipt holds: hashed, cut into records, and held against it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblog.replay.proofs.sha256 import BLOCK_BYTES, ResumePoint, finish, go_on
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

if TYPE_CHECKING:
    from joblog.storage.record import Record

_DATA_MAX = 1 << 30
_HEX = ("state", "tail", "digest")


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
        if base64.b64encode(packed).decode() != fields["data"]:
            raise ReceiptError("the data of a stretch has more than one spelling")
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(packed, _DATA_MAX)
    except (binascii.Error, zlib.error) as error:
        raise ReceiptError(
            f"the data of a stretch cannot be unpacked: {error}"
        ) from error
    if unpacker.unconsumed_tail:
        raise ReceiptError("a stretch is too long")
    if unpacker.unused_data or not unpacker.eof:
        raise ReceiptError("the data of a stretch has a rest, or is cut")
    segment = fields["segment"] if is_old else 0
    return Stretch(segment, point, data, fields["last_seq"], digest)


def _from_hex(digits: str) -> bytes:
    data = bytes.fromhex(digits)
    if data.hex() != digits:
        raise ReceiptError("digits of a stretch have more than one spelling")
    return data


class HeldStretch:
    """A stretch, hashed and cut into records.

    Attributes:
        records: its records, by number.
        first_seq: the first of them.
        last_seq: the last of them.
        digest_hex: the digest at that.
        header: the segment's header, where it starts with it.
        link: what the next segment's header has to carry, where it ends in a footer.
    """

    def __init__(self, stretch: Stretch, name: str) -> None:
        self._name = name
        self._stretch = stretch
        self._ends: dict[int, int] = {}
        self.header: SegmentHeader | None = None
        self.link: bytes | None = None
        self.last_seq = stretch.last_seq
        data = stretch.data
        offset = 0
        if not stretch.point.length:
            self.header = self._decode_header(data)
            offset = HEADER_BYTES
        end, footer = self._find_end(data)
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
            self.link = hashlib.sha256(data[end:]).digest()
        self.records = self._cut(data, offset, end)
        if not self.records:
            raise ReceiptError(f"{name} holds no record")
        self.first_seq = min(self.records)

    def _digest_to(self, end: int) -> bytes:
        point, data = self._stretch.point, self._stretch.data[:end]
        if not point.length:
            return hashlib.sha256(data).digest()
        return finish(go_on(point, data))

    def digest_at(self, seq: int) -> str:
        """Return the log's digest at one of the records, in hexadecimal digits."""
        return self._digest_to(self._ends[seq]).hex()

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

    def _find_end(self, data: bytes) -> tuple[int, SegmentFooter | None]:
        """Return where the frames end, and the footer behind them."""
        end = len(data) - FOOTER_BYTES
        salt = None if self.header is None else self.header.salt
        footer = decode_footer(data[end:], salt) if end >= 0 else None
        return (len(data), None) if footer is None else (end, footer)

    def _cut(self, data: bytes, offset: int, end: int) -> dict[int, Record]:
        payloads: list[bytes] = []
        ends: list[int] = []
        while offset < end:
            size = frame_bytes_at(data[offset : offset + FRAME_HEAD_BYTES])
            if not size or offset + size > end:
                raise ReceiptError(f"{self._name}: no frame at byte {offset}")
            payloads.append(data[offset + FRAME_HEAD_BYTES : offset + size])
            offset += size
            ends.append(offset)
        records = RecordDecoder().decode_all(payloads)
        seqs = [record.seq for record in records]
        if seqs != list(range(self.last_seq - len(seqs) + 1, self.last_seq + 1)):
            raise ReceiptError(
                f"{self._name} does not hold the records up to {self.last_seq}"
            )
        self._ends = dict(zip(seqs, ends, strict=True))
        return {record.seq: record for record in records}
