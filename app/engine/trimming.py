"""Trimming: freed memory that malloc keeps goes back to the system.

The C library gives long blocks back by itself only where they end its heap. So of the
replies that a slow client did not read, or of a database that was flushed, gigabytes
would stay with the process until it ends, used by nobody.

malloc is asked to give back what is free, and then left alone for long enough that all
this takes one three-thousandth of the time: 0.1 ms where the heap is full, 40 ms where
it has 150,000 holes, and some 60 ms once for each gigabyte that goes.
"""

from __future__ import annotations

from time import perf_counter_ns, thread_time_ns
from typing import Final

from joblog.app.state import process

_NS_PER_SECOND: Final = 1_000_000_000
_SMALL_BYTES: Final = 64 << 20
_WORTH_IT: Final = 20
_GROWTH: Final = 8
_REST_OVER_COST: Final = 3000
_REST_NS_LEAST: Final = 5 * _NS_PER_SECOND
_SOON_NS: Final = _NS_PER_SECOND


class Trimming:
    """Asks malloc to give back what is free, when it is time.

    Attributes:
        now_ns: the time, in ns, by a clock that nobody sets.
        spent_ns: the processor's time that this thread has taken, in ns.
        resident_bytes: how much the process holds.
        give_back: asks malloc.
    """

    def __init__(self) -> None:
        """Begin with nothing known; tests put others in the place of what it asks."""
        self.now_ns, self.spent_ns = perf_counter_ns, thread_time_ns
        self.resident_bytes = process.resident_bytes
        self.give_back = process.give_back
        self._least = self._soon_ns = self._later_ns = 0

    def look(self) -> None:
        """Give freed memory back if it is time; upkeep calls it ten times a second."""
        now_ns = self.now_ns()
        if now_ns < self._soon_ns:
            return
        before = self.resident_bytes()
        if before < _SMALL_BYTES:
            return
        has_grown = before > self._least + self._least // _GROWTH + _SMALL_BYTES
        if has_grown or now_ns >= self._later_ns:
            self._trim(before)

    def _trim(self, before: int) -> None:
        """Give back, and see what that has cost and brought."""
        # By the processor's time: on a busy machine this thread may have to wait.
        began = self.spent_ns()
        self.give_back()
        cost = self.spent_ns() - began
        now_ns = self.now_ns()
        self._least = self.resident_bytes()
        self._soon_ns = self._later_ns = now_ns + _SOON_NS
        if before - self._least < before // _WORTH_IT:
            self._later_ns = now_ns + max(cost * _REST_OVER_COST, _REST_NS_LEAST)
