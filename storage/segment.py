"""Segments: one file of the log, from its header to its footer.

    +--------+-------+-------+-- ... --+--------+
    | header | frame | frame |         | footer |
    +--------+-------+-------+-- ... --+--------+

Header, 96 bytes, little-endian:

     0  magic            8   89 "JOBLOG" 0a
     8  format version   4   1
    12  header length    4   96
    16  first seq        8   the number of the first record; the file's name too
    24  created at       8   ms; no record here is earlier, none before it later
    32  epoch            8   the writer's term; never lower than the segment before
    40  log id          16   the same in every segment of one log, random
    56  digest          32   SHA-256 of the footer of the segment before, or zeroes
    88  reserved         4   0
    92  crc32            4   of the 92 bytes before; the *salt* of all below

Footer, 84 bytes, only in a sealed segment:

     0  mark             8   ff ff ff ff "SEAL": no frame is that long
     8  last seq         8
    16  sealed at        8   ms
    24  digest          32   SHA-256 of the file's bytes before the footer
    56  keyspace digest 20   the server's own digest of the state after last seq
    76  its length       4   20, or 0 where the server gave none
    80  crc32            4   of the salt (as the start value) and the 80 bytes before

So history is one chain: a header holds the hash of the footer before, which holds
the hash of the segment before, which starts with a header. One digest proves all.
"""

from __future__ import annotations

import hashlib
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zlib import crc32

from joblog.storage.encrypted import require_plain
from joblog.storage.errors import CorruptLogError, NewerFormatError
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    FrameHeads,
    frame_bytes_at,
    split_frames,
)
from joblog.storage.packing import SegmentFile
from joblog.storage.redaction import RedactedHash, Table, decode_table

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

FORMAT_VERSION = 1
HEADER_BYTES = 96
FOOTER_BYTES = 84
LOG_ID_BYTES = 16
NO_DIGEST = bytes(32)
CHUNK_BYTES = 256 * 1024

SegmentHash: TypeAlias = "hashlib._Hash | RedactedHash"  # noqa: SLF001
"""The running SHA-256 of a segment's bytes as they were written."""

_MAGIC = b"\x89JOBLOG\n"
FOOTER_MARK = b"\xff\xff\xff\xffSEAL"
_KEYSPACE_DIGEST_BYTES = 20
_HEADER = Struct("<8sIIQQQ16s32sI")
_FOOTER = Struct("<8sQQ32s20sI")
_CHECKSUM = Struct("<I")


class SegmentHeader(NamedTuple):
    """What a segment says of itself at its start.

    Attributes:
        first_seq: the number of its first record.
        created_at_ms: no record in it is earlier, none before it is later.
        epoch: the writer's term.
        log_id: 16 bytes, the same in every segment of one log.
        previous_digest: SHA-256 of the footer before; zeroes in a log's first.
        salt: the header's checksum, from which those of its frames start.
    """

    first_seq: int
    created_at_ms: int
    epoch: int
    log_id: bytes
    previous_digest: bytes
    salt: int = 0


class SegmentFooter(NamedTuple):
    """What a sealed segment says of itself at its end.

    Attributes:
        last_seq: the number of its last record.
        sealed_at_ms: when it was sealed.
        digest: SHA-256 of all bytes before the footer.
        keyspace_digest: the server's digest of its state after `last_seq`, or b"".
    """

    last_seq: int
    sealed_at_ms: int
    digest: bytes
    keyspace_digest: bytes


def encode_header(header: SegmentHeader) -> bytes:
    """Return a header's bytes; its salt is computed, whatever the tuple says."""
    assert header.first_seq >= 1
    assert header.epoch >= 1
    assert len(header.log_id) == LOG_ID_BYTES
    assert len(header.previous_digest) == len(NO_DIGEST)
    body = _HEADER.pack(
        _MAGIC,
        FORMAT_VERSION,
        HEADER_BYTES,
        header.first_seq,
        header.created_at_ms,
        header.epoch,
        header.log_id,
        header.previous_digest,
        0,
    )
    return body + _CHECKSUM.pack(crc32(body))


