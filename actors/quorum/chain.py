"""The chain: messages of a stream, each of which has to follow the one before it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.actors.quorum.parcels import (
    Kind,
    Packer,
    Parcel,
    Position,
    StreamDamagedError,
)
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.folder import require_link
from joblog.storage.frame import FrameHeads, count_in_sequence, split_frames
from joblog.storage.segment import (
    FOOTER_BYTES,
    SegmentHeader,
    decode_footer,
    decode_header,
)

if TYPE_CHECKING:
    from joblog.storage.segment import SegmentHash


class Group(NamedTuple):
    """What a reader may append to its files: it is whole, and it is the log's.

    Attributes:
        kind: what it is.
        data: the bytes.
        last_seq: the last record up to its end.
    """

    kind: Kind
    data: bytes
    last_seq: int


class Chain:
    """Reads parcels, one behind the other, and believes none that does not follow.

    Attributes:
        epoch: the highest that was seen.
        last_seq: the last record of the last whole group.
    """

    def __init__(
        self,
        header: SegmentHeader,
        position: Position,
        running: SegmentHash,
        epoch: int,
        last_seq: int,
    ) -> None:
        """Go on behind a place of the log that is known; see `Packer`.

        Args:
            header: of the segment where the log stands.
            position: where it stands.
            running: SHA-256 of the segment up to there.
            epoch: that of the parcel that ends there.
            last_seq: and its last record.
        """
        self.epoch = epoch
        self.last_seq = last_seq
        self._header = header
        self._heads = FrameHeads(header.salt)
        self._position = position
        self._running = running.copy()
        self._pieces: list[Parcel] = []

    @property
    def position(self) -> Position:
        """Where the log stands behind the last whole group."""
        return self._position

    @property
    def salt(self) -> int:
        """That of the segment where the log stands: checksums of frames start there."""
        return self._header.salt

    def require_at(self, last_seq: int, digest: str) -> None:
        """Check that a log stands where this does.

        Raises:
            StorageError: it does not.
        """
        mine = self._running.hexdigest()
        if (last_seq, digest) != (self.last_seq, mine):
            raise StorageError(
                f"the log stands at record {last_seq}, digest {digest}, and the stream "
                f"at {self.last_seq}, {mine}"
            )

    def packer(self, writer: bytes) -> Packer:
        """Return what goes on there."""
        return Packer(self._header, self._position, self._running, self.epoch, writer)

    def take(self, parcel: Parcel, place: str) -> Group | None:
        """Take the next parcel; return a group where that is whole by it.

        Raises:
            StreamDamagedError: it does not follow.
        """
        if parcel.log_id != self._header.log_id:
            raise StreamDamagedError(
                f"{place}: of another log, {parcel.log_id.hex()}, behind messages of "
                f"{self._header.log_id.hex()}"
            )
        is_higher = parcel.epoch > self.epoch
        is_claim = parcel.kind is Kind.CLAIM
        is_lower = parcel.epoch < self.epoch
        if is_lower or is_higher != is_claim or parcel.kind is Kind.BEGIN:
            raise StreamDamagedError(
                f"{place}: a message of kind {parcel.kind.name} and epoch "
                f"{parcel.epoch} behind one of epoch {self.epoch}"
            )
        if is_higher:
            self._pieces.clear()  # what its writer did not get to the end of
        self.epoch = parcel.epoch
        self._pieces.append(parcel)
        self._require_next(place)
        if parcel.has_more:
            return None
        return self._close(place)

    def _require_next(self, place: str) -> None:
        """Check where the newest piece stands."""
        offset = self._position.offset + sum(len(one.data) for one in self._pieces[:-1])
        expected = self._position._replace(offset=offset)
        found = self._pieces[-1].start
        if found != expected:
            raise StreamDamagedError(
                f"{place}: it is for byte {found.offset} of segment {found.first_seq}, "
                f"but byte {expected.offset} of segment {expected.first_seq} comes "
                "next: messages are missing, or come twice"
            )

    def _close(self, place: str) -> Group:
        """Check a group that is whole, and go on behind it."""
        pieces, self._pieces = self._pieces, []
        last = pieces[-1]
        data = b"".join(one.data for one in pieces)
        running, header = self._running.copy(), self._header
        if last.kind is Kind.SEAL:
            header = self._read_seal(data, running.digest(), place)
            running = hashlib.sha256(data[FOOTER_BYTES:])
        else:
            running.update(data)
            self._require_frames(data, last.last_seq, place)
        if running.digest() != last.digest:
            raise StreamDamagedError(
                f"{place}: the digest up to it is {running.hexdigest()}, and it says "
                f"{last.digest.hex()}"
            )
        if header is not self._header:
            self._header, self._heads = header, FrameHeads(header.salt)
        self._running, self._position = running, last.end
        self.last_seq = last.last_seq
        return Group(last.kind, data, last.last_seq)

    def _require_frames(self, data: bytes, last_seq: int, place: str) -> None:
        payloads, used = split_frames(data, self._heads)
        is_whole = used == len(data) and bool(payloads)
        first_seq = last_seq - len(payloads)
        if not is_whole or count_in_sequence(payloads, first_seq) != len(payloads):
            raise StreamDamagedError(f"{place}: it holds no whole, sound records")
        if self.last_seq != first_seq:
            raise StreamDamagedError(
                f"{place}: its first record is {first_seq + 1}, and the one before it "
                f"was {self.last_seq}"
            )

    def _read_seal(self, data: bytes, digest: bytes, place: str) -> SegmentHeader:
        """Return the header behind a seal that fits."""
        footer = decode_footer(data, self._header.salt)
        if footer is None or footer.digest != digest:
            raise StreamDamagedError(f"{place}: the seal does not fit its segment")
        path = Path(place)
        try:
            header = decode_header(data[FOOTER_BYTES:], path)
            require_link(self._header, footer, header, path)
        except CorruptLogError as error:
            raise StreamDamagedError(
                f"{place}: the next segment's header does not fit: {error}"
            ) from error
        return header
