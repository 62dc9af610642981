"""Parts: the files of the index. One part covers a section of one segment.

    header, 256 bytes     what it covers, and what it is bound to (see `PartHeader`)
    checksums             crc32 of each page of the body, 4 bytes each
    body
      chunks              for each (number, offset) of its first record, relative
      directory           2^bits + 1 places in the entries
      entries             hash << 16 | chunk, sorted within a place of the directory

A *chunk* is up to 256 records. A mark (see `marks`) is hashed with crc32: its first
`bits` bits choose the place in the directory, its last 16 stand in the entry. Two marks
with one hash cost a look into a chunk for nothing, and no more.

All numbers are 32 bits wide in the machine's own order, so that a file can be mapped
and used as it is. A file of another order, version or shape counts as missing. A page
is compared with its checksum when it is first used.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from contextlib import contextmanager
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

SUFFIX = ".idx"

_MAGIC = 0x58444A89
_VERSION = 1
_HEADER_BYTES = 256
_PAGE_BYTES = 4096
_WORDS_A_PAGE = _PAGE_BYTES // 4
_ENTRIES_A_PLACE = 8
_BITS_MAX = 16
_LOW_BITS = 0xFFFF
_FIELDS = Struct("=II QQQQQQQ 8s 32s 32s IIII")
_NAME = re.compile(r"([0-9]{20})-([0-9]{20})" + re.escape(SUFFIX))


class DamagedPartError(Exception):
    """A file of the index is not what was written; it has to count as missing."""


@contextmanager
def opened(filesystem: FileSystem, path: Path) -> Iterator[int]:
    """Open a file of the index to read.

    Raises:
        DamagedPartError: it is encrypted, and not with this key.
        OSError: it cannot be opened.
    """
    try:
        file = filesystem.open_to_read(path)
    except StorageError as error:
        raise DamagedPartError(str(error)) from error
    try:
        yield file
    finally:
        filesystem.close(file)


class PartHeader(NamedTuple):
    """What a part covers, and by what its log is known again.

    Attributes:
        first_seq: the number of the first record that it covers.
        last_seq: the number of the last.
        start: where in the segment the first frame starts, in bytes.
        end: where the last one ends.
        first_at_ms: the time of the first record.
        last_at_ms: the time of the last.
        last_frame: where the last frame starts.
        last_head: that frame's length and checksum, as they lie in the segment.
        start_digest: SHA-256 of the segment's bytes before `start`.
        end_digest: SHA-256 of its bytes before `end`. In a sealed segment the last
            part's is the one in the footer.
    """

    first_seq: int
    last_seq: int
    start: int
    end: int
    first_at_ms: int
    last_at_ms: int
    last_frame: int
    last_head: bytes
    start_digest: bytes
    end_digest: bytes


class Chunk(NamedTuple):
    """A run of records that lie together.

    Attributes:
        first_seq: the number of the first.
        end_seq: the number after the last.
        start: where in the segment the first frame starts.
        end: where the last one ends.
    """

    first_seq: int
    end_seq: int
    start: int
    end: int


def part_name(first_seq: int, last_seq: int) -> str:
    """Return the file name of a part."""
    return f"{first_seq:020d}-{last_seq:020d}{SUFFIX}"


def parse_part_name(name: str) -> tuple[int, int] | None:
    """Return the numbers of the first and last record in a part's file name."""
    match = _NAME.fullmatch(name)
    return None if match is None else (int(match[1]), int(match[2]))


