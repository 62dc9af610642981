"""Slowness on purpose: test suites have keys saved and loaded slowly.

Source: Redis 7.0.15; see tests/server/test_slowness.py.
"""

from __future__ import annotations

import select
import time
from typing import Final

_US_PER_SECOND: Final = 1_000_000


def seconds_for(delay: int, keys: int) -> float:
    """Return how long so many keys are to take.

    Args:
        delay: microseconds for each key; below 0, keys for each microsecond.
        keys: how many.
    """
    microseconds = delay * keys if delay >= 0 else keys / -delay
    return microseconds / _US_PER_SECOND


def wait_for_reader(seconds: float, output: int) -> None:
    """Wait so long, or until nobody reads what this process says.

    Args:
        seconds: how long.
        output: the descriptor of a pipe to whoever reads.
    """
    poll = select.poll()
    poll.register(output, 0)  # what is told unasked: the other end is closed
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if poll.poll(min(left * 1000 + 1, 60_000)):
            return
