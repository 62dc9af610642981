"""Appending to an encrypted file, and cutting it."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from joblog.storage.encryption.cells import seal_cells
from joblog.storage.encryption.envelope import ENVELOPE_BYTES, make_envelope

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from joblog.storage.encryption.keys import Key
    from joblog.storage.encryption.reading import CellReader
    from joblog.storage.filesystem import FileSystem


class Appender:
    """The end of one file that is open to append.

    A file that is begun gets its envelope with the first bytes: an empty one stays so.
    """

    def __init__(
        self,
        filesystem: FileSystem,
        file: int,
        cipher: AESGCM | None,
        reader: CellReader | None,
    ) -> None:
        """Take over an open file.

        Args:
            filesystem: the door to the disk.
            file: open to append.
            cipher: of its own key; None where it is empty.
            reader: of the file, where it is not empty.
        """
        self._filesystem = filesystem
        self._file = file
        self._cipher = cipher
        self._is_begun = cipher is not None
        self._end = self._place = self._torn = 0
        if reader is not None:
            ending = reader.ending()
            self._end, self._torn = ending.end, ending.size - ending.end
            self._place = ending.place if self._torn else filesystem.size(file)
        self._must_cut = bool(self._torn)

    def note_torn(self) -> None:
        """Take note that the file has a part of an envelope, which is to be cut off."""
        self._torn, self._must_cut = 1, True

    def size(self) -> int:
        """Return how long the file is for those who read it."""
        return self._end + self._torn

    def write(self, data: bytes | memoryview, key: Key) -> int:
        """Write all of the bytes behind the last.

        Args:
            data: the bytes.
            key: of the operator, for a file that is begun.

        Raises:
            OSError: the disk did not take them; a part may be there, and is to be cut
                off before anything else is written.
        """
        if self._must_cut:
            raise OSError(errno.EIO, "what a failed write left was not cut off")
        if not len(data):
            return 0
        front = b""
        if self._cipher is None:
            envelope, front = make_envelope(key)
            self._cipher, self._place = envelope.cipher, len(front)
        cells, place = seal_cells(self._cipher, data, self._end, self._place)
        self._must_cut = True
        self._write_all(front + cells if front else cells)
        self._must_cut = False
        self._is_begun = True
        self._end += len(data)
        self._place = place
        return len(data)

    def _write_all(self, data: bytes) -> None:
        taken = self._filesystem.write(self._file, data)
        if taken == len(data):
            return
        rest = memoryview(data)[taken:]
        while rest:
            taken = self._filesystem.write(self._file, rest)
            if taken <= 0:
                raise OSError(errno.EIO, "the disk took no byte of a write")
            rest = rest[taken:]

    def truncate(
        self, size: int, reading: Callable[[], AbstractContextManager[CellReader]]
    ) -> None:
        """Cut the file to its first `size` bytes.

        Within a cell the file is not cut but marked: so no byte that stays is ever in
        danger.

        Args:
            size: how many are to stay.
            reading: opens the file to read.

        Raises:
            OSError: the disk refused, or the file is shorter.
        """
        if size == 0 and self._is_begun:
            self._filesystem.truncate(self._file, ENVELOPE_BYTES)
            self._set(0, ENVELOPE_BYTES)
        elif size == 0:
            self._filesystem.truncate(self._file, 0)
            self._cipher = None
            self._set(0, 0)
        elif size == self._end:
            self._filesystem.truncate(self._file, self._place)
            self._set(self._end, self._place)
        else:
            with reading() as reader:
                found = _last_cell_before(reader, size)
            self._cut_within(size, found)

    def _cut_within(self, size: int, found: tuple[int, int] | None) -> None:
        if found is None or size > found[0]:
            raise OSError(errno.EINVAL, "a cut behind the end of a file")
        end, place = found
        self._filesystem.truncate(self._file, place)
        self._set(end, place)
        if size < end:
            assert self._cipher is not None
            mark, place = seal_cells(self._cipher, b"", size, place)
            self._must_cut = True
            self._write_all(mark)
            self._set(size, place)

    def _set(self, end: int, place: int) -> None:
        self._end, self._place, self._torn = end, place, 0
        self._must_cut = False


def _last_cell_before(reader: CellReader, size: int) -> tuple[int, int] | None:
    """Return the end, and the place behind it, of the cell that has a file's last byte.

    It is the last one that begins before the cut, or cut the file there already.
    """
    found = None
    for number in reader.stripes():
        for offset, length, place in reader.stripe(number).cells:
            if offset < size or (offset == size and not length):
                found = offset + length, place
    return found
