"""Parcels: what the messages of a stream hold, and what makes them a log.

    +--------+------ ... ------+
    | front  | bytes of a log  |
    +--------+------ ... ------+

The front, 128 bytes, little-endian:

      0  magic            8   "JOBLOG" 0a 51
      8  format           4   1
     12  kind             2   see `Kind`
     14  more follows     2   1: the next parcel goes on with the same group
     16  epoch            8   the writer's term; a CLAIM begins a higher one
     24  log id          16
     40  writer          16   random, one for each run of a server
     56  first seq        8   the segment that the bytes lie in
     64  offset           8   where in it
     72  last seq         8   the last record up to their end
     80  digest          32   SHA-256 of the segment up to their end
    112  reserved        12   0
    124  crc32            4   of the front before, and of the bytes

The bytes are those of the segments, as they are (docs/log-format.md): frames, or a
footer with the header of the segment behind it. A header holds the digest of all before
it, so one parcel's digest stands for the whole history.

A group that a claim cut short is no part of the log.
"""

from __future__ import annotations

import hashlib
from enum import IntEnum
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from joblog.storage.errors import StorageError
from joblog.storage.segment import (
    FOOTER_BYTES,
    HEADER_BYTES,
    SegmentHeader,
)

if TYPE_CHECKING:
    from joblog.storage.segment import SegmentHash

FORMAT: Final = 1
FRONT_BYTES: Final = 128

_MAGIC: Final = b"JOBLOG\nQ"
_FRONT: Final = Struct("<8sIHHQ16s16sQQQ32s12x")


class StreamDamagedError(StorageError):
    """The stream holds what no server of this log has put there."""


class Kind(IntEnum):
    """What the bytes of a parcel are."""

    BEGIN = 1
    """The header of a log's first segment; or none: the stream begins later."""

    FRAMES = 2
    """Frames of records."""

    SEAL = 3
    """The footer of a segment, and the header of the next."""

    CLAIM = 4
    """A frame: the record by which a writer begins an epoch."""


class Position(NamedTuple):
    """A place in a log: a segment, by its first number, and a byte of it."""

    first_seq: int
    offset: int


class Parcel(NamedTuple):
    """One message of a stream; see above."""

    kind: Kind
    has_more: bool
    epoch: int
    log_id: bytes
    writer: bytes
    start: Position
    last_seq: int
    digest: bytes
    data: bytes

    @property
    def end(self) -> Position:
        """Where the log stands behind it."""
        if self.kind is Kind.SEAL:
            return Position(self.last_seq + 1, HEADER_BYTES)
        return Position(self.start.first_seq, self.start.offset + len(self.data))


def encode_parcel(parcel: Parcel) -> bytes:
    """Return the bytes of a message."""
    front = _FRONT.pack(
        _MAGIC,
        FORMAT,
        parcel.kind,
        parcel.has_more,
        parcel.epoch,
        parcel.log_id,
        parcel.writer,
        *parcel.start,
        parcel.last_seq,
        parcel.digest,
    )
    checksum = crc32(parcel.data, crc32(front))
    return b"".join((front, checksum.to_bytes(4, "little"), parcel.data))


def decode_parcel(message: bytes, place: str) -> Parcel:
    """Decode a message.

    Args:
        message: its bytes.
        place: which message it is, for the text of an error.

    Raises:
        StreamDamagedError: it is no sound parcel.
    """
    if not message.startswith(_MAGIC):
        raise StreamDamagedError(
            f"{place}: this is no message of a joblog: the stream is used for "
            "something else, or is damaged"
        )
    newer = int.from_bytes(message[8:12], "little")
    if newer > FORMAT:
        raise StreamDamagedError(
            f"{place}: format {newer}, and this program knows {FORMAT}: start the "
            "newer program that wrote it"
        )
    front, data = message[: FRONT_BYTES - 4], message[FRONT_BYTES:]
    found = int.from_bytes(message[FRONT_BYTES - 4 : FRONT_BYTES], "little")
    if len(message) < FRONT_BYTES or found != crc32(data, crc32(front)):
        raise StreamDamagedError(f"{place}: its checksum is wrong")
    _, _, kind, more, epoch, log_id, writer, first, offset, last, digest = (
        _FRONT.unpack(front)
    )
    if kind not in set(Kind):
        raise StreamDamagedError(f"{place}: of kind {kind}, which there is not")
    return Parcel(
        Kind(kind),
        bool(more),
        epoch,
        log_id,
        writer,
        Position(first, offset),
        last,
        digest,
        data,
    )


class Packer:
    """Makes parcels of what a log writes, in order."""

    def __init__(
        self,
        header: SegmentHeader,
        position: Position,
        running: SegmentHash,
        epoch: int,
        writer: bytes,
    ) -> None:
        """Go on where a log stands.

        Args:
            header: of the open segment.
            position: its end.
            running: SHA-256 of its bytes.
            epoch: the epoch that is claimed.
            writer: see above.
        """
        self.epoch = epoch
        self._log_id = header.log_id
        self._writer = writer
        self._position = position
        self._running = running.copy()

    def begin(self, header: bytes, last_seq: int) -> Parcel:
        """Return the parcel that a stream begins with.

        Args:
            header: of the first segment, where that is all there is of the log.
            last_seq: the last record of the log.
        """
        start = Position(self._position.first_seq, 0) if header else self._position
        return self._make(Kind.BEGIN, start, header, last_seq)

    def pack(
        self, kind: Kind, data: bytes, last_seq: int, bytes_max: int
    ) -> list[Parcel]:
        """Return parcels of what was written, each no longer than a message may be.

        Args:
            kind: what it is.
            data: its bytes.
            last_seq: the last record up to its end.
            bytes_max: so many bytes fit into a message.
        """
        room = bytes_max - FRONT_BYTES
        pieces = [data[at : at + room] for at in range(0, len(data), room)]
        made: list[Parcel] = []
        for place, piece in enumerate(pieces):
            start = self._position
            if kind is Kind.SEAL:
                self._running = hashlib.sha256(piece[FOOTER_BYTES:])
                self._position = Position(last_seq + 1, HEADER_BYTES)
            else:
                self._running.update(piece)
                self._position = start._replace(offset=start.offset + len(piece))
            more = place < len(pieces) - 1
            made.append(self._make(kind, start, piece, last_seq, has_more=more))
        return made

    def _make(
        self,
        kind: Kind,
        start: Position,
        data: bytes,
        last_seq: int,
        *,
        has_more: bool = False,
    ) -> Parcel:
        return Parcel(
            kind,
            has_more,
            self.epoch,
            self._log_id,
            self._writer,
            start,
            last_seq,
            self._running.digest(),
            data,
        )
