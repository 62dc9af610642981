"""Packed segments: a sealed segment, compressed, under the same name.

    +--------+-------+-------+-- ... --+-------+
    | header | chunk | chunk |         | index |
    +--------+-------+-------+-- ... --+-------+

Header, 32 bytes, little-endian:

     0  magic            8   89 "JOBLOGZ"
     8  format version   4   1, or 2 where there is a table
    12  chunk bytes      4   of the segment in each chunk, less in the last
    16  size             8   of the segment, in bytes
    24  table bytes      4   how long the table is; 0 for none
    28  crc32            4   of the 28 bytes before

A chunk is a zlib stream. The index has for each chunk where it ends in the file, 8
bytes, and its crc32, 4 bytes; and 4 bytes at the end, the crc32 of all that. Offsets
and digests of a segment are always those of its bytes before they were packed: what
reads segments reads both forms through `SegmentFile`. Between the chunks and the index
a redacted segment has its table (see `redaction`), the last 4 bytes of it its crc32.
"""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from struct import Struct
from typing import TYPE_CHECKING, Protocol

from joblog.storage.checksums import crc32
from joblog.storage.errors import CorruptLogError, NewerFormatError, StorageError
from joblog.storage.filesystem import sync_file, sync_names, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

PACKED_MAGIC = b"\x89JOBLOGZ"
PACKED_VERSION = 2
PACKED_HEADER_BYTES = 32
PACKED_CHUNK_BYTES = 256 * 1024

_HEADER = Struct("<8sIIQI")
_CHECKSUM = Struct("<I")
_ENTRY = Struct("<QI")
_LEVEL = 6
_WITHOUT_TABLE = 1


class Bytes(Protocol):
    """What is packed: some bytes that are read by their offset."""

    def size(self) -> int:
        """Return how many there are."""

    def read_at(self, length: int, offset: int) -> bytes:
        """Return up to `length` of them; fewer only at the end."""


