"""Walking through a stretch: its bytes, as they come, are hashed and cut into frames.

What is kept of them is where each batch of records starts. So the length of a stretch
costs time alone.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import msgpack

from joblog.replay.proofs.receipt_text import ReceiptError
from joblog.storage.errors import StorageError
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    FrameHeads,
    count_in_sequence,
    frame_bytes_at,
    leading_uints,
    split_frames,
)
from joblog.storage.segment import (
    FOOTER_BYTES,
    HEADER_BYTES,
    SegmentFooter,
    SegmentHeader,
    decode_footer,
    decode_header,
)
from joblog.storage.sha256 import ResumePoint, RunningHash, finish

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_HEADS = FrameHeads(0)
"""For frames whose checksums are not compared: a digest has them."""


class Walk:
    """Goes through a stretch once, from its first byte to its last.

    Attributes:
        header: the segment's header, where the stretch starts with it.
        starts: the number of the first record of each batch.
        offsets: where each batch starts, and where the last one ends.
        rest: what is behind the frames.
    """

    def __init__(self, point: ResumePoint, name: str) -> None:
        """Begin before the first byte.

        Args:
            point: the hash of what is before it.
            name: what the stretch is called.
        """
        self.header: SegmentHeader | None = None
        self.starts = array("Q")
        self.offsets = array("Q")
        self.rest = b""
        self._name = name
        self._running = RunningHash(point)
        self._pieces: list[bytes] = []
        self._length = 0
        self._wanted = FRAME_HEAD_BYTES if point.length else HEADER_BYTES
        self._begins_segment = not point.length
        self._offset = 0
        self._next_seq = 0
        self._is_broken = False
        self._is_in_order = True

    @property
    def digest(self) -> bytes:
        """The digest at the last record."""
        return finish(self._running.point())

    def take(self, block: bytes) -> None:
        """Take in the next bytes.

        Raises:
            ReceiptError: the stretch does not start with a header, and should.
        """
        if self._is_broken:
            self._running.update(block)
            return
        self._pieces.append(block)
        self._length += len(block)
        if self._length < self._wanted:
            return
        data = b"".join(self._pieces)
        if self._begins_segment and self.header is None:
            self.header = self._decode_header(data)
            self._running.update(data[:HEADER_BYTES])
            self._offset, data = HEADER_BYTES, data[HEADER_BYTES:]
        payloads, used = split_frames(data, NO_HEADS, verify=False)
        if payloads:
            self._add(payloads)
        self._running.update(data[:used])
        self._offset += used
        data = data[used:]
        self._wanted = FRAME_HEAD_BYTES
        if len(data) >= FRAME_HEAD_BYTES:
            self._wanted = frame_bytes_at(data) or FOOTER_BYTES
        if len(data) > self._wanted:
            self._break(data)
            data = b""
        self._pieces, self._length = [data], len(data)

    def _break(self, data: bytes) -> None:
        """Note that bytes are neither a frame nor a footer; hash them all the same."""
        self._is_broken = True
        self._running.update(data)

    def _decode_header(self, data: bytes) -> SegmentHeader:
        try:
            return decode_header(data[:HEADER_BYTES], Path("receipt"))
        except StorageError as error:
            raise ReceiptError(f"{self._name} starts with no header") from error

    def _add(self, payloads: list[bytes]) -> None:
        """Note down where a batch is, and see that it has records, and in order."""
        first_seq = leading_uints(payloads[0])[0]
        self._next_seq = self._next_seq or first_seq
        count = count_in_sequence(payloads, self._next_seq - 1)
        if self._next_seq < 1 or count < len(payloads):
            self._is_in_order = False
        _require_packed(payloads)
        self.starts.append(self._next_seq)
        self.offsets.append(self._offset)
        self._next_seq += len(payloads)

    def finish(self) -> SegmentFooter | None:
        """Return the footer that is behind the frames, None where none is.

        Raises:
            ReceiptError: the stretch is shorter than a header, and should have one.
        """
        self.rest = b"".join(self._pieces)
        if self._begins_segment and self.header is None:
            self.header = self._decode_header(self.rest)
        self.offsets.append(self._offset)
        salt = None if self.header is None else self.header.salt
        footer = None
        if len(self.rest) == FOOTER_BYTES:
            footer = decode_footer(self.rest, salt)
        if footer is None and self.rest:
            self._break(self.rest)
        return footer

    def require_records(self, last_seq: int) -> int:
        """Return the number of the first record, of those up to one.

        Raises:
            ReceiptError: it is not these that the stretch holds.
        """
        if self._is_broken:
            raise ReceiptError(f"{self._name}: no frame at byte {self._offset}")
        if not self.starts:
            raise ReceiptError(f"{self._name} holds no record")
        if not self._is_in_order or self._next_seq != last_seq + 1:
            raise ReceiptError(
                f"{self._name} does not hold the records up to {last_seq}"
            )
        return self.starts[0]


def _require_packed(payloads: Sequence[bytes]) -> None:
    """Check that each payload is packed as records are.

    Raises:
        ValueError: one is not.
    """
    data = b"".join(payloads)
    unpacker = msgpack.Unpacker(max_buffer_size=0)
    unpacker.feed(data)
    for payload in payloads:
        end = unpacker.tell() + len(payload)
        try:
            unpacker.skip()
        except msgpack.UnpackException as error:
            raise ValueError(f"a frame holds no record: {error!r}") from error
        if unpacker.tell() != end:
            raise ValueError("a frame holds no record, or more than one")
