"""Attachments: files beside a part of the index, with what else is known of it.

    magic, version, length of the head, 4 bytes each
    crc32 of the head, 4 bytes
    head        msgpack: [kind, first_seq, last_seq, end, end_digest, sections]
    sections    one after the other; the head has (name, length, crc32) of each

An attachment is bound to the part that it lies beside, and so to the log: its kind and
the part's bounds and digest stand in it. One that is damaged, of another version or of
another part counts as missing. A section is compared with its checksum when it is read.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import msgpack

from joblog.replay.index.parts import DamagedPartError, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from joblog.replay.index.parts import PartHeader
    from joblog.storage.filesystem import FileSystem

_MAGIC = 0x54544189
_VERSION = 1
_FRONT = Struct("<IIII")
_HEAD_BYTES_MAX = 1 << 20


def attachment_name(kind: str, header: PartHeader) -> str:
    """Return the file name of what is attached to a part."""
    return f"{header.first_seq:020d}-{header.last_seq:020d}.{kind}"


def encode_attachment(
    kind: str, header: PartHeader, sections: Mapping[str, bytes]
) -> bytes:
    """Return the bytes of an attachment.

    Args:
        kind: what it tells, which is the suffix of its name.
        header: of the part.
        sections: its contents, by name.
    """
    table = [(name, len(data), crc32(data)) for name, data in sections.items()]
    head: bytes = msgpack.packb([kind, *_bounds(header), table])
    front = _FRONT.pack(_MAGIC, _VERSION, len(head), crc32(head))
    return b"".join((front, head, *sections.values()))


def _bounds(header: PartHeader) -> list[Any]:
    return [header.first_seq, header.last_seq, header.end, header.end_digest]


class _Place(NamedTuple):
    offset: int
    length: int
    checksum: int


class Attachment:
    """What is attached to one part."""

    def __init__(
        self, path: Path, kind: str, header: PartHeader, filesystem: FileSystem
    ) -> None:
        """Look at a file.

        Args:
            path: the file.
            kind: what it is to tell.
            header: of the part.
            filesystem: the door to the disk.

        Raises:
            DamagedPartError: it is no sound attachment of this kind to this part.
            OSError: it cannot be read.
        """
        self._path = path
        self._filesystem = filesystem
        with opened(filesystem, path) as file:
            front = filesystem.read_at(file, _FRONT.size, 0)
            if len(front) < _FRONT.size:
                raise self._damage()
            magic, version, length, checksum = _FRONT.unpack(front)
            if (magic, version) != (_MAGIC, _VERSION) or length > _HEAD_BYTES_MAX:
                raise self._damage()
            head = filesystem.read_at(file, length, _FRONT.size)
            size = filesystem.size(file)
        if len(head) < length or crc32(head) != checksum:
            raise self._damage()
        self._places: dict[str, _Place] = {}
        offset = _FRONT.size + length
        try:
            kind_found, *bounds, table = msgpack.unpackb(head)
            for name, section_bytes, section_crc in table:
                self._places[name] = _Place(offset, section_bytes, section_crc)
                offset += section_bytes
        except (ValueError, TypeError) as error:
            raise self._damage() from error
        if (kind_found, bounds, offset) != (kind, _bounds(header), size):
            raise self._damage()

    @property
    def names(self) -> list[str]:
        """The names of its sections."""
        return list(self._places)

    def read(self, name: str) -> bytes | None:
        """Return a section; None where there is none of that name.

        Raises:
            DamagedPartError: it is not what was written, or cannot be read.
        """
        place = self._places.get(name)
        if place is None:
            return None
        try:
            with opened(self._filesystem, self._path) as file:
                data = self._filesystem.read_at(file, place.length, place.offset)
        except OSError as error:
            raise self._damage() from error
        if len(data) < place.length or crc32(data) != place.checksum:
            raise self._damage()
        return data

    def check(self, names: Iterable[str] | None = None) -> None:
        """Compare sections with their checksums.

        Args:
            names: which; None for all.

        Raises:
            DamagedPartError: one is not what was written.
        """
        for name in self._places if names is None else names:
            self.read(name)

    def _damage(self) -> DamagedPartError:
        return DamagedPartError(f"{self._path}: no sound attachment to this part")
