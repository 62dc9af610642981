"""Two clocks, read in one place so that tests can pass others.

The wall clock is what deadlines and records go by; somebody may set it. The steady one
nobody sets: who waits, and whatever else counts how much time passes, goes by it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)

JUMP_MS: Final = 500
"""A clock that differs by more than this from what it should say has been set."""

NEAR_MS: Final = 50
"""Within this it is taken to go on as before: both clocks are rounded down."""

TELL_AGAIN_MS: Final = 10_000
"""Jumps that follow each other sooner are counted, but not logged one by one."""

# It goes on while the machine sleeps, where the system has such a clock.
_STEADY_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ms() -> int:
    """Return the wall clock's time in integer milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Return the time of a clock that nobody sets, in ms from any beginning."""
    return time.clock_gettime_ns(_STEADY_CLOCK) // 1_000_000


class Jumps:
    """What the wall clock was set by while the server ran.

    Attributes:
        ahead_ms: how far the wall clock was ahead of the steady one at the last look.
            Who reads both calls `look` where that is no longer within `NEAR_MS`.
        count: how many jumps there were.
        last_ms: by how much the last one went forward, or, negative, back.
        last_at_ms: what the wall clock said behind it; 0 where there was none.
    """

    def __init__(
        self, read_wall_ms: Callable[[], int], read_steady_ms: Callable[[], int]
    ) -> None:
        """Begin with what the clocks say.

        Args:
            read_wall_ms: the wall clock.
            read_steady_ms: the steady one.
        """
        self._read_wall_ms = read_wall_ms
        self._read_steady_ms = read_steady_ms
        self.ahead_ms = read_wall_ms() - read_steady_ms()
        self.count = 0
        self.last_ms = 0
        self.last_at_ms = 0
        self._untold = 0
        self._tell_from_ms: int | None = None

    def look(self) -> None:
        """Follow the wall clock; where it was set, count that and say so."""
        wall_ms, steady_ms = self._read_wall_ms(), self._read_steady_ms()
        ahead_ms = wall_ms - steady_ms
        jump_ms = ahead_ms - self.ahead_ms
        self.ahead_ms = ahead_ms
        if -JUMP_MS <= jump_ms <= JUMP_MS:
            # A correction; or the process stood still between two reads before.
            return
        self.count += 1
        self.last_ms, self.last_at_ms = jump_ms, wall_ms
        if self._tell_from_ms is not None and steady_ms < self._tell_from_ms:
            self._untold += 1
            return
        _logger.warning(
            "the system clock was set %s by %.1f s%s; deadlines go by it as it is now",
            "forward" if jump_ms > 0 else "back",
            abs(jump_ms) / 1000,
            f" (and {self._untold} times before)" if self._untold else "",
        )
        self._untold = 0
        self._tell_from_ms = steady_ms + TELL_AGAIN_MS
