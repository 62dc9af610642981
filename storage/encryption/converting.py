"""Encrypting the files of a folder where they lie, and decrypting them back.

Each file is written anew beside itself, synced, read back, and takes the other's name
in one step. Files of both kinds may lie side by side, so that a crash leaves a folder
that is as good as before, with some files done; who begins anew goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.archives import is_archive
from joblog.storage.encrypted import ENCRYPTED_MAGIC
from joblog.storage.encryption.disk import EncryptedDisk
from joblog.storage.encryption.rekeying import FOLDERS
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.filesystem import sync_file, sync_names, write_all
from joblog.storage.folder import (
    SEGMENT_NAME,
    SNAPSHOT_NAME,
    LogFolder,
    read_segment_info,
)
from joblog.storage.lock import FolderLock
from joblog.storage.redaction import PENDING_NAME
from joblog.storage.snapshot import verify_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.storage.filesystem import FileSystem

ASIDE_SUFFIX = ".rekeyed-new"

_CHUNK_BYTES = 1024 * 1024


class Converted(NamedTuple):
    """What became of the files of a folder.

    Attributes:
        changed: how many were written anew.
        present: how many were as they should be before.
        failures: why others could not be, a line each.
        others: what is no file of a log, and stays as it is.
    """

    changed: int
    present: int
    failures: list[str]
    others: list[Path]


class _PlainTarget(EncryptedDisk):
    """A disk that reads what is encrypted, and makes files in the clear."""

    def create(self, path: Path) -> int:
        """Make a new file to append to; FileExistsError where there is one."""
        file = self.beneath.create(path)
        self._forget(file)
        return file


def convert(folder: Path, disk: EncryptedDisk, *, encrypts: bool) -> Converted:
    """Encrypt all files of a data folder, or of an archive, or decrypt them.

    Args:
        folder: the folder; nobody may have it open.
        disk: the door to the disk.
        encrypts: whether they are to be encrypted, rather than in the clear.

    Raises:
        LogLockedError: a server has it open.
        StorageError: it is another user's, or a process writes to it.
        OSError: the disk refused; it may be done again.
    """
    if folder.stat().st_uid != os.geteuid():
        raise StorageError(
            f"{folder}: belongs to another user, whose server could not read what this "
            f"one writes: run this as that user"
        )
    if not encrypts:
        disk = _PlainTarget(disk.beneath, disk.keys)
    conversion = _Conversion(folder, disk, encrypts=encrypts)
    if conversion.is_archive:
        return conversion.run()
    with _locked(folder, disk.beneath):
        return conversion.run()


class _Conversion:
    """One run over a folder."""

    def __init__(self, folder: Path, disk: EncryptedDisk, *, encrypts: bool) -> None:
        self._folder = folder
        self._disk = disk
        self._encrypts = encrypts
        self.is_archive = is_archive(folder, disk.beneath)
        self._changed = self._present = 0
        self._failures: list[str] = []
        self._others: list[Path] = []

    def run(self) -> Converted:
        """Go through all files."""
        filesystem = self._disk.beneath
        if self._encrypts:
            found = sorted(filter(Path.is_dir, self._folder.iterdir()))
            self._others += [path for path in found if path.name not in FOLDERS]
        for name in FOLDERS:
            place = self._folder / name
            if place.is_dir():
                before = self._changed
                for path in _files(place, filesystem):
                    self._convert(path)
                if self._changed > before:
                    sync_names(filesystem, place)
        return Converted(self._changed, self._present, self._failures, self._others)

    def _convert(self, path: Path) -> None:
        is_encrypted = _is_encrypted(self._disk.beneath, path)
        if is_encrypted is None:
            return
        if is_encrypted == self._encrypts:
            self._present += 1
        elif self._encrypts and not self._is_of_log(path):
            self._others.append(path)
        else:
            try:
                if self.is_archive:
                    _require_whole(self._disk, path)
                _write_anew(self._disk, path)
            except StorageError as error:
                self._failures.append(str(error))
            else:
                self._changed += 1

    def _is_of_log(self, path: Path) -> bool:
        """Say whether a file is one of the log's, which decrypts what it reads."""
        if path.parent != self._folder:
            return True
        numbered = path.name[:20].isdecimal()
        return (self.is_archive and numbered) or path.name == PENDING_NAME


