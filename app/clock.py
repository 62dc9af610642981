"""The wall clock, read in one place so that tests can pass another one."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)

JUMP_MS: Final = 1000
"""A difference that grows by more than this at once is a jump, not a correction."""

_SLEW: Final = 10
"""A jump is followed by one part in so many of the time that passes."""

# It goes on while the machine sleeps, where the system has such a clock.
_STEADY_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ms() -> int:
    """Return the wall clock's time in integer milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _steady_ms() -> int:
    return time.clock_gettime_ns(_STEADY_CLOCK) // 1_000_000


class SteadyClock:
    """The wall clock without its jumps: what deadlines and timeouts go by.

    Small corrections are followed at once. Where the wall clock jumps, this one goes on
    as time really passes, and is let drift towards the other by a tenth: an hour's jump
    takes ten hours. So a wrong clock does not expire every key at once, and one that
    was set back does not stop what waits. It never goes back by more than a correction.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int] = now_ms,
        steady_ms: Callable[[], int] = _steady_ms,
    ) -> None:
        """Begin with what the wall clock says.

        Args:
            wall_ms: the wall clock.
            steady_ms: a clock that nobody sets, from any beginning.
        """
        self._wall_ms = wall_ms
        self._steady_ms = steady_ms
        self._last_steady_ms = steady_ms()
        self._last_ms = wall_ms()
        self._is_astray = False

    def __call__(self) -> int:
        """Return the time in integer milliseconds since the epoch."""
        steady_ms, wall_ms = self._steady_ms(), self._wall_ms()
        passed_ms = steady_ms - self._last_steady_ms
        expected_ms = self._last_ms + passed_ms
        ahead_ms = wall_ms - expected_ms
        if -JUMP_MS <= ahead_ms <= JUMP_MS:
            self._is_astray = False
            self._last_ms, self._last_steady_ms = wall_ms, steady_ms
            return wall_ms
        if not self._is_astray:
            self._is_astray = True
            _logger.warning(
                "the system clock jumped by %.1f s; deadlines follow it by a tenth of "
                "the time that passes",
                ahead_ms / 1000,
            )
        step_ms = passed_ms // _SLEW
        if step_ms:  # else less than a step has passed: it is counted the next time
            self._last_ms = expected_ms + (step_ms if ahead_ms > 0 else -step_ms)
            self._last_steady_ms = steady_ms
            return self._last_ms
        return expected_ms
