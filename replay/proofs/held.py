"""Stretches that a receipt holds: hashed, cut into records, and held against it.

Of a long stretch the bytes are unpacked and the records decoded a few at a time, and
again where they are asked for again: it may hold a million.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any

from joblog.replay.proofs.packed import Packed, UnpackError
from joblog.replay.proofs.receipt_text import ReceiptError
from joblog.replay.proofs.seqs import Seqs
from joblog.replay.proofs.stretches import Stretch
from joblog.replay.proofs.walking import NO_HEADS, Walk
from joblog.storage.frame import FRAME_HEAD_BYTES, split_frames
from joblog.storage.record import RecordDecoder
from joblog.storage.sha256 import BLOCK_BYTES, ResumePoint, RunningHash, finish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.replay.index.scanning import Pieces
    from joblog.replay.proofs.receipt_text import TextData
    from joblog.storage.record import Record

_HEX = ("state", "tail", "digest")


def read_stretch(fields: dict[str, Any], packed: TextData, *, is_old: bool) -> Stretch:
    """Return a stretch of a receipt.

    Args:
        fields: what the receipt says of it.
        packed: its data, packed.
        is_old: whether the receipt is of kind 1.

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
        self._point = stretch.point
        self._batch: tuple[int, list[Record]] = -1, []
        walk = Walk(stretch.point, name)
        try:
            self._data = Packed(stretch.packed, walk.take)
        except UnpackError as error:
            raise ReceiptError(f"the data of a stretch {error}") from error
        footer, digest = walk.finish(), walk.digest
        self.header = walk.header
        self.digest_hex = digest.hex()
        self.last_seq = stretch.last_seq
        if digest != stretch.digest:
            raise ReceiptError(
                f"{name} gives the digest {digest.hex()} at seq {stretch.last_seq}, "
                f"not {stretch.digest.hex()}"
            )
        self.link: bytes | None = None
        if footer is not None:
            if (footer.digest, footer.last_seq) != (digest, stretch.last_seq):
                raise ReceiptError(f"{name} ends in the footer of another segment")
            self.link = hashlib.sha256(walk.rest).digest()
        self.first_seq = walk.require_records(stretch.last_seq)
        self._starts, self._offsets = walk.starts, walk.offsets

    @property
    def seqs(self) -> Seqs:
        """The numbers of its records."""
        return Seqs([range(self.first_seq, self.last_seq + 1)])

    def digest_at(self, seq: int) -> str:
        """Return the log's digest at one of the records, in hexadecimal digits."""
        if seq == self.last_seq:
            return self.digest_hex
        number = self._number_of(seq)
        here = self._payloads(number)[: seq - self._starts[number] + 1]
        end = self._offsets[number] + sum(FRAME_HEAD_BYTES + len(each) for each in here)
        running = RunningHash(self._point)
        for piece in self._data.pieces(0, end):
            running.update(piece)
        return finish(running.point()).hex()

    def records(
        self,
        sieve: Pieces | None = None,
        seqs: Sequence[int] = (),
        from_seq: int = 1,
    ) -> Iterator[Record]:
        """Yield its records, in order.

        Args:
            sieve: which are wanted; None for all.
            seqs: which are wanted as well, in order.
            from_seq: those before it may be left out.

        Raises:
            ReceiptError: one is none.
        """
        for number, first_seq in enumerate(self._starts):
            if self._end_seq(number) <= from_seq:
                continue
            if sieve is None:
                yield from self._decode(number)
                continue
            data = self._read(number)
            end_seq = self._end_seq(number)
            here = {*seqs[bisect_left(seqs, first_seq) : bisect_left(seqs, end_seq)]}
            if here:
                yield from self._decoded(
                    [
                        payload
                        for seq, payload in enumerate(_split(data), first_seq)
                        if seq in here or sieve(payload)
                    ]
                )
            elif sieve(data):
                yield from self._decoded(sieve.sift(_split(data)))

    def _end_seq(self, number: int) -> int:
        """Return the number of the record behind a batch."""
        following = number + 1
        is_last = following == len(self._starts)
        return self.last_seq + 1 if is_last else self._starts[following]

    def record(self, seq: int) -> Record:
        """Return one of its records.

        Raises:
            ReceiptError: it is none.
        """
        number = self._number_of(seq)
        return self._decode(number)[seq - self._starts[number]]

    def _number_of(self, seq: int) -> int:
        """Return which batch has a record."""
        return bisect_right(self._starts, seq) - 1

    def _read(self, number: int) -> bytes:
        """Return the frames of a batch."""
        return self._data.read(self._offsets[number], self._offsets[number + 1])

    def _payloads(self, number: int) -> list[bytes]:
        return _split(self._read(number))

    def _decode(self, number: int) -> Sequence[Record]:
        if self._batch[0] != number:
            self._batch = number, self._decoded(self._payloads(number))
        return self._batch[1]

    def _decoded(self, payloads: list[bytes]) -> list[Record]:
        try:
            return RecordDecoder().decode_all(payloads)
        except ValueError as error:
            raise ReceiptError(f"the receipt is malformed: {error!r}") from error

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


def _split(frames: bytes) -> list[bytes]:
    return split_frames(frames, NO_HEADS, verify=False)[0]


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

    def records(
        self,
        sieve: Pieces | None = None,
        seqs: Sequence[int] = (),
        from_seq: int = 1,
    ) -> Iterator[Record]:
        """Yield the records that are wanted, in order; see `HeldStretch.records`."""
        for stretch in self._stretches:
            yield from stretch.records(sieve, seqs, from_seq)

    def stretch_of(self, seq: int) -> HeldStretch:
        """Return the stretch that holds a record."""
        return next(
            one for one in self._stretches if one.first_seq <= seq <= one.last_seq
        )