def encode_part(
    header: PartHeader,
    chunks: Sequence[tuple[int, int]],
    marks: Iterable[tuple[int, Iterable[bytes]]],
) -> bytes:
    """Return the bytes of a part.

    Args:
        header: what it covers.
        chunks: for each the number of its first record and its offset, and one more
            for the end: (last_seq + 1, end).
        marks: (chunk, its marks), for each.
    """
    pairs = [
        value << 16 | chunk
        for chunk, of_chunk in marks
        for value in set(map(crc32, of_chunk))
    ]
    pairs.sort()
    bits = min(_BITS_MAX, max(0, (len(pairs) // _ENTRIES_A_PLACE).bit_length()))
    shift = 48 - bits
    body = array("I")
    for seq, offset in chunks:
        body.append(seq - header.first_seq)
        body.append(offset - header.start)
    place = 0
    for number in range(1 << bits):
        place = bisect_left(pairs, number << shift, place)
        body.append(place)
    body.append(len(pairs))
    body.extend([pair & 0xFFFFFFFF for pair in pairs])
    return _assemble(header, body, len(chunks) - 1, bits, len(pairs))


def _assemble(
    header: PartHeader, body: array[int], chunks: int, bits: int, entries: int
) -> bytes:
    data = body.tobytes()
    checksums = array(
        "I",
        [
            crc32(data[start : start + _PAGE_BYTES])
            for start in range(0, len(data), _PAGE_BYTES)
        ],
    ).tobytes()
    front = _FIELDS.pack(
        _MAGIC, _VERSION, *header, chunks, bits, entries, crc32(checksums)
    ).ljust(_HEADER_BYTES - 4, b"\0")
    return b"".join((front, array("I", [crc32(front)]).tobytes(), checksums, data))


class Part:
    """One file of the index, of which pages are read once they are asked for.

    Attributes:
        header: what it covers.
        chunk_count: how many chunks it has.
    """

    def __init__(self, path: Path, filesystem: FileSystem) -> None:
        """Look at a file.

        Args:
            path: the file.
            filesystem: the door to the disk.

        Raises:
            DamagedPartError: it is no whole part that this program can use.
            OSError: it cannot be read.
        """
        self._path = path
        self._filesystem = filesystem
        with opened(filesystem, path) as file:
            self._size = filesystem.size(file)
            if self._size <= _HEADER_BYTES:
                raise self._damage()
            front = filesystem.read_at(file, _HEADER_BYTES, 0)
            magic, version, *fields = _FIELDS.unpack_from(front)
            checksum = array("I", [crc32(front[:-4])]).tobytes()
            if (magic, version) != (_MAGIC, _VERSION) or front[-4:] != checksum:
                raise self._damage()
            *covered, self.chunk_count, self._bits, entries, pages_crc = fields
            self.header = PartHeader(*covered)
            self._directory = 2 * (self.chunk_count + 1)
            self._entries = self._directory + (1 << self._bits) + 1
            words = self._entries + entries
            self._start = _HEADER_BYTES + 4 * -(-words // _WORDS_A_PAGE)
            if self._size != self._start + 4 * words:
                raise self._damage()
            length = self._start - _HEADER_BYTES
            checksums = filesystem.read_at(file, length, _HEADER_BYTES)
        if crc32(checksums) != pages_crc:
            raise self._damage()
        self._checksums = memoryview(checksums).cast("I")
        self._pages: dict[int, memoryview] = {}

    def _page(self, number: int) -> memoryview:
        """Return the numbers of one page of the body, once it is known to be sound.

        Only the pages that are asked for are read: a map of the file would hold much
        around each of them, of each of a long log's many parts.

        Raises:
            DamagedPartError: it is not what was written, or there no more.
        """
        found = self._pages.get(number)
        if found is None:
            offset = self._start + number * _PAGE_BYTES
            try:
                with opened(self._filesystem, self._path) as file:
                    data = self._filesystem.read_at(file, _PAGE_BYTES, offset)
            except OSError as error:
                raise self._damage() from error
            if crc32(data) != self._checksums[number]:
                raise self._damage()
            found = self._pages[number] = memoryview(data).cast("I")
        return found

    def find_chunks(self, marks: Iterable[bytes]) -> list[int]:
        """Return the chunks that may have all of some marks; every one for none.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        found: set[int] | None = None
        for mark in marks:
            chunks = self._find(crc32(mark))
            found = chunks if found is None else found & chunks
            if not found:
                return []
        return list(range(self.chunk_count)) if found is None else sorted(found)

    def _find(self, value: int) -> set[int]:
        place = self._directory + (value >> (32 - self._bits))
        start, end = self._read(place, place + 2)
        low = value & _LOW_BITS
        entries = self._read(self._entries + start, self._entries + end)
        return {entry & _LOW_BITS for entry in entries if entry >> 16 == low}

    def chunk(self, number: int) -> Chunk:
        """Return where a chunk lies.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        seq, start, end_seq, end = self._read(2 * number, 2 * number + 4)
        first_seq, offset = self.header.first_seq, self.header.start
        return Chunk(first_seq + seq, first_seq + end_seq, offset + start, offset + end)

    def chunk_of(self, seq: int) -> int:
        """Return the chunk that has a record which the part covers.

        Raises:
            DamagedPartError: a page is not what was written.
        """
        low, high = 0, self.chunk_count - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.chunk(middle).first_seq <= seq:
                low = middle
            else:
                high = middle - 1
        return low

    def _read(self, start: int, end: int) -> Sequence[int]:
        """Return numbers of the body, once their pages are known to be sound."""
        first, place = divmod(start, _WORDS_A_PAGE)
        length = end - start
        if place + length <= _WORDS_A_PAGE:
            return self._page(first)[place : place + length] if length else ()
        found: list[int] = []
        for number in range(first, -(-end // _WORDS_A_PAGE)):
            found.extend(self._page(number))
        return found[place : place + length]

    def _damage(self) -> DamagedPartError:
        return DamagedPartError(f"{self._path}: not a sound part of an index")
