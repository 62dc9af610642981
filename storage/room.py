"""Room on the disk: how much is free, and whether what is written leaves the reserve.

The reserve (`disk-reserve`) is what writes of clients and ordinary snapshots leave
free, so that a full disk still has room for what makes room: the end of a segment, and
the snapshot that lets old segments go.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem

_WARN_BYTES = 1024 * 1024 * 1024
_WARN_SHARE = 10
_BACK_SHARE = 8
_LAST_SHARE = 8


class Room(NamedTuple):
    """What is free on the file system of a folder.

    Attributes:
        free_bytes: what this process may still write.
        size_bytes: all that the file system holds.
    """

    free_bytes: int
    size_bytes: int

    def is_used_up(self, reserve: int, *, was_used_up: bool) -> bool:
        """Say whether the reserve is reached; once it is, until there is a bit more."""
        bound = reserve + (reserve // _BACK_SHARE if was_used_up else 0)
        return self.free_bytes < bound

    def is_low(self, reserve: int) -> bool:
        """Say whether somebody should make room: a tenth, or 1 GiB, is left."""
        left = self.free_bytes - reserve
        return left < min(_WARN_BYTES, self.size_bytes // _WARN_SHARE)


class NoRoomError(OSError):
    """What was to be written would take from the reserve; nothing is left of it."""

    def __init__(self, text: str) -> None:
        """Say what was to be written, and how much room there is."""
        super().__init__(errno.ENOSPC, text)
        self.text = text

    def __str__(self) -> str:
        """Return the text alone: it is our own refusal, not the system's."""
        return self.text


def last_bytes(reserve: int) -> int:
    """Return how much of the reserve nothing takes but the log itself."""
    return reserve // _LAST_SHARE


def require_room(
    filesystem: FileSystem, folder: Path, needed: int, floor: int, what: str
) -> None:
    """Check that something fits above a floor.

    Args:
        filesystem: the door to the disk.
        folder: where it is to be written.
        needed: its bytes.
        floor: how many bytes have to stay free.
        what: what it is, for the text of an error.

    Raises:
        NoRoomError: it does not fit.
    """
    free = filesystem.room(folder).free_bytes
    if free < needed + floor:
        raise NoRoomError(
            f"{folder}: no room for {what}: {needed} bytes beside the {floor} that "
            f"disk-reserve keeps, and {free} are free"
        )
