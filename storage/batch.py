"""Batches: the records of one tick, encoded into the bytes of one write.

This is the log's hot path: see tests/bench/bench_log.py, and `joblog.storage.payloads`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from joblog.storage.payloads import BYTES, NIL, pack_effects, pack_words
from joblog.storage.record import record_packer, with_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.storage.frame import FrameHeads
    from joblog.storage.record import Draft, OriginWire

_BEHIND_MS: Final = 1000
"""By less a seal, or a turn that took long, may be before a record as well."""

_BATCH_BYTES_USUAL = 16 * 1024 * 1024

_ARRAY_OF_SIX: Final = b"\x96"

_checksum: Final = crc32


class BatchEncoder:
    """Gives drafts their numbers and frames; keeps what records share, packed."""

    __slots__ = (
        "_client",
        "_client_id",
        "_front",
        "_pack",
        "_shared",
        "_shared_by",
        "_top",
    )

    def __init__(self) -> None:
        """Encode records of no log yet."""
        self._pack = record_packer()
        self._top = self._client_id = -1
        self._shared_by = (-1, -1, -1)
        self._client = self._front = self._shared = b""

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
        pieces: list[bytes] = []
        for at_ms, db, effects, origin in drafts:
            seq += 1
            if at_ms > last_at_ms:
                last_at_ms = at_ms
            elif at_ms < last_at_ms - _BEHIND_MS:
                origin = with_clock(origin, at_ms)  # noqa: PLW2901 - or one more name
            shared = self._pack_shared(synced_seq, last_at_ms, db)
            payload = self._pack_payload(seq, shared, effects, origin)
            length, seed = heads[len(payload)]
            pieces.append(_frame_head(length, _checksum(payload, seed)))
            pieces.append(payload)
        data = b"".join(pieces)
        if len(data) > _BATCH_BYTES_USUAL:
            # The packer's buffer only grows: one huge value must not keep it so.
            self._pack = record_packer()
        return data, seq, last_at_ms

    def _pack_payload(
        self,
        seq: int,
        shared: bytes,
        effects: Sequence[Sequence[bytes]],
        origin: OriginWire,
    ) -> bytes:
        front, last, by = (
            self._pack_front(seq),
            BYTES[seq & 0xFF],
            self._pack_origin(origin),
        )
        if len(effects) == 1:
            done = pack_words(effects[0], self._pack)
            return b"%b%b%b\x91%b%b" % (front, last, shared, done, by)
        done = pack_effects(effects, self._pack)
        return b"%b%b%b%b%b" % (front, last, shared, done, by)

    def _pack_front(self, seq: int) -> bytes:
        """Return what a record begins with, up to the last byte of its number."""
        top = seq >> 7  # within it no number takes more bytes than another
        if top != self._top:
            self._top = top
            self._front = _ARRAY_OF_SIX + self._pack(seq)[:-1]
        return self._front

    def _pack_shared(self, synced_seq: int, at_ms: int, db: int) -> bytes:
        """Return what stands between a record's number and its effects."""
        packed = self._shared_by
        if at_ms != packed[1] or db != packed[2] or synced_seq != packed[0]:
            self._shared_by = (synced_seq, at_ms, db)
            pack = self._pack
            self._shared = pack(synced_seq) + pack(at_ms) + pack(db)
        return self._shared

    def _pack_origin(self, origin: OriginWire) -> bytes:
        """Return an origin, packed."""
        if isinstance(origin, int):
            return self._pack_client(origin)
        client_id, command, note = origin
        called = NIL if command is None else pack_words(command, self._pack)
        told = NIL if note is None else self._pack(note)
        return b"\x93%b%b%b" % (self._pack_client(client_id), called, told)

    def _pack_client(self, client_id: int) -> bytes:
        """Return a client's number, packed."""
        if client_id != self._client_id:
            self._client_id = client_id
            self._client = self._pack(client_id)
        return self._client


def _frame_head(length: bytes, checksum: int) -> bytes:
    """Return the head of a frame, see `joblog.storage.frame`."""
    # By bytes that are there: half of what it takes to make four of a number.
    a, b = BYTES[checksum & 0xFF], BYTES[checksum >> 8 & 0xFF]
    c, d = BYTES[checksum >> 16 & 0xFF], BYTES[checksum >> 24]
    return b"%b%b%b%b%b" % (length, a, b, c, d)
