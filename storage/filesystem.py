"""The only door to the disk: tests pass one that fails and loses power.

The methods are the system calls that the log needs, on plain file descriptors, and
they raise OSError as `os` does. Nothing else in this package touches a file.
"""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING

from joblog.storage.errors import SyncFailedError
from joblog.storage.room import Room

if TYPE_CHECKING:
    from pathlib import Path

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


class FileSystem:
    """The real file system of this machine."""

    def mkdir(self, folder: Path) -> None:
        """Make one folder; FileExistsError where there is one already."""
        folder.mkdir(_FOLDER_MODE)

    def listdir(self, folder: Path) -> list[str]:
        """Return the names in a folder, in no order."""
        return os.listdir(folder)  # noqa: PTH208 - names, and no Path for each

    def create(self, path: Path) -> int:
        """Make a new file to append to; FileExistsError where there is one."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        return os.open(path, flags, _FILE_MODE)

    def open_to_append(self, path: Path) -> int:
        """Open an existing file; each write goes to what is then its end."""
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def open_to_read(self, path: Path) -> int:
        """Open an existing file for `read_at`."""
        return os.open(path, os.O_RDONLY)

    def open_to_overwrite(self, path: Path) -> int:
        """Open an existing file for `read_at` and `overwrite`."""
        return os.open(path, os.O_RDWR)

    def overwrite(self, file: int, data: bytes, offset: int) -> None:
        """Write bytes in the place of others."""
        taken = os.pwrite(file, data, offset)
        if taken != len(data):
            raise OSError("the disk took a part of a write")

    def close(self, file: int) -> None:
        """Close a file; the error of a write that failed late shows here too."""
        os.close(file)

    def write(self, file: int, data: bytes | memoryview) -> int:
        """Write at the end; return how many bytes the disk took, maybe not all."""
        return os.write(file, data)

    def read_at(self, file: int, length: int, offset: int) -> bytes:
        """Return up to `length` bytes from an offset; fewer only at the end."""
        data = os.pread(file, length, offset)
        while 0 < len(data) < length:
            more = os.pread(file, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def size(self, file: int) -> int:
        """Return the file's length in bytes."""
        return os.fstat(file).st_size

    def room(self, folder: Path) -> Room:
        """Return how much room there is where a folder is."""
        found = os.statvfs(folder)
        return Room(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)

    def truncate(self, file: int, size: int) -> None:
        """Cut the file to its first `size` bytes."""
        os.ftruncate(file, size)

    def is_exposed(self, path: Path) -> bool:  # noqa: ARG002 - of a disk that encrypts
        """Say whether what is appended to a file should be encrypted, and is not."""
        return False

    def fsync(self, file: int) -> None:
        """Return when the file's bytes and metadata are durable."""
        if sys.platform == "darwin":
            # A plain fsync of macOS leaves the bytes in the drive's own cache.
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        else:
            os.fsync(file)

    def fdatasync(self, file: int) -> None:
        """Return when the file's bytes, and its length, are durable."""
        if sys.platform == "darwin":
            fcntl.fcntl(file, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(file)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file another name in one step, replacing what had it."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; FileExistsError where something has it."""
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        """Remove a file's name."""
        path.unlink()

    def sync_directory(self, folder: Path) -> None:
        """Return when the names in a folder (creations, renames) are durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def flock(self, path: Path) -> int | None:
        """Lock a file, made where it is missing, until the descriptor is closed.

        Returns:
            The descriptor that holds the lock, open for `write`, `read_at` and
            `truncate`; None where another process holds it.
        """
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        except OSError:
            os.close(file)
            raise
        return file


def write_all(filesystem: FileSystem, file: int, data: bytes) -> None:
    """Write all bytes, in as many calls as the disk needs.

    Raises:
        OSError: a call failed, or took nothing; a part of the bytes may be there.
    """
    taken = filesystem.write(file, data)
    if taken == len(data):
        return
    rest = memoryview(data)[taken:]
    while rest:
        taken = filesystem.write(file, rest)
        if taken <= 0:
            raise OSError("the disk took no byte of a write")
        rest = rest[taken:]


def sync_file(filesystem: FileSystem, file: int, path: Path) -> None:
    """Force a file to the disk.

    Raises:
        SyncFailedError: the disk refused; what was written may be lost.
    """
    try:
        filesystem.fsync(file)
    except OSError as error:
        raise SyncFailedError(f"{path}: fsync failed: {error}") from error


def sync_names(filesystem: FileSystem, folder: Path) -> None:
    """Force the names in a folder to the disk.

    Raises:
        SyncFailedError: the disk refused; new names and renames may be lost.
    """
    try:
        filesystem.sync_directory(folder)
    except OSError as error:
        raise SyncFailedError(f"{folder}: fsync failed: {error}") from error


def write_new(filesystem: FileSystem, path: Path, data: bytes) -> int:
    """Write and sync a new file, its name included; a leftover of that name goes.

    Returns:
        The file, open to append.

    Raises:
        OSError: it cannot be made or written; a part of it may be there.
        SyncFailedError: the disk refused to make it durable.
    """
    if path.name in filesystem.listdir(path.parent):
        filesystem.unlink(path)
    file = filesystem.create(path)
    try:
        write_all(filesystem, file, data)
        sync_file(filesystem, file, path)
        sync_names(filesystem, path.parent)
    except BaseException:
        filesystem.close(file)
        raise
    return file


def write_aside(
    filesystem: FileSystem, temporary: Path, path: Path, data: bytes
) -> None:
    """Write a whole file so that it is there wholly, durably, or not at all.

    Raises:
        OSError: it cannot be made or written; the temporary file may be there.
        SyncFailedError: the disk refused to make it durable.
    """
    filesystem.close(write_new(filesystem, temporary, data))
    filesystem.rename(temporary, path)
    sync_names(filesystem, path.parent)
