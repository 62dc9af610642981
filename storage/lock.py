"""The lock of a data folder: who may write, and which log lives there."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from joblog.storage.errors import (
    ForeignSegmentError,
    LogLockedError,
    MissingSegmentError,
)
from joblog.storage.filesystem import sync_file, sync_names, write_all

if TYPE_CHECKING:
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder

_LOG_ID = re.compile(r"[0-9a-f]{32}\b")


class FolderLock:
    """The right to write to a data folder, until `release`.

    The lock file also names the log that lives in the folder. Without that, a folder
    whose only segment was deleted would look like a new one.

    Attributes:
        log_id: the log that lives here; "" where that is not known yet.
        stale_pid: the process that had the lock and is gone without giving it back, or
            "": the lock itself goes with its process, whatever the file says.
    """

    def __init__(self, folder: LogFolder, filesystem: FileSystem) -> None:
        """Take the lock.

        Raises:
            LogLockedError: another process has it.
        """
        self._path = folder.lock_path
        self._filesystem = filesystem
        file = filesystem.flock(folder.lock_path)
        if file is None:
            raise LogLockedError(
                f"{folder.path}: another joblog server or repairing tool has this "
                f"data folder open ({folder.lock_path.name} is locked"
                f"{self._holder()}); stop it, or choose another --dir"
            )
        self._file = file
        try:
            text = self._read()
        except OSError:
            filesystem.close(file)
            raise
        match = _LOG_ID.match(text)
        self.log_id = match[0] if match else ""
        self.stale_pid = "".join(text.split()[1:2]) if match else ""

    def write_owner(self, log_id: str) -> None:
        """Write down which log lives here, and which process has the lock."""
        filesystem = self._filesystem
        text = f"{log_id} {os.getpid()}\n".encode()
        if self.log_id == log_id:
            # The id stays at the front in every state that a crash can leave.
            filesystem.truncate(self._file, len(log_id))
            text = text[len(log_id) :]
        else:
            filesystem.truncate(self._file, 0)
        write_all(filesystem, self._file, text)
        sync_file(filesystem, self._file, self._path)
        sync_names(filesystem, self._path.parent)
        self.log_id = log_id

    def clear_owner(self) -> None:
        """Let another log take this folder, whatever a crash leaves meanwhile."""
        filesystem = self._filesystem
        filesystem.truncate(self._file, 0)
        sync_file(filesystem, self._file, self._path)
        self.log_id = ""

    def release(self) -> None:
        """Give the lock back; the file then names no process any more."""
        with contextlib.suppress(OSError):
            self._filesystem.truncate(self._file, len(self.log_id))
        # What the file says was synced: an error of close tells nothing more, and
        # the descriptor is gone all the same.
        with contextlib.suppress(OSError):
            self._filesystem.close(self._file)

    def _read(self) -> str:
        size = self._filesystem.size(self._file)
        return self._filesystem.read_at(self._file, size, 0).decode("ascii", "replace")

    def _holder(self) -> str:
        """Return who holds the lock, for a text; nothing where it is not known."""
        file = self._filesystem.open_to_read(self._path)
        try:
            words = self._filesystem.read_at(file, 256, 0).decode("ascii", "replace")
        finally:
            self._filesystem.close(file)
        pid = words.split()[1:2]
        return f" by process {pid[0]}" if pid else ""


def read_log_id(folder: LogFolder, filesystem: FileSystem) -> str:
    """Return which log the lock file names, without taking the lock; "" for none.

    A first start that died in the middle of `write_owner` names none.
    """
    try:
        file = filesystem.open_to_read(folder.lock_path)
    except FileNotFoundError:
        return ""
    try:
        text = filesystem.read_at(file, 256, 0).decode("ascii", "replace")
    finally:
        filesystem.close(file)
    match = _LOG_ID.match(text)
    return match[0] if match else ""


def require_same_log(log_id: str, folder: LogFolder, found: bytes | None) -> None:
    """Check that the folder's segments are of the log that lived here before.

    Args:
        log_id: the log that the folder's lock file names; "" for none.
        folder: the data folder.
        found: the log id of the segments, None where there are none.

    Raises:
        CorruptLogError: all segments are gone, or they are another log's.
    """
    if not log_id or (found is not None and found.hex() == log_id):
        return
    what = "no segment" if found is None else f"segments of log {found.hex()}"
    kind = MissingSegmentError if found is None else ForeignSegmentError
    raise kind(
        f"{folder.log_path}: {what}, expected those of log {log_id}, which "
        f"{folder.lock_path} names; bring them back, or remove {folder.lock_path} if "
        f"this was on purpose"
    )