@contextlib.contextmanager
def _locked(folder: Path, filesystem: FileSystem) -> Iterator[None]:
    """Keep out servers, and those who write snapshots or the index."""
    paths = LogFolder(folder, filesystem)
    if not paths.find_segments():
        raise StorageError(f"{folder}: there is no segment of a log in it")
    lock = FolderLock(paths, filesystem)
    files: list[int] = []
    try:
        for path in (paths.snapshot_lock_path, folder / "index" / "building.lock"):
            if path.parent.is_dir():
                file = filesystem.flock(path)
                if file is None:
                    raise StorageError(
                        f"{path.parent}: another process writes to it; try again when "
                        f"that is done"
                    )
                files.append(file)
        yield
    finally:
        for file in files:
            filesystem.close(file)
        lock.release()


def _files(place: Path, filesystem: FileSystem) -> list[Path]:
    """Return the files of a folder; what an earlier run left there goes."""
    found = []
    for name in sorted(filesystem.listdir(place)):
        path = place / name
        if name.endswith(ASIDE_SUFFIX):
            filesystem.unlink(path)
        elif not name.endswith(".lock") and path.is_file() and not path.is_symlink():
            found.append(path)
    return found


def _is_encrypted(filesystem: FileSystem, path: Path) -> bool | None:
    """Say whether a file is; None where there is nothing in it."""
    file = filesystem.open_to_read(path)
    try:
        start = filesystem.read_at(file, len(ENCRYPTED_MAGIC), 0)
    finally:
        filesystem.close(file)
    return start == ENCRYPTED_MAGIC if start else None


def _require_whole(disk: EncryptedDisk, path: Path) -> None:
    """Check that nobody may be about to copy a file to an archive.

    Raises:
        StorageError: it is not whole.
    """
    if SEGMENT_NAME.fullmatch(path.name):
        if read_segment_info(disk, path).footer is None:
            raise StorageError(f"{path}: not whole, as a copy that is under way")
    elif SNAPSHOT_NAME.fullmatch(path.name):
        verify_snapshot(disk, path)


def _write_anew(disk: EncryptedDisk, path: Path) -> None:
    """Let a file be as the disk writes it by now.

    Raises:
        StorageError: it cannot be read; it stays as it is.
        OSError: the disk refused.
    """
    temporary = path.with_name(f"{path.name}{ASIDE_SUFFIX}")
    try:
        digest = _copy(disk, path, temporary)
        if _digest_of(disk, temporary) != digest:
            raise CorruptLogError(f"{temporary}: reads back as other bytes")
    except (OSError, StorageError):
        # Half a file may be what fills the disk.
        with contextlib.suppress(OSError):
            disk.unlink(temporary)
        raise
    disk.rename(temporary, path)


def _copy(disk: EncryptedDisk, source: Path, target: Path) -> bytes:
    """Write what a file has to another, durably; return SHA-256 of it."""
    digest = hashlib.sha256()
    reading = disk.open_to_read(source)
    try:
        writing = disk.create(target)
        try:
            size = disk.size(reading)
            for offset in range(0, size, _CHUNK_BYTES):
                data = disk.read_at(reading, min(_CHUNK_BYTES, size - offset), offset)
                digest.update(data)
                write_all(disk, writing, data)
            sync_file(disk, writing, target)
        finally:
            disk.close(writing)
    finally:
        disk.close(reading)
    return digest.digest()


def _digest_of(disk: EncryptedDisk, path: Path) -> bytes:
    digest = hashlib.sha256()
    file = disk.open_to_read(path)
    try:
        size = disk.size(file)
        for offset in range(0, size, _CHUNK_BYTES):
            digest.update(disk.read_at(file, _CHUNK_BYTES, offset))
    finally:
        disk.close(file)
    return digest.digest()