def decode_header(data: bytes, path: Path) -> SegmentHeader:
    """Decode the header at the front of a segment.

    Args:
        data: at least the header's bytes, where the file has them.
        path: for the text of an error.

    Raises:
        NewerFormatError: the format is newer than this program.
        CorruptLogError: this is not a sound header.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        require_plain(data, path)
        raise corrupt(
            path, 0, f"found {data[:8].hex()}", f"the magic {_MAGIC.hex()} of a segment"
        )
    version = int.from_bytes(data[8:12], "little")
    if version > FORMAT_VERSION:
        raise NewerFormatError(
            f"{path}: format version {version}, and this program knows versions up to "
            f"{FORMAT_VERSION}; open the log with the newer program that wrote it"
        )
    found = data[HEADER_BYTES - 4 : HEADER_BYTES]
    salt = crc32(data[: HEADER_BYTES - 4])
    if found != _CHECKSUM.pack(salt):
        raise corrupt(path, 0, f"header checksum {found.hex()}", f"{salt:08x}")
    _, version, length, seq, at_ms, epoch, log_id, digest, _ = _HEADER.unpack_from(data)
    if version != FORMAT_VERSION or length != HEADER_BYTES:
        raise corrupt(
            path,
            8,
            f"format version {version} with a header of {length} bytes",
            f"version {FORMAT_VERSION} with {HEADER_BYTES}",
        )
    return SegmentHeader(seq, at_ms, epoch, log_id, digest, salt)


def encode_footer(footer: SegmentFooter, salt: int) -> bytes:
    """Return a footer's bytes."""
    if len(footer.keyspace_digest) not in {0, _KEYSPACE_DIGEST_BYTES}:
        raise ValueError(f"a keyspace digest has {_KEYSPACE_DIGEST_BYTES} bytes")
    assert footer.last_seq >= 1
    assert len(footer.digest) == len(NO_DIGEST)
    body = _FOOTER.pack(FOOTER_MARK, *footer, len(footer.keyspace_digest))
    return body + _CHECKSUM.pack(crc32(body, salt))


def decode_footer(data: bytes, salt: int | None) -> SegmentFooter | None:
    """Decode the footer that bytes start with; None where they are no sound one.

    Args:
        data: the bytes.
        salt: the segment's; None where it is not known, and the checksum not compared.
    """
    if len(data) < FOOTER_BYTES or not data.startswith(FOOTER_MARK):
        return None
    body = data[: FOOTER_BYTES - 4]
    found = data[FOOTER_BYTES - 4 : FOOTER_BYTES]
    if salt is not None and found != _CHECKSUM.pack(crc32(body, salt)):
        return None
    _, last_seq, sealed_at_ms, digest, keyspace_digest, length = _FOOTER.unpack(body)
    return SegmentFooter(last_seq, sealed_at_ms, digest, keyspace_digest[:length])


def link_digest(footer: SegmentFooter, salt: int) -> bytes:
    """Return what the next segment's header carries: its tie to all before."""
    return hashlib.sha256(encode_footer(footer, salt)).digest()


def corrupt(
    path: Path,
    offset: int,
    found: str,
    expected: str,
    kind: type[CorruptLogError] = CorruptLogError,
) -> CorruptLogError:
    """Make the error for damage: where, what, and what to do next."""
    return kind(
        f"{path}: at byte {offset}: {found}, expected {expected}; "
        f"run 'replay repair {path.parent.parent}'"
    )


