"""DiskWatch: what the log writer knows of the room on the disk, and says of it.

It looks once a second, and before the log has grown by a part of what was left. Where
the reserve is reached, writes of clients are refused before one fails: the last ones
were let into the reserve, so that nobody waits for an answer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.room import Room

logger = logging.getLogger(__name__)

TELL_AGAIN_MS: Final = 600_000
_SHARE: Final = 4
_LOOK_BYTES_MIN: Final = 64 * 1024

RESERVE_REACHED: Final = b"the disk has no more room than disk-reserve keeps free"
"""What a refused client reads behind `-MISCONF`, as it reads of a full disk."""


class DiskWatch:
    """The room on the disk of a data folder.

    Attributes:
        trouble: why clients may not write, or None.
        bytes_until_look: how much the log may grow before it is to look again.
    """

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        reserve: Callable[[], int],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Watch the disk of a data folder.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            reserve: asked at each look, since CONFIG SET may change it.
            steady_ms: the clock that nobody sets.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._reserve = reserve
        self._steady_ms = steady_ms
        self.trouble: bytes | None = None
        self.bytes_until_look = 0
        self._room: Room | None = None
        self._is_low = False
        self._told_ms = 0
        self._told_left = 0

    def look(self) -> None:
        """Look how much room there is, and say what an operator must know."""
        try:
            room = self._filesystem.room(self._folder)
        except OSError as error:
            logger.debug("%s: cannot see how much is free: %s", self._folder, error)
            return
        self._room = room
        reserve = self._reserve()
        was_used_up = self.trouble is not None
        is_used_up = room.is_used_up(reserve, was_used_up=was_used_up)
        left = max(room.free_bytes - reserve, 0)
        self.bytes_until_look = max(left // _SHARE, _LOOK_BYTES_MIN)
        self.trouble = RESERVE_REACHED if is_used_up else None
        if is_used_up != was_used_up:
            self._tell_of_reserve(room, reserve)
        self._warn(room, reserve, left)

    def status(self) -> dict[str, Any]:
        """Return what INFO says of the disk."""
        room = self._room
        return {
            "log_disk_free_bytes": 0 if room is None else room.free_bytes,
            "log_disk_size_bytes": 0 if room is None else room.size_bytes,
            "log_disk_reserve_bytes": self._reserve(),
            "log_disk_low": int(self._is_low),
            "log_disk_status": "ok" if self.trouble is None else "err",
        }

    def _tell_of_reserve(self, room: Room, reserve: int) -> None:
        if self.trouble is None:
            logger.warning(
                "the disk has room again, writes are accepted: %d bytes are free",
                room.free_bytes,
            )
        else:
            logger.error(
                "the disk of %s is full up to the reserve, writes are refused and "
                "reads served: %d bytes are free, disk-reserve keeps %d; make room, "
                "or lower disk-reserve",
                self._folder,
                room.free_bytes,
                reserve,
            )

    def _warn(self, room: Room, reserve: int, left: int) -> None:
        """Warn that the disk gets full: at first, at each half of it, now and then."""
        was_low, self._is_low = self._is_low, room.is_low(reserve)
        if not self._is_low or self.trouble is not None:
            return
        now_ms = self._steady_ms()
        is_due = now_ms - self._told_ms >= TELL_AGAIN_MS
        if was_low and not is_due and left > self._told_left // 2:
            return
        self._told_ms, self._told_left = now_ms, left
        logger.warning(
            "the disk of %s gets full: %d bytes until writes are refused (%d are "
            "free, disk-reserve keeps %d)",
            self._folder,
            left,
            room.free_bytes,
            reserve,
        )
