"""Packed data: the bytes of a receipt's stretch, deflated, and read a block at a time.

A receipt of a long log holds hundreds of megabytes. They are packed while they are read
from the log, and are never in memory as a whole: what is packed goes to a spool, which
is a file where it is long. Who checks it unpacks a block of it, where the receipt lies,
and can come back to any, since the state of the unpacking is kept now and then.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.jobs.spool import Spool

_LEVEL = 1
"""The usual 6 takes three and a half times as long, and saves a seventh."""
_BLOCK_BYTES = 256 << 10
_READ_BYTES = 48 << 10
_BYTES_MAX = 1 << 30
_BLOCKS_A_PLACE = 32


class UnpackError(Exception):
    """The data is not packed as it should be; the text says why."""


class Source(Protocol):
    """Packed bytes, wherever they are."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer only at the end."""


class InMemory(NamedTuple):
    """Packed bytes that are at hand."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self.data)

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer only at the end."""
        return self.data[offset : offset + length]


class Spooled(NamedTuple):
    """Some of the bytes of a spool."""

    spool: Spool
    start: int
    size: int

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes from an offset on; fewer only at the end."""
        length = min(length, self.size - offset)
        return self.spool.read_at(length, self.start + offset)


class Packer:
    """Packs bytes as they come, into a spool that nobody else writes meanwhile."""

    def __init__(self, spool: Spool) -> None:
        """Begin with no bytes."""
        self._deflate = zlib.compressobj(_LEVEL)
        self._spool = spool
        self._start = spool.size

    def add(self, data: bytes | memoryview) -> None:
        """Take in more bytes."""
        packed = self._deflate.compress(data)
        if packed:
            self._spool.append(packed)

    def finish(self) -> Spooled:
        """Return all that came, packed."""
        self._spool.append(self._deflate.flush())
        return Spooled(self._spool, self._start, self._spool.size - self._start)


class Packed:
    """Packed bytes that can be read from anywhere.

    Attributes:
        length: how many bytes they are when they are unpacked.
    """

    def __init__(
        self, source: Source, take: Callable[[bytes], None] = lambda _: None
    ) -> None:
        """Unpack all of it once, to see that it is sound.

        Args:
            source: the bytes.
            take: is given each block, in order.

        Raises:
            UnpackError: it is not.
        """
        self._source = source
        self._places: list[tuple[int, zlib._Decompress]] = []
        self._unpacker, self._at = zlib.decompressobj(), 0
        self._number, self._block = -1, b""
        self.length = 0
        while not self.length % _BLOCK_BYTES and not self._unpacker.eof:
            if not (self._number + 1) % _BLOCKS_A_PLACE:
                self._places.append((self._at, self._unpacker.copy()))
            try:
                self._go_on()
            except zlib.error as error:
                raise UnpackError(f"cannot be unpacked: {error}") from error
            if not self._block:
                break
            take(self._block)
            self.length += len(self._block)
            if self.length > _BYTES_MAX:
                raise UnpackError("is too long")
        unpacker = self._unpacker
        if unpacker.unused_data or self._at < source.size or not unpacker.eof:
            raise UnpackError("has a rest, or is cut")

    def _go_on(self) -> None:
        """Unpack the next block."""
        unpacker = self._unpacker
        pieces: list[bytes] = []
        room = _BLOCK_BYTES
        while room and not unpacker.eof:
            given = unpacker.unconsumed_tail
            if not given:
                given = self._source.read_at(_READ_BYTES, self._at)
                self._at += len(given)
            piece = unpacker.decompress(given, room)
            if not piece and not given:
                break
            pieces.append(piece)
            room -= len(piece)
        self._number += 1
        self._block = b"".join(pieces)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from one place to another; fewer only at the end."""
        return b"".join(self.pieces(start, end))

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from one place to another, as they lie in blocks."""
        end = min(end, self.length)
        while start < end:
            number, offset = divmod(start, _BLOCK_BYTES)
            piece = self._read_block(number)[offset : offset + end - start]
            yield piece
            start += len(piece)

    def _read_block(self, number: int) -> bytes:
        place = number // _BLOCKS_A_PLACE
        is_behind = number < self._number
        if is_behind or place > max(self._number, 0) // _BLOCKS_A_PLACE:
            self._at, unpacker = self._places[place]
            self._unpacker = unpacker.copy()
            self._number = place * _BLOCKS_A_PLACE - 1
        while self._number < number:
            self._go_on()
        return self._block
