"""Depths: how many there are of something, over a span of time that is known before.

Time is cut into SLOTS equal slots, and what comes and goes is counted in each. So
memory does not grow with what is counted, and it may come in any order.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

SLOTS = 240


class Span(NamedTuple):
    """A span of time, in ms since the epoch, both ends included."""

    from_ms: int
    until_ms: int

    def slot(self, at_ms: int) -> int:
        """Return the slot that a time lies in; the nearest one for a time outside."""
        length = self.until_ms - self.from_ms + 1
        return min(max((at_ms - self.from_ms) * SLOTS // length, 0), SLOTS - 1)

    def starts_ms(self) -> list[int]:
        """Return when each slot begins."""
        length = self.until_ms - self.from_ms + 1
        return [self.from_ms + -(-slot * length // SLOTS) for slot in range(SLOTS)]


class Depth:
    """How many there are of something, over time.

    Attributes:
        last: how many there are at the end.
    """

    __slots__ = ("_changes", "last")

    def __init__(self) -> None:
        """Begin with none."""
        self.last = 0
        self._changes = [0] * SLOTS

    def add(self, slot: int, count: int) -> None:
        """Let some come in a slot, or go where `count` is below zero."""
        self.last += count
        self._changes[slot] += count

    def at_ends(self) -> list[int]:
        """Return how many there were at the end of each slot."""
        return list(accumulate(self._changes))


def highest(depths: list[int], width: int) -> list[int]:
    """Return the highest of depths in each of so many equal times; none of none."""
    if not depths:
        return []
    width = min(width, len(depths))
    edges = [place * len(depths) // width for place in range(width + 1)]
    return [max(depths[low:high]) for low, high in pairwise(edges)]