class SegmentFile:
    """A segment's bytes, whether it is packed or not.

    Attributes:
        is_packed: whether it is.
    """

    def __init__(self, filesystem: FileSystem, path: Path) -> None:
        """Open a segment.

        Raises:
            CorruptLogError: it is packed, and what says so is not sound.
            NewerFormatError: it is packed in a way that is newer than this program.
            OSError: the file cannot be read.
        """
        self._filesystem = filesystem
        self._path = path
        self._file = filesystem.open_to_read(path)
        self.is_packed = False
        self._size = self._chunk_bytes = 0
        self._ends: list[int] = []
        self._checksums: list[int] = []
        self._chunk_at, self._chunk = -1, b""
        self._table_at = self._table_bytes = 0
        try:
            self._start = filesystem.read_at(self._file, PACKED_HEADER_BYTES, 0)
            if self._start.startswith(PACKED_MAGIC):
                self._read_index()
        except BaseException:
            filesystem.close(self._file)
            raise

    def size(self) -> int:
        """Return how long the segment is now, in bytes."""
        if self.is_packed:
            return self._size
        return self._filesystem.size(self._file)

    def size_on_disk(self) -> int:
        """Return how long the file is now, in bytes."""
        return self._filesystem.size(self._file)

    def read_at(self, length: int, offset: int) -> bytes:
        """Return up to `length` bytes of the segment; fewer only at its end.

        Raises:
            CorruptLogError: a packed chunk is damaged.
        """
        if not self.is_packed:
            return self._filesystem.read_at(self._file, length, offset)
        end = min(offset + length, self._size)
        pieces = []
        while offset < end:
            number, start = divmod(offset, self._chunk_bytes)
            piece = self._unpack(number)[start : start + end - offset]
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def read_table(self) -> bytes:
        """Return the table of a redacted segment; b"" where it is none.

        Raises:
            CorruptLogError: the table is damaged.
        """
        if not self._table_bytes:
            return b""
        data = self._filesystem.read_at(self._file, self._table_bytes, self._table_at)
        if data[-4:] != _CHECKSUM.pack(crc32(data[:-4])):
            raise self._damaged(self._table_at, "the table")
        return data[:-4]

    def close(self) -> None:
        """Close the file."""
        self._filesystem.close(self._file)

    def _read_index(self) -> None:
        start = self._start
        version = int.from_bytes(start[8:12], "little")
        if version > PACKED_VERSION:
            raise NewerFormatError(
                f"{self._path}: packed in format version {version}, and this program "
                f"knows versions up to {PACKED_VERSION}; open the log with the newer "
                f"program that packed it"
            )
        body, checksum = start[:-4], start[-4:]
        if checksum != _CHECKSUM.pack(crc32(body)):
            raise self._damaged(0, "the header")
        fields = _HEADER.unpack(body)
        _, _, self._chunk_bytes, self._size, self._table_bytes = fields
        if (version == _WITHOUT_TABLE) != (not self._table_bytes):
            raise self._damaged(24, "the length of the table")
        chunks = -(-self._size // self._chunk_bytes)
        length = chunks * _ENTRY.size
        place = self.size_on_disk() - length - 4
        index = self._filesystem.read_at(self._file, length + 4, place)
        is_sound = index[length:] == _CHECKSUM.pack(crc32(index[:length]))
        if not is_sound:
            raise self._damaged(place, "the index")
        for end, chunk_checksum in _ENTRY.iter_unpack(index[:length]):
            self._ends.append(end)
            self._checksums.append(chunk_checksum)
        self._table_at = place - self._table_bytes
        if [PACKED_HEADER_BYTES, *self._ends][-1] != self._table_at:
            raise self._damaged(place, "the index")
        self.is_packed = True

    def _unpack(self, number: int) -> bytes:
        """Return a chunk's bytes; the last one that was asked for is kept."""
        if number != self._chunk_at:
            start = self._ends[number - 1] if number else PACKED_HEADER_BYTES
            length = self._ends[number] - start
            data = self._filesystem.read_at(self._file, length, start)
            expected = min(self._chunk_bytes, self._size - number * self._chunk_bytes)
            if crc32(data) != self._checksums[number]:
                raise self._damaged(start, "a chunk")
            try:
                self._chunk = zlib.decompress(data)
            except zlib.error as error:
                raise self._damaged(start, f"a chunk ({error})") from error
            if len(self._chunk) != expected:
                raise self._damaged(start, "the length of a chunk")
            self._chunk_at = number
        return self._chunk

    def _damaged(self, offset: int, what: str) -> CorruptLogError:
        return CorruptLogError(
            f"{self._path}: packed segment: at byte {offset}: {what} is damaged; "
            f"run 'replay repair {self._path.parent.parent}'"
        )


def is_packed(filesystem: FileSystem, path: Path) -> bool:
    """Say whether a segment is packed already.

    Raises:
        CorruptLogError: it is, and what says so is not sound.
        OSError: the file cannot be read.
    """
    segment = SegmentFile(filesystem, path)
    segment.close()
    return segment.is_packed


def pack_segment(filesystem: FileSystem, path: Path) -> int:
    """Pack a sealed segment, which keeps its name; one that is packed stays as it is.

    The packed file takes the other's place in one step, once it is durable and was read
    back: a crash leaves the one or the other, and perhaps a file that is no segment.

    Returns:
        How long the file is now, in bytes.

    Raises:
        OSError: the disk refused; the segment is as it was.
        SyncFailedError: the disk refused to make it durable.
        CorruptLogError: what was packed does not read back as the same bytes.
    """
    source = SegmentFile(filesystem, path)
    try:
        if source.is_packed:
            return source.size_on_disk()
        temporary = path.with_name(f"{path.name}.packed-new")
        size = write_packed(filesystem, source, temporary)
    finally:
        source.close()
    filesystem.rename(temporary, path)
    sync_names(filesystem, path.parent)
    return size


def write_packed(
    filesystem: FileSystem, source: Bytes, temporary: Path, table: bytes = b""
) -> int:
    """Write bytes in packed form to a file, durably, and read them back.

    Args:
        filesystem: the door to the disk.
        source: the bytes.
        temporary: the file; a leftover of that name goes.
        table: the table of a redacted segment; b"" for none.

    Returns:
        How long the file is, in bytes.

    Raises:
        OSError: the disk refused; nothing of it is left, as far as that could be.
        SyncFailedError: the disk refused to make it durable.
        CorruptLogError: it does not read back as the same bytes.
    """
    if temporary.name in filesystem.listdir(temporary.parent):
        filesystem.unlink(temporary)
    digest = _write_packed(filesystem, source, temporary, table)
    packed = SegmentFile(filesystem, temporary)
    try:
        if _digest_of(packed) != digest or packed.read_table() != table:
            raise CorruptLogError(
                f"{temporary}: packing gave other bytes; the segment stays as it was"
            )
        return packed.size_on_disk()
    finally:
        packed.close()


def _write_packed(
    filesystem: FileSystem, source: Bytes, path: Path, table: bytes
) -> bytes:
    """Write the packed form of some bytes, durably; return SHA-256 of them."""
    size = source.size()
    tail = table and table + _CHECKSUM.pack(crc32(table))
    version = PACKED_VERSION if table else _WITHOUT_TABLE
    body = _HEADER.pack(PACKED_MAGIC, version, PACKED_CHUNK_BYTES, size, len(tail))
    head = body + _CHECKSUM.pack(crc32(body))
    digest = hashlib.sha256()
    index = b""
    end = len(head)
    file = filesystem.create(path)
    try:
        write_all(filesystem, file, head)
        for offset in range(0, size, PACKED_CHUNK_BYTES):
            data = source.read_at(min(PACKED_CHUNK_BYTES, size - offset), offset)
            digest.update(data)
            packed = zlib.compress(data, _LEVEL)
            write_all(filesystem, file, packed)
            end += len(packed)
            index += _ENTRY.pack(end, crc32(packed))
        index += _CHECKSUM.pack(crc32(index))
        write_all(filesystem, file, tail + index)
        sync_file(filesystem, file, path)
    except (OSError, StorageError):
        # Half a file may be what fills the disk.
        with contextlib.suppress(OSError):
            filesystem.unlink(path)
        raise
    finally:
        filesystem.close(file)
    return digest.digest()


def _digest_of(segment: SegmentFile) -> bytes:
    digest = hashlib.sha256()
    size = segment.size()
    for offset in range(0, size, PACKED_CHUNK_BYTES):
        digest.update(segment.read_at(PACKED_CHUNK_BYTES, offset))
    return digest.digest()
