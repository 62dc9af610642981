"""Batches: the records of one tick, encoded into the bytes of one write.

This is the log's hot path: see tests/bench/bench_log.py, and `joblog.storage.payloads`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from librt.strings import BytesWriter, write_i64_le

from joblog.storage.checksums import crc32
from joblog.storage.payloads import LONG_BYTES, write_effects, write_number, write_words
from joblog.storage.record import record_packer, with_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_extensions import i64

    from joblog.storage.frame import FrameHeads
    from joblog.storage.record import Draft, OriginWire

_BEHIND_MS: Final = 1000
"""By less a seal, or a turn that took long, may be before a record as well."""

_BATCH_BYTES_USUAL = 16 * 1024 * 1024

_ARRAY_OF_SIX: Final = 0x96
_ARRAY_OF_THREE: Final = 0x93
_NIL: Final = 0xC0
_MICROSECONDS: Final = b"\x81\xa2us"
"""A map of one field; its number follows: see `joblog.storage.record`."""

_checksum: Final = crc32


class BatchEncoder:
    """Gives drafts their numbers and frames; keeps what records share, packed."""

    __slots__ = ("_frames", "_pack", "_payload", "_shared", "_shared_by")

    def __init__(self) -> None:
        """Encode records of no log yet."""
        self._pack = record_packer()
        self._frames, self._payload = BytesWriter(), BytesWriter()
        self._shared_by = (-1, -1, -1)
        self._shared = b""

    def encode(
        self,
        drafts: Sequence[Draft],
        heads: FrameHeads,
        last_seq: int,
        synced_seq: int,
        last_at_ms: int,
    ) -> tuple[bytes, int, int]:
        """Encode drafts as the records that follow `last_seq`.

        Args:
            drafts: the records, in order.
            heads: made with the salt of the segment that they go to.
            last_seq: the number of the last record in the log.
            synced_seq: the highest number known to be durable.
            last_at_ms: the time of the last record. A draft with an earlier one
                gets this, since time in the log never goes back; where it is much
                earlier (the clock was set back), with a note of what the clock said.

        Returns:
            The frames, the last number given, and the last time given.

        Raises:
            RecordTooLargeError: a record does not fit into a frame.
        """
        seq = last_seq
        frames, payload = self._frames, self._payload
        frames.truncate(0)  # what a batch left that failed
        pieces: list[bytes] = []
        long: list[bytes] = []
        length = 0
        seed: Any = 0  # an object, so that it is not made anew for each record
        for at_ms, db, effects, origin in drafts:
            seq += 1
            if at_ms > last_at_ms:
                last_at_ms = at_ms
            elif at_ms < last_at_ms - _BEHIND_MS:
                origin = with_clock(origin, at_ms)  # noqa: PLW2901 - or one more name
            payload.truncate(0)
            payload.append(_ARRAY_OF_SIX)
            write_number(payload, seq)
            payload.write(self._pack_shared(synced_seq, last_at_ms, db))
            write_effects(payload, effects, long)
            self._write_origin(payload, origin, long)
            data = payload.getvalue()
            if long or len(data) >= LONG_BYTES:
                long.append(data)
                self._write_long(long, heads, pieces)
                continue
            if len(data) != length:  # those of a pipeline are alike
                length = len(data)
                seed = heads[length][1]
            _write_head(frames, length, _checksum(data, seed))
            frames.write(data)
        data = frames.getvalue()
        if pieces:
            pieces.append(data)
            data = b"".join(pieces)
        if len(data) > _BATCH_BYTES_USUAL:
            # Buffers only grow: one huge value must not keep them so.
            self._pack = record_packer()
            self._frames, self._payload = BytesWriter(), BytesWriter()
        return data, seq, last_at_ms

    def _write_long(
        self, long: list[bytes], heads: FrameHeads, pieces: list[bytes]
    ) -> None:
        """Write the frame of a long record, whose parts are not copied.

        Args:
            long: the payload in parts; empty afterwards.
            heads: those of frames.
            pieces: gets what was written so far, and the parts.
        """
        length = sum([len(part) for part in long])
        checksum: Any = heads[length][1]
        for part in long:
            checksum = _checksum(part, checksum)
        _write_head(self._frames, length, checksum)
        pieces.append(self._frames.getvalue())
        pieces += long
        self._frames.truncate(0)
        long.clear()

    def _pack_shared(self, synced_seq: int, at_ms: int, db: int) -> bytes:
        """Return what stands between a record's number and its effects."""
        packed = self._shared_by
        if at_ms != packed[1] or db != packed[2] or synced_seq != packed[0]:
            self._shared_by = (synced_seq, at_ms, db)
            pack = self._pack
            self._shared = pack(synced_seq) + pack(at_ms) + pack(db)
        return self._shared

    def _write_origin(
        self, payload: BytesWriter, origin: OriginWire, long: list[bytes]
    ) -> None:
        """Write who caused a record."""
        if isinstance(origin, int):
            write_number(payload, origin)
            return
        client_id, command, note = origin
        payload.append(_ARRAY_OF_THREE)
        write_number(payload, client_id)
        if command is None:
            payload.append(_NIL)
        else:
            write_words(payload, command, long)
        if note is None:
            payload.append(_NIL)
        elif isinstance(note, int):
            payload.write(_MICROSECONDS)
            write_number(payload, note)
        else:
            payload.write(self._pack(note))


def _write_head(frames: BytesWriter, length: i64, checksum: i64) -> None:
    """Write the head of a frame, see `joblog.storage.frame`."""
    # As one number with a sign: that is the form in which compiled code writes eight.
    high = checksum if checksum < 1 << 31 else checksum - (1 << 32)
    write_i64_le(frames, high << 32 | length)