class SegmentReader:
    """Reads one segment's frames in order, a chunk at a time.

    It keeps its place, so that a segment that still grows can be read on later.

    Attributes:
        path: the file.
        header: its header.
        offset: where the next frame starts, in bytes from the file's first.
        heads: what frames of this segment are checked with.
        chunk_bytes: how much is read at a time.
    """

    def __init__(
        self,
        filesystem: FileSystem,
        path: Path,
        *,
        verify: bool = True,
        with_digest: bool = False,
    ) -> None:
        """Open a segment and check its header.

        Args:
            filesystem: the door to the disk.
            path: the segment's file.
            verify: whether checksums of frames are compared.
            with_digest: whether to keep a running SHA-256 of what was read.

        Raises:
            CorruptLogError: the header is not sound.
            OSError: the file cannot be read.
        """
        self.path = path
        self._verify = verify
        self._file = SegmentFile(filesystem, path)
        try:
            start = self._file.read_at(HEADER_BYTES, 0)
            self.header = decode_header(start, path)
        except BaseException:
            self._file.close()
            raise
        self.heads = FrameHeads(self.header.salt)
        self.offset = HEADER_BYTES
        self.chunk_bytes = CHUNK_BYTES
        self.digest: SegmentHash | None = None
        if with_digest:
            self.digest = self.new_hash()
            self.digest.update(start)

    def read_payloads(self) -> list[bytes]:
        """Return the payloads of the next whole, sound frames, about a chunk of them.

        Returns:
            At least one; none where no whole, sound frame starts at `offset`.
        """
        wanted = self.chunk_bytes
        while True:
            chunk = self._file.read_at(wanted, self.offset)
            payloads, used = split_frames(chunk, self.heads, verify=self._verify)
            if payloads:
                self.offset += used
                if self.digest is not None:
                    self.digest.update(memoryview(chunk)[:used])
                return payloads
            needed = frame_bytes_at(chunk)
            if needed <= len(chunk) or self.offset + needed > self.size():
                return []
            wanted = needed

    def read_to(self, records: int) -> bytes:
        """Read the first frames of the segment; `offset` is then behind the last one.

        Args:
            records: how many.

        Returns:
            The payload of the last one; b"" where none was asked for.

        Raises:
            CorruptLogError: fewer sound records are there.
        """
        self.offset = HEADER_BYTES
        last = b""
        while records:
            start = self.offset
            payloads = self.read_payloads()[:records]
            if not payloads:
                raise corrupt(self.path, self.offset, "no sound frame", "more records")
            records -= len(payloads)
            last = payloads[-1]
            self.offset = start + sum(map(len, payloads))
            self.offset += FRAME_HEAD_BYTES * len(payloads)
        return last

    def digest_after(self, records: int) -> str:
        """Return SHA-256 of the bytes from the file's first to a record's last.

        Args:
            records: how many records of this segment are in it.

        Raises:
            CorruptLogError: fewer sound records are there.
        """
        self.read_to(records)
        return self.digest_to(self.offset).hex()

    def digest_to(self, offset: int) -> bytes:
        """Return SHA-256 of the bytes from the file's first to before an offset."""
        digest = self.new_hash()
        for start in range(0, offset, CHUNK_BYTES):
            length = min(CHUNK_BYTES, offset - start)
            digest.update(self._file.read_at(length, start))
        return digest.digest()

    def new_hash(self) -> SegmentHash:
        """Return SHA-256 of no bytes yet, to be given this segment's from its first."""
        table = self.table()
        return (
            hashlib.sha256() if table is None else RedactedHash(table.holes, self.path)
        )

    def table(self) -> Table | None:
        """Return the table of a redacted segment, None where it is none.

        Raises:
            CorruptLogError: the table is damaged.
        """
        data = self._file.read_table()
        return decode_table(data, self.path) if data else None

    def table_digest(self) -> bytes:
        """Return SHA-256 of the table; b"" where there is none."""
        data = self._file.read_table()
        return hashlib.sha256(data).digest() if data else b""

    def read_at(self, length: int, offset: int) -> bytes:
        """Return bytes of the segment from an offset; fewer only at its end."""
        return self._file.read_at(length, offset)

    def read_rest(self, length: int = -1) -> bytes:
        """Return the bytes from `offset` on: `length` at the most."""
        if length < 0:
            length = self.size() - self.offset
        return self._file.read_at(length, self.offset)

    def read_footer(self) -> SegmentFooter | None:
        """Return the footer that starts at `offset`, None where none does."""
        return decode_footer(self.read_rest(FOOTER_BYTES), self.header.salt)

    def read_last_footer(self) -> SegmentFooter | None:
        """Return the footer that ends the file, None where none does."""
        start = self.size() - FOOTER_BYTES
        if start < HEADER_BYTES:
            return None
        data = self._file.read_at(FOOTER_BYTES, start)
        return decode_footer(data, self.header.salt)

    def size(self) -> int:
        """Return how long the segment is now, in bytes."""
        return self._file.size()

    def size_on_disk(self) -> int:
        """Return how long the file is now: less than `size` where it is packed."""
        return self._file.size_on_disk()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
