"""Batches: the records of one tick, encoded into the bytes of one write.

This is the log's hot path. Measured in tests/bench/bench_log.py: about 0.7 us for a
record of 70 bytes, two fifths of it msgpack's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

from joblog.storage.record import record_packer, with_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.storage.frame import FrameHeads
    from joblog.storage.record import Draft

_BEHIND_MS: Final = 1000
"""By less a seal, or a turn that took long, may be before a record as well."""

_BATCH_BYTES_USUAL = 16 * 1024 * 1024

_checksum: Final = crc32


class BatchEncoder:
    """Gives drafts their numbers and frames."""

    def __init__(self) -> None:
        self._pack = record_packer()

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
        pack = self._pack
        seq = last_seq
        pieces: list[bytes] = []
        for at_ms, db, effects, origin in drafts:
            seq += 1
            if at_ms > last_at_ms:
                last_at_ms = at_ms
            elif at_ms < last_at_ms - _BEHIND_MS:
                origin = with_clock(origin, at_ms)  # noqa: PLW2901 - or one more name
            payload = pack([seq, synced_seq, last_at_ms, db, effects, origin])
            length, seed = heads[len(payload)]
            pieces.append(length)
            pieces.append(_checksum(payload, seed).to_bytes(4, "little"))
            pieces.append(payload)
        data = b"".join(pieces)
        if len(data) > _BATCH_BYTES_USUAL:
            # The packer's buffer only grows: one huge value must not keep it so.
            self._pack = record_packer()
        return data, seq, last_at_ms
