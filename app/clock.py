"""The wall clock, read in one place so that tests can pass another one."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return the wall clock's time in integer milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
