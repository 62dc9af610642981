"""Receipts: proof of a few records that can be checked without the log.

A receipt is one JSON file. It holds the frames of the records it is about, with the
state of SHA-256 before them (see `stretches`), and names the digest at each. Who kept
one of these digests elsewhere knows that the record in the receipt is the one that the
log had: nobody can make another frame, or another state, that leads to the same digest.

What a receipt proves, and what it does not, is decision 11.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from collections.abc import Sequence

    from joblog.storage.record import Record

KIND = "joblog receipt 1"
_DATA_MAX = 1 << 30


class ReceiptError(Exception):
    """A receipt proves nothing; the text says why."""


class Anchor(NamedTuple):
    """A digest that a receipt leads to: who has it from elsewhere has the proof.

    Attributes:
        seq: the record at which it is the log's digest.
        digest_hex: the digest.
        proves: the records that are proven by it.
    """

    seq: int
    digest_hex: str
    proves: tuple[int, ...]


class Checked(NamedTuple):
    """A receipt that is sound in itself.

    Attributes:
        about: what it was asked for: "job 42" or "record 17".
        log_id: the log's id, in hexadecimal digits.
        records: the records that it is about, by their roles: what happened, and who
            the clients and which the scripts were.
        anchors: the digests that it leads to.
    """

    about: str
    log_id: str
    records: list[tuple[str, Record]]
    anchors: list[Anchor]


def write_receipt(
    about: str, log_id: str, roles: dict[int, str], stretches: Sequence[Stretch]
) -> str:
    """Return a receipt's text.

    Args:
        about: what it is for, for people.
        log_id: the log's id.
        roles: for each record that counts, what it shows: "record", "client", "script".
        stretches: those that hold these records.
    """
    body: dict[str, Any] = {
        "kind": KIND,
        "about": about,
        "log_id": log_id,
        "records": {str(seq): role for seq, role in sorted(roles.items())},
        "stretches": [
            {
                "segment": stretch.segment,
                "offset": stretch.point.length,
                "state": stretch.point.state.hex(),
                "tail": stretch.point.tail.hex(),
                "data": _pack(stretch.data),
                "last_seq": stretch.last_seq,
                "digest": stretch.digest.hex(),
            }
            for stretch in stretches
        ],
    }
    return _dump(body | {"seal": _seal(body)})


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(_dump(body).encode()).hexdigest()


def _dump(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=1) + "\n"


def check_receipt(text: bytes) -> Checked:
    """Return what a receipt proves.

    Raises:
        ReceiptError: it is none, or something in it was changed.
    """
    try:
        body = json.loads(text)
        seal = body.pop("seal")
        is_written_so = _dump(body | {"seal": seal}).encode() == text
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise ReceiptError("this is no receipt") from error
    if body.get("kind") != KIND:
        raise ReceiptError(f"this is no receipt of the kind {KIND!r}")
    if not is_written_so or seal != _seal(body):
        raise ReceiptError(
            "the receipt was changed after it was made: its seal differs"
        )
    try:
        return _check_body(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReceiptError(f"the receipt is malformed: {error!r}") from error


def _check_body(body: dict[str, Any]) -> Checked:
    roles = {int(seq): str(role) for seq, role in body["records"].items()}
    found: dict[int, Record] = {}
    anchors: list[Anchor] = []
    link: bytes | None = None
    for number, fields in enumerate(body["stretches"], 1):
        stretch = _read_stretch(fields)
        opened = _Opened(stretch, f"stretch {number}")
        proven = set(opened.records)
        if opened.header is not None:
            if opened.header.log_id.hex() != body["log_id"]:
                raise ReceiptError(f"stretch {number} is of another log")
            if link is not None and opened.header.previous_digest == link:
                # What the elder proves hangs on this digest as well.
                elder = anchors.pop()
                proven |= set(elder.proves)
        seqs = tuple(sorted(seq for seq in proven if seq in roles))
        anchors.append(Anchor(stretch.last_seq, stretch.digest.hex(), seqs))
        found |= opened.records
        link = opened.link
    missing = sorted(set(roles) - set(found))
    if missing or not roles:
        raise ReceiptError(f"the receipt lacks record {missing[0] if missing else 0}")
    records = [(role, found[seq]) for seq, role in sorted(roles.items())]
    return Checked(str(body["about"]), str(body["log_id"]), records, anchors)


def _read_stretch(fields: dict[str, Any]) -> Stretch:
    state, tail = bytes.fromhex(fields["state"]), bytes.fromhex(fields["tail"])
    offset = int(fields["offset"])
    point = ResumePoint(state, offset, tail)
    if len(state) != len(ResumePoint().state) or len(tail) != offset % BLOCK_BYTES:
        raise ReceiptError("the state of a stretch has another length than it can have")
    if not offset and point != ResumePoint():
        raise ReceiptError(
            "a stretch starts a segment with another state than SHA-256's"
        )
    try:
        packed = base64.b64decode(fields["data"], validate=True)
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(packed, _DATA_MAX)
    except (binascii.Error, zlib.error) as error:
        raise ReceiptError(
            f"the data of a stretch cannot be unpacked: {error}"
        ) from error
    if unpacker.unconsumed_tail:
        raise ReceiptError("a stretch is too long")
    digest = bytes.fromhex(fields["digest"])
    return Stretch(int(fields["segment"]), point, data, int(fields["last_seq"]), digest)


class _Opened:
    """A stretch, hashed and cut into records.

    Attributes:
        records: its records, by number.
        header: the segment's header, where it starts with it.
        link: what the next segment's header has to carry, where it ends in a footer.
    """

    def __init__(self, stretch: Stretch, name: str) -> None:
        self._name = name
        self.header: SegmentHeader | None = None
        self.link: bytes | None = None
        data = stretch.data
        offset = 0
        if not stretch.point.length:
            self.header = self._decode_header(data)
            offset = HEADER_BYTES
        end, footer = self._find_end(data)
        digest = finish(go_on(stretch.point, data[:end]))
        if digest != stretch.digest:
            raise ReceiptError(
                f"{name} gives the digest {digest.hex()} at seq {stretch.last_seq}, "
                f"not {stretch.digest.hex()}"
            )
        if footer is not None:
            if (footer.digest, footer.last_seq) != (digest, stretch.last_seq):
                raise ReceiptError(f"{name} ends in the footer of another segment")
            self.link = hashlib.sha256(data[end:]).digest()
        self.records = self._cut(data[offset:end], stretch.last_seq)

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

    def _cut(self, data: bytes, last_seq: int) -> dict[int, Record]:
        payloads: list[bytes] = []
        offset = 0
        while offset < len(data):
            size = frame_bytes_at(data[offset : offset + FRAME_HEAD_BYTES])
            if not size or offset + size > len(data):
                raise ReceiptError(f"{self._name}: no frame at byte {offset}")
            payloads.append(data[offset + FRAME_HEAD_BYTES : offset + size])
            offset += size
        records = RecordDecoder().decode_all(payloads)
        seqs = [record.seq for record in records]
        if seqs != list(range(last_seq - len(seqs) + 1, last_seq + 1)):
            raise ReceiptError(
                f"{self._name} does not hold the records up to {last_seq}"
            )
        return {record.seq: record for record in records}
