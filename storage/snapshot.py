"""Snapshots: one file with the state after a record, from its header to its footer.

    +--------+-------+-------+-- ... --+--------+
    | header | block | block |         | footer |
    +--------+-------+-------+-- ... --+--------+

Header, 160 bytes, little-endian:

     0  magic            8   89 "JOBSNAP"
     8  format version   4   1
    12  header length    4   160
    16  seq              8   the state is that after this record; the file's name too
    24  at               8   ms; the time of that record
    32  log id          16   the log that it was folded from
    48  first seq        8   the segment that the record lies in, by its first number
    56  offset           8   where the record ends in that segment, in bytes
    64  digest          32   SHA-256 of the segment's bytes up to there
    96  link            32   SHA-256 of the segment's footer, where the record was its
                             last and it is sealed; else zeroes
   128  made at          8   ms
   136  reserved        20   0
   156  crc32            4   of the 156 bytes before; the *salt* of all below

Block, 12 bytes and a payload:

     0  length           8   of the payload: 1 to 2^40
     8  crc32            4   of the 8 length bytes and the payload, from the salt
    12  payload              what it means is told in `joblog.app.history.snapshots`

Footer, 60 bytes:

     0  mark             8   ff ff ff ff "SNAP": no block is that long
     8  blocks           8   how many there are
    16  keys             8   how many keys are in them
    24  digest          32   SHA-256 of all bytes before the footer
    56  crc32            4   of the 56 bytes before, from the salt

A snapshot is never needed: it spares a fold of what lies before it. So it is used where
all of it is sound and the log has the very bytes that it was folded from, and else not.
"""

from __future__ import annotations

import contextlib
import hashlib
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.checksums import crc32
from joblog.storage.encrypted import require_plain
from joblog.storage.errors import (
    EnvelopeError,
    NewerFormatError,
    SnapshotError,
    StorageError,
    WrongKeyError,
)
from joblog.storage.filesystem import sync_file, sync_names, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

SNAPSHOT_VERSION = 1
SNAPSHOT_HEADER_BYTES = 160
SNAPSHOT_FOOTER_BYTES = 60
BLOCK_HEAD_BYTES = 12
BLOCK_BYTES_MAX = 1 << 40
NO_LINK = bytes(32)

_MAGIC = b"\x89JOBSNAP"
_FOOTER_MARK = b"\xff\xff\xff\xffSNAP"
_HEADER = Struct("<8sIIQQ16sQQ32s32sQ20s")
_BLOCK_HEAD = Struct("<QI")
_FOOTER = Struct("<8sQQ32s")
_CHECKSUM = Struct("<I")
_CHUNK_BYTES = 1024 * 1024


class SnapshotHeader(NamedTuple):
    """What a snapshot says of itself at its start.

    Attributes:
        seq: the state is that after this record.
        at_ms: the time of that record.
        log_id: 16 bytes, of the log that it was folded from.
        first_seq: the segment that the record lies in.
        offset: where the record ends in that segment, in bytes.
        digest: SHA-256 of the segment's bytes up to there.
        link: SHA-256 of the segment's footer where that follows; else zeroes.
        made_at_ms: when it was written.
        salt: the header's checksum, from which those of its blocks start.
    """

    seq: int
    at_ms: int
    log_id: bytes
    first_seq: int
    offset: int
    digest: bytes
    link: bytes
    made_at_ms: int
    salt: int = 0


class SnapshotInfo(NamedTuple):
    """What is known of a snapshot that was written or read to its end.

    Attributes:
        path: the file.
        header: its header.
        blocks: how many blocks it has.
        keys: how many keys are in them.
        size_bytes: how long the file is.
    """

    path: Path
    header: SnapshotHeader
    blocks: int
    keys: int
    size_bytes: int


def encode_snapshot_header(header: SnapshotHeader) -> bytes:
    """Return a header's bytes; its salt is computed, whatever the tuple says."""
    # A scratch snapshot (`replay bisect`) is of no log, so of no segment either.
    assert header.seq >= header.first_seq >= (1 if any(header.log_id) else 0)
    assert len(header.digest) == len(header.link) == hashlib.sha256().digest_size
    body = _HEADER.pack(
        _MAGIC, SNAPSHOT_VERSION, SNAPSHOT_HEADER_BYTES, *header[:-1], b""
    )
    return body + _CHECKSUM.pack(crc32(body))


