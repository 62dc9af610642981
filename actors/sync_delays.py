"""Sync delays: what is told of a disk that takes its time.

While the disk does not answer, `always` acknowledges nothing, and with `everysec` more
and more is not durable yet: an operator has to hear of it while it lasts.
"""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Final

from joblog.actors.failures import BoundedLog

if TYPE_CHECKING:
    from joblog.actors.loop import Loop

SLOW_SECONDS: Final = 1.0
"""A call of fdatasync that takes longer is slow."""

QUICK_SECONDS: Final = 0.02
"""A call that takes no longer may be made by the loop itself."""

_STUCK_SECONDS: Final = 2.0


class SyncDelays:
    """Counts slow calls of fdatasync, and tells of them.

    Attributes:
        count: how many there were.
        longest_ms: how long the longest of all calls took.
        is_quick: the last call did not keep anybody long.
    """

    def __init__(self, loop: Loop) -> None:
        """Begin with none."""
        self._lines = BoundedLog(loop, "calls of fdatasync that took long")
        self._began = 0.0
        self._is_told = False
        self._ended = monotonic()
        self.count = 0
        self.longest_ms = 0
        self.is_quick = True

    def begin(self) -> None:
        """Note that a call begins."""
        self._began = monotonic()
        self._is_told = False

    def look(self) -> None:
        """Tell of a call that has not ended yet, once."""
        seconds = monotonic() - self._began
        if seconds > _STUCK_SECONDS and not self._is_told:
            self._is_told = True
            self._lines.write(
                logging.WARNING,
                "the disk is busy: fdatasync of the log has not ended for %.1f s; what "
                "comes in meanwhile is not durable yet",
                seconds,
            )

    def end(self, seconds: float) -> None:
        """Note how long a call took."""
        self.is_quick = seconds <= QUICK_SECONDS
        self._ended = monotonic()
        self.longest_ms = max(self.longest_ms, int(seconds * 1000))
        if seconds > SLOW_SECONDS:
            self.count += 1
            text = "the disk is slow: fdatasync of the log took %.1f s"
            self._lines.write(logging.WARNING, text, seconds)

    def status(self) -> dict[str, int]:
        """Return what is known of them, by the names of the fields of INFO."""
        return {
            "log_slow_syncs": self.count,
            "log_longest_sync_ms": self.longest_ms,
            "log_last_sync_seconds": self.since_last(),
        }

    def since_last(self) -> int:
        """Return how many seconds ago the last call ended; before one, the start."""
        return int(monotonic() - self._ended)
