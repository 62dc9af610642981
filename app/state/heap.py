"""Heap: how much of the memory that the process holds is in use.

    held (RSS) = in use + what was freed and is kept, by one of two allocators
    in use     = blocks of pymalloc + blocks of malloc + files that are mapped (code)

Python takes objects of up to 512 bytes from pymalloc, which has arenas of a megabyte,
and the rest from the C library's malloc. Either keeps most of what is freed, for what
comes next: of a process that has just lost half of its data the system sees little.

pymalloc tells quickly what is in use, malloc only by a walk over all holes between its
blocks: 0.2 s where there are 250,000. So while there are many, malloc is asked once in
a long time, and in between the number of its blocks, which Python counts, is taken
times their mean size. Where nobody can be asked (another C library, another Python)
what is in use is what is held.
"""

from __future__ import annotations

import sys
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING, Final

from joblog.app.state import process

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.allocators import Allocators

_QUICK_NS: Final = 2_000_000
_REST_OVER_SLOW: Final = 3000
_HOLES_MAX: Final = 20_000
_GROWTH: Final = 8
"""Of a process that has grown by an eighth the mean block may be another."""

_NS_PER_MS: Final = 1_000_000
_REST_OVER_COST: Final = 20
_REST_NS_LEAST: Final = 1_000_000
_WINDOW_NS: Final = 100_000_000
_AGAIN_NS_MAX: Final = 20_000_000


def find_allocators() -> Allocators | None:
    """Return the allocators; None where they do not tell how much is in use."""
    # A megabyte and some milliseconds that few servers need, and `replay` never.
    from joblog.app.state.allocators import find_allocators  # noqa: PLC0415

    return find_allocators()


class Usage:
    """Tells what is in use. It looks for the allocators when it is first asked."""

    def __init__(self, find: Callable[[], Allocators | None] = find_allocators) -> None:
        """Begin with nothing known.

        Args:
            find: finds the allocators.
        """
        self._find = find
        self._allocators: Allocators | None = None
        self._is_known = False
        self._block_bytes = 0.0
        self._mapped = self._blocks = self._resident = self._again_ns = 0

    def __call__(self) -> int:
        """Return how many bytes are in use now."""
        if not self._is_known:
            self._is_known = True
            self._allocators = self._find()
        resident, shared = process.resident_and_shared_bytes()
        allocators = self._allocators
        if allocators is None:
            return resident
        totals = allocators.pymalloc()
        blocks = max(sys.getallocatedblocks() - totals.blocks, 1)
        if self._is_to_ask(blocks, resident):
            began = thread_time_ns()
            heaps, self._mapped = allocators.malloc()
            self._block_bytes = heaps / blocks
            elapsed = thread_time_ns() - began
            rest = _REST_OVER_SLOW if elapsed > _QUICK_NS else 0
            self._blocks, self._resident = blocks, resident
            self._again_ns = perf_counter_ns() + elapsed * rest
        malloc = int(self._block_bytes * blocks) + self._mapped
        return min(totals.size + malloc + shared, resident)

    def _is_to_ask(self, blocks: int, resident: int) -> bool:
        """Say whether malloc is to be asked: it will be quick, or it is time again."""
        change = resident - self._resident
        if change > self._resident // _GROWTH or -change > self._resident // 2:
            return True  # there is no hole in what is new, nor in what is gone
        has_holes = self._blocks - blocks > _HOLES_MAX
        return not has_holes and perf_counter_ns() >= self._again_ns


class Excess:
    """For how long more was in use than is allowed."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._total_ns = self._since_ns = 0

    def note(self, *, holds: bool) -> None:
        """Note that there is too much in use, or not any more."""
        if holds:
            self._since_ns = self._since_ns or perf_counter_ns()
        elif self._since_ns:
            self._total_ns += perf_counter_ns() - self._since_ns
            self._since_ns = 0

    def milliseconds(self) -> tuple[int, int]:
        """Return for how long it was so: in all, and by now."""
        by_now_ns = perf_counter_ns() - self._since_ns if self._since_ns else 0
        total_ns = self._total_ns + by_now_ns
        return total_ns // _NS_PER_MS, by_now_ns // _NS_PER_MS

    def reset(self) -> None:
        """Count from zero."""
        self._total_ns = self._since_ns = 0


class Gauge:
    """Knows how much memory is in use, as of a moment ago.

    Attributes:
        read: asks how much it is now; tests put another in its place.
        looks: how often it was asked.
        not_counted: how much of it does not count for eviction.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.read: Callable[[], int] = Usage()
        self._now_ns, self._spent = perf_counter_ns, thread_time_ns
        self._used = 0
        self._due_ns = 0
        self.looks = self.not_counted = 0
        self._window_ns = self._window_cost = 0

    def used(self) -> int:
        """Return how many bytes are in use, or were when it was time to look.

        It looks for a twentieth of the time at the most.
        """
        return self.look() if self._now_ns() >= self._due_ns else self._used

    def look(self) -> int:
        """Return how many bytes are in use now."""
        # By the processor's time: on a busy machine this thread may have to wait.
        began = self._spent()
        self._used = self.read()
        self.looks += 1
        cost = self._spent() - began
        self._due_ns = self._now_ns() + max(cost * _REST_OVER_COST, _REST_NS_LEAST)
        return self._used

    def look_again(self) -> int:
        """Return how many bytes are in use now; for a fifth of the time at the most."""
        now, began = self._now_ns(), self._spent()
        if now - self._window_ns > _WINDOW_NS:
            self._window_ns, self._window_cost = now, 0
        if self._window_cost > _AGAIN_NS_MAX:
            return self.used()
        used = self.look()
        self._window_cost += self._spent() - began
        return used

    def note_freed(self, size: int) -> None:
        """Take it that so many bytes are free, until it is time to look."""
        self._used -= size