def decode_snapshot_header(data: bytes, path: Path) -> SnapshotHeader:
    """Decode the header at the front of a snapshot.

    Raises:
        NewerFormatError: the format is newer than this program.
        SnapshotError: this is not a sound header.
    """
    if data[: len(_MAGIC)] != _MAGIC:
        require_plain(data, path)
        raise unsound(path, 0, f"found {data[:8].hex()}", f"the magic {_MAGIC.hex()}")
    version = int.from_bytes(data[8:12], "little")
    if version > SNAPSHOT_VERSION:
        raise NewerFormatError(
            f"{path}: format version {version}, and this program knows versions up to "
            f"{SNAPSHOT_VERSION}; start the newer program that wrote it"
        )
    salt = crc32(data[: SNAPSHOT_HEADER_BYTES - 4])
    found = data[SNAPSHOT_HEADER_BYTES - 4 : SNAPSHOT_HEADER_BYTES]
    if found != _CHECKSUM.pack(salt):
        raise unsound(path, 0, f"header checksum {found.hex()}", f"{salt:08x}")
    fields = _HEADER.unpack_from(data)
    version, length = fields[1:3]
    if version != SNAPSHOT_VERSION or length != SNAPSHOT_HEADER_BYTES:
        raise unsound(
            path,
            8,
            f"format version {version} with a header of {length} bytes",
            f"version {SNAPSHOT_VERSION} with {SNAPSHOT_HEADER_BYTES}",
        )
    header = SnapshotHeader._make((*fields[3:-1], salt))
    named = path.name[:20]
    if named.isdecimal() and int(named) != header.seq:
        raise unsound(path, 16, f"seq {header.seq}", f"{int(named)}, as named")
    return header


def unsound(path: Path, offset: int, found: str, expected: str) -> SnapshotError:
    """Make the error for a damaged snapshot: where, what, and what was expected."""
    return SnapshotError(
        f"{path}: damaged snapshot: at byte {offset}: {found}, expected {expected}"
    )


def write_snapshot(
    filesystem: FileSystem,
    path: Path,
    header: SnapshotHeader,
    blocks: Iterable[tuple[bytes, int]],
) -> SnapshotInfo:
    """Write a snapshot so that it is there wholly, durably, or not at all.

    Args:
        filesystem: the door to the disk.
        path: its name; it is written aside, as `.new`, and renamed when it is durable.
        header: its header.
        blocks: each payload, and how many keys are in it.

    Raises:
        OSError: the disk refused; nothing of it is left, as far as that could be.
        SyncFailedError: the disk refused to make it durable.
    """
    temporary = path.with_name(f"{path.name}.new")
    if temporary.name in filesystem.listdir(path.parent):
        filesystem.unlink(temporary)
    file = filesystem.create(temporary)
    try:
        info = _write_blocks(filesystem, file, path, header, blocks)
        sync_file(filesystem, file, temporary)
    except (OSError, StorageError):
        # Half a snapshot may be what fills the disk.
        with contextlib.suppress(OSError):
            filesystem.unlink(temporary)
        raise
    finally:
        filesystem.close(file)
    filesystem.rename(temporary, path)
    sync_names(filesystem, path.parent)
    return info


def write_scratch(
    filesystem: FileSystem,
    path: Path,
    seq: int,
    blocks: Iterable[tuple[bytes, int]],
) -> SnapshotInfo:
    """Write a file of a snapshot's form that is of no log, and not made durable.

    Args:
        filesystem: the door to the disk.
        path: its name, which is not there yet; it begins with the record's number.
        seq: the record.
        blocks: see `write_snapshot`.

    Raises:
        OSError: the disk refused; nothing of it is left, as far as that could be.
    """
    header = SnapshotHeader(seq, 0, bytes(16), 0, 0, bytes(32), NO_LINK, 0)
    file = filesystem.create(path)
    try:
        return _write_blocks(filesystem, file, path, header, blocks)
    except (OSError, StorageError):
        with contextlib.suppress(OSError):
            filesystem.unlink(path)
        raise
    finally:
        filesystem.close(file)


def _write_blocks(
    filesystem: FileSystem,
    file: int,
    path: Path,
    header: SnapshotHeader,
    blocks: Iterable[tuple[bytes, int]],
) -> SnapshotInfo:
    start = encode_snapshot_header(header)
    salt = int.from_bytes(start[-4:], "little")
    digest = hashlib.sha256(start)
    write_all(filesystem, file, start)
    count = keys = 0
    size = len(start)
    for payload, held in blocks:
        assert payload
        assert held >= 0
        length = len(payload).to_bytes(8, "little")
        checksum = crc32(payload, crc32(length, salt)).to_bytes(4, "little")
        data = b"".join((length, checksum, payload))
        digest.update(data)
        write_all(filesystem, file, data)
        size += len(data)
        count += 1
        keys += held
    body = _FOOTER.pack(_FOOTER_MARK, count, keys, digest.digest())
    write_all(filesystem, file, body + _CHECKSUM.pack(crc32(body, salt)))
    size += SNAPSHOT_FOOTER_BYTES
    return SnapshotInfo(path, header._replace(salt=salt), count, keys, size)


