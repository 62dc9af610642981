"""The redaction that is under way: a file from its first step to its last.

Whatever interrupts a redaction, the next run goes on with what is in here. It has the
names of what has to go, and the key of the tokens: its removal is the last step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgpack

from joblog.replay.redacting.selection import Selection
from joblog.storage.errors import StorageError
from joblog.storage.filesystem import sync_names, write_aside
from joblog.storage.redaction import PENDING_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem


class Pending(NamedTuple):
    """A redaction that is under way.

    Attributes:
        id: 16 random bytes.
        secret: the key of its tokens.
        from_seq: the log's last record when it began; its own record is behind.
        at_ms: when it began.
        by: who.
        why: in their words.
        archives: folders with copies of segments.
        selection: what has to go.
    """

    id: bytes
    secret: bytes
    from_seq: int
    at_ms: int
    by: str
    why: str
    archives: tuple[str, ...]
    selection: Selection


def write_pending(filesystem: FileSystem, folder: Path, pending: Pending) -> None:
    """Write down that a redaction begins, durably.

    Raises:
        OSError: the disk refused.
    """
    data = msgpack.packb(pending, unicode_errors="surrogateescape")
    path = folder / PENDING_NAME
    write_aside(filesystem, folder / f"{PENDING_NAME}.new", path, data)


def read_pending(filesystem: FileSystem, folder: Path) -> Pending | None:
    """Return the redaction that was interrupted; None where none was.

    Raises:
        StorageError: the file does not say which.
    """
    path = folder / PENDING_NAME
    try:
        file = filesystem.open_to_read(path)
    except FileNotFoundError:
        return None
    try:
        data = filesystem.read_at(file, filesystem.size(file), 0)
    finally:
        filesystem.close(file)
    try:
        *who, archives, selection = msgpack.unpackb(
            data, unicode_errors="surrogateescape"
        )
        secret_id, secret, from_seq, at_ms, by, why = who
        wanted = Selection(*map(tuple, selection))
        return Pending(
            secret_id, secret, from_seq, at_ms, by, why, tuple(archives), wanted
        )
    except (TypeError, ValueError, msgpack.UnpackException) as error:
        raise StorageError(f"{path}: does not say what is to be redacted") from error


def remove_pending(filesystem: FileSystem, folder: Path) -> None:
    """Note that a redaction is over, durably.

    Raises:
        OSError: the disk refused.
    """
    filesystem.unlink(folder / PENDING_NAME)
    sync_names(filesystem, folder)
