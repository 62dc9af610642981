"""Packed data: the bytes of a receipt's stretch, deflated, and read a block at a time.

A receipt of a long log holds a hundred megabytes. They are packed while they are read
from the log, and are never there as a whole: who checks it unpacks a block of them,
and can come back to any, since the state of the unpacking before each is kept.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEVEL = 6
_BLOCK_BYTES = 1 << 20
_READ_BYTES = 64 << 10
_BYTES_MAX = 1 << 30


class UnpackError(Exception):
    """The data is not packed as it should be; the text says why."""


class Packer:
    """Packs bytes as they come."""

    def __init__(self) -> None:
        """Begin with no bytes."""
        self._deflate = zlib.compressobj(_LEVEL)
        self._pieces: list[bytes] = []

    def add(self, data: bytes | memoryview) -> None:
        """Take in more bytes."""
        self._pieces.append(self._deflate.compress(data))

    def finish(self) -> bytes:
        """Return all that came, packed."""
        return b"".join([*self._pieces, self._deflate.flush()])


def pack(data: bytes) -> bytes:
    """Return bytes packed."""
    packer = Packer()
    packer.add(data)
    return packer.finish()


class Packed:
    """Packed bytes that can be read from anywhere.

    Attributes:
        length: how many bytes they are when they are unpacked.
    """

    def __init__(self, data: bytes) -> None:
        """Unpack all of it once, to see that it is sound.

        Raises:
            UnpackError: it is not.
        """
        self._data = data
        self._places: list[tuple[int, zlib._Decompress]] = []
        self.length = 0
        unpacker, at = zlib.decompressobj(), 0
        while not self.length % _BLOCK_BYTES and not unpacker.eof:
            self._places.append((at, unpacker.copy()))
            try:
                block, at = self._unpack(unpacker, at)
            except zlib.error as error:
                raise UnpackError(f"cannot be unpacked: {error}") from error
            if not block:
                break
            self._number, self._block = len(self._places) - 1, block
            self.length += len(block)
            if self.length > _BYTES_MAX:
                raise UnpackError("is too long")
        if unpacker.unused_data or at < len(data) or not unpacker.eof:
            raise UnpackError("has a rest, or is cut")

    def _unpack(self, unpacker: zlib._Decompress, at: int) -> tuple[bytes, int]:
        """Return the next block, and how much of the packed data it took."""
        pieces: list[bytes] = []
        room = _BLOCK_BYTES
        while room and not unpacker.eof:
            given = unpacker.unconsumed_tail
            if not given:
                given = self._data[at : at + _READ_BYTES]
                at += len(given)
            piece = unpacker.decompress(given, room)
            if not piece and not given:
                break
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces), at

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
        if number != self._number:
            at, unpacker = self._places[number]
            self._block, _ = self._unpack(unpacker.copy(), at)
            self._number = number
        return self._block