class SnapshotReader:
    """Reads one snapshot's blocks in order, each checked before it is given.

    That the last one was the last is known when `blocks` ends: what was made of them
    is to be thrown away where it raises.

    Attributes:
        path: the file.
        header: its header.
    """

    def __init__(self, filesystem: FileSystem, path: Path) -> None:
        """Open a snapshot and check its header.

        Raises:
            SnapshotError: the header is not sound, or the file cannot be read.
            NewerFormatError: the format is newer than this program.
        """
        self.path = path
        self._filesystem = filesystem
        try:
            self._file = filesystem.open_to_read(path)
        except (OSError, EnvelopeError, WrongKeyError) as error:
            raise SnapshotError(f"{path}: cannot be read: {error}") from error
        try:
            start = self._read(SNAPSHOT_HEADER_BYTES, 0)
            self.header = decode_snapshot_header(start, path)
        except BaseException:
            filesystem.close(self._file)
            raise
        self._digest = hashlib.sha256(start)
        self._offset = SNAPSHOT_HEADER_BYTES
        self._ahead = b""
        self._count = 0
        self.keys = 0

    def blocks(self) -> Iterator[bytes]:
        """Yield each block's payload, then check that all of them were there.

        Raises:
            SnapshotError: a block, or the end, is not sound.
        """
        salt = self.header.salt
        while True:
            head = self._take(BLOCK_HEAD_BYTES)
            if head.startswith(_FOOTER_MARK):
                self._check_end(head)
                return
            at = self._offset - BLOCK_HEAD_BYTES
            length, checksum = _BLOCK_HEAD.unpack(head)
            if not 0 < length <= min(BLOCK_BYTES_MAX, self.size() - self._offset):
                raise unsound(
                    self.path, at, f"a block of {length} bytes", "one that is there"
                )
            payload = self._take(length)
            found = crc32(payload, crc32(head[:8], salt))
            if found != checksum:
                raise unsound(self.path, at, f"checksum {found:08x}", f"{checksum:08x}")
            self._digest.update(head)
            self._digest.update(payload)
            self._count += 1
            yield payload

    def size(self) -> int:
        """Return how long the file is, in bytes."""
        return self._filesystem.size(self._file)

    def close(self) -> None:
        """Close the file."""
        self._filesystem.close(self._file)

    def _check_end(self, head: bytes) -> None:
        start = self._offset - BLOCK_HEAD_BYTES
        data = head + self._take(SNAPSHOT_FOOTER_BYTES - BLOCK_HEAD_BYTES)
        body = data[:-4]
        if data[-4:] != _CHECKSUM.pack(crc32(body, self.header.salt)):
            raise unsound(self.path, start, "a damaged footer", "a sound one")
        _, count, self.keys, digest = _FOOTER.unpack(body)
        if count != self._count:
            raise unsound(self.path, start, f"{self._count} blocks", f"{count}")
        if digest != self._digest.digest():
            raise unsound(
                self.path,
                start,
                f"digest {digest.hex()}",
                f"{self._digest.hexdigest()}, that of the bytes before",
            )
        if self.size() != self._offset:
            raise unsound(self.path, self._offset, "more bytes", "the file's end")

    def _take(self, length: int) -> bytes:
        """Return the next bytes; they are read ahead a chunk at a time."""
        ahead = self._ahead
        if len(ahead) < length:
            wanted = max(length - len(ahead), _CHUNK_BYTES)
            ahead += self._read(wanted, self._offset + len(ahead))
            if len(ahead) < length:
                raise unsound(
                    self.path, self._offset, f"{len(ahead)} bytes", f"{length} more"
                )
        self._offset += length
        self._ahead = ahead[length:]
        return ahead[:length]

    def _read(self, length: int, offset: int) -> bytes:
        try:
            return self._filesystem.read_at(self._file, length, offset)
        except OSError as error:
            raise SnapshotError(f"{self.path}: cannot be read: {error}") from error


def verify_snapshot(filesystem: FileSystem, path: Path) -> SnapshotInfo:
    """Read a snapshot to its end, and check all that the file itself can tell.

    Raises:
        SnapshotError: it is not sound.
        NewerFormatError: the format is newer than this program.
    """
    reader = SnapshotReader(filesystem, path)
    try:
        blocks = sum(1 for _ in reader.blocks())
        return SnapshotInfo(path, reader.header, blocks, reader.keys, reader.size())
    finally:
        reader.close()
