"""The door to a disk on which what is written is encrypted.

Whoever goes through it sees the bytes as they would be without: offsets, lengths and
digests are the same, and so is what a crash leaves. Files that are not encrypted are
read, and gone on with, as they are.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from joblog.storage.encrypted import ENCRYPTED_MAGIC
from joblog.storage.encryption.appending import Appender
from joblog.storage.encryption.envelope import ENVELOPE_BYTES, open_envelope
from joblog.storage.encryption.keys import read_keys
from joblog.storage.encryption.reading import CellReader
from joblog.storage.errors import KeyFileError, WrongKeyError
from joblog.storage.filesystem import FileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.storage.encryption.keys import Keys
    from joblog.storage.room import Room


class _Torn:
    """A file of which no whole envelope was written: it has no byte yet."""

    def read(self, length: int, offset: int) -> bytes:
        """Return a byte that is nothing."""
        return bytes(1)[offset : offset + length]

    def size(self) -> int:
        """Return that something is there."""
        return 1


class EncryptedDisk(FileSystem):
    """A file system beneath, of which each file that is made is encrypted.

    Attributes:
        keys: the operator's; who sets them has new files go under another.
    """

    def __init__(self, beneath: FileSystem, keys: Keys) -> None:
        """Encrypt on a file system.

        Args:
            beneath: the door to the disk.
            keys: the operator's.
        """
        self.keys = keys
        self.beneath = beneath
        self._readers: dict[int, CellReader | _Torn] = {}
        self._appenders: dict[int, Appender] = {}
        self._paths: dict[int, Path] = {}

    # --- what is encrypted --------------------------------------------------------

    def create(self, path: Path) -> int:
        """Make a new file to append to; FileExistsError where there is one."""
        file = self.beneath.create(path)
        self._forget(file)
        self._appenders[file] = Appender(self.beneath, file, None, None)
        self._paths[file] = path
        return file

    def open_to_append(self, path: Path) -> int:
        """Open an existing file; each write goes to what is then its end."""
        file = self.beneath.open_to_append(path)
        self._forget(file)
        try:
            appender = self._appender(file, path)
        except BaseException:
            self.beneath.close(file)
            raise
        if appender is not None:
            self._appenders[file] = appender
            self._paths[file] = path
        return file

    def open_to_read(self, path: Path) -> int:
        """Open an existing file for `read_at`."""
        file = self.beneath.open_to_read(path)
        self._forget(file)
        try:
            reader = self._reader(file, path)
        except BaseException:
            self.beneath.close(file)
            raise
        if reader is not None:
            self._readers[file] = reader
        elif not self.beneath.size(file):
            self._paths[file] = path  # it may be begun meanwhile
        return file

    def open_to_overwrite(self, path: Path) -> int:
        """Open an existing file as it lies on the disk."""
        file = self.beneath.open_to_overwrite(path)
        self._forget(file)
        return file

    def overwrite(self, file: int, data: bytes, offset: int) -> None:
        """Write bytes in the place of others, as they lie on the disk."""
        self.beneath.overwrite(file, data, offset)

    def close(self, file: int) -> None:
        """Close a file; the error of a write that failed late shows here too."""
        self._forget(file)
        self.beneath.close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write at the end; return how many bytes the disk took."""
        appender = self._appenders.get(file)
        if appender is None:
            return self.beneath.write(file, data)
        return appender.write(data, self.keys.current)

    def read_at(self, file: int, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from an offset; fewer only at the end."""
        reader = self._reader_of(file)
        if reader is None:
            return self.beneath.read_at(file, length, offset)
        return reader.read(length, offset)

    def size(self, file: int) -> int:
        """Return the file's length in bytes."""
        appender = self._appenders.get(file)
        if appender is not None:
            return appender.size()
        reader = self._reader_of(file)
        return self.beneath.size(file) if reader is None else reader.size()

    def truncate(self, file: int, size: int) -> None:
        """Cut the file to its first `size` bytes."""
        appender = self._appenders.get(file)
        if appender is None:
            self.beneath.truncate(file, size)
            return
        appender.truncate(size, lambda: self._reading(self._paths[file]))

    @contextmanager
    def _reading(self, path: Path) -> Iterator[CellReader]:
        file = self.beneath.open_to_read(path)
        try:
            cipher = self._cipher(file, path)
            if not isinstance(cipher, AESGCM):
                raise OSError(errno.EINVAL, "a cut behind the end of a file")
            yield CellReader(self.beneath, file, cipher)
        finally:
            self.beneath.close(file)

    def is_exposed(self, path: Path) -> bool:
        """Say whether what is appended to a file would not be encrypted."""
        file = self.beneath.open_to_read(path)
        try:
            start = self.beneath.read_at(file, len(ENCRYPTED_MAGIC), 0)
        finally:
            self.beneath.close(file)
        return bool(start) and start != ENCRYPTED_MAGIC

    def _forget(self, file: int) -> None:
        self._readers.pop(file, None)
        self._appenders.pop(file, None)
        self._paths.pop(file, None)

    def _reader_of(self, file: int) -> CellReader | _Torn | None:
        reader = self._readers.get(file)
        if isinstance(reader, CellReader) or (
            reader is None and file not in self._paths
        ):
            return reader
        # It had no envelope when it was opened.
        path = self._paths[file]
        reader = self._reader(file, path)
        if reader is not None:
            self._readers[file] = reader
        return reader

    def _reader(self, file: int, path: Path) -> CellReader | _Torn | None:
        """Return what reads an open file; None where it is not encrypted."""
        found = self._cipher(file, path)
        if found is None:
            return None
        self._paths[file] = path
        if isinstance(found, _Torn):
            return found
        return CellReader(self.beneath, file, found)

    def _cipher(self, file: int, path: Path) -> AESGCM | _Torn | None:
        data = self.beneath.read_at(file, ENVELOPE_BYTES, 0)
        if not data.startswith(ENCRYPTED_MAGIC):
            return None
        if len(data) < ENVELOPE_BYTES:
            return _Torn()
        try:
            return open_envelope(data, path, self.keys).cipher
        except WrongKeyError as error:
            # The key file may have got another since it was read.
            try:
                self.renew()
            except KeyFileError:
                raise error from None
            return open_envelope(data, path, self.keys).cipher

    def renew(self) -> None:
        """Read the key file anew.

        Raises:
            KeyFileError: it is none any more; what was read before holds.
        """
        self.keys = read_keys(self.keys.path)

    def _appender(self, file: int, path: Path) -> Appender | None:
        """Return what appends to an open file; None where it is not encrypted."""
        if not self.beneath.size(file):
            return Appender(self.beneath, file, None, None)
        second = self.beneath.open_to_read(path)
        try:
            cipher = self._cipher(second, path)
            if cipher is None:
                return None
            if isinstance(cipher, _Torn):
                appender = Appender(self.beneath, file, None, None)
                appender.note_torn()
                return appender
            reader = CellReader(self.beneath, second, cipher)
            return Appender(self.beneath, file, cipher, reader)
        finally:
            self.beneath.close(second)

    # --- what is as it is beneath -------------------------------------------------

    def mkdir(self, folder: Path) -> None:
        """Make one folder; FileExistsError where there is one already."""
        self.beneath.mkdir(folder)

    def listdir(self, folder: Path) -> list[str]:
        """Return the names in a folder, in no order."""
        return self.beneath.listdir(folder)

    def room(self, folder: Path) -> Room:
        """Return how much room there is where a folder is."""
        return self.beneath.room(folder)

    def fsync(self, file: int) -> None:
        """Return when the file's bytes and metadata are durable."""
        self.beneath.fsync(file)

    def fdatasync(self, file: int) -> None:
        """Return when the file's bytes, and its length, are durable."""
        self.beneath.fdatasync(file)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in one step, replacing what had it."""
        self.beneath.rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; FileExistsError where something has it."""
        self.beneath.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        self.beneath.unlink(path)

    def sync_directory(self, folder: Path) -> None:
        """Return when the names in a folder (creations, renames) are durable."""
        self.beneath.sync_directory(folder)

    def flock(self, path: Path) -> int | None:
        """Lock a file, made where it is missing, until the descriptor is closed."""
        file = self.beneath.flock(path)
        if file is not None:
            self._forget(file)
        return file
