"""Buffers: what the connections of clients hold, as CLIENT LIST and INFO tell it.

A read is parsed at once and lies in memory until its commands have run; replies wait
only where the socket does not take them. So an idle client holds no buffer at all.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

IDLE_BYTES: Final = 3400
"""What an idle connection takes; see docs/performance.md."""

_SECONDS: Final = 8
_MS_PER_SECOND: Final = 1000


class Buffers(NamedTuple):
    """What one connection holds, in bytes.

    Attributes:
        batch: of the read whose commands are under way.
        rest: that wait for the rest of their command.
        arguments: of that command, which are there already.
        rest_free: for which there is memory behind the rest.
        replies: that the socket does not take yet.
        pieces: in how many pieces they are.
        peak: of the largest replies that were sent at once.
        first: of the first piece.
        first_left: of that, which are not sent yet.
    """

    batch: int = 0
    rest: int = 0
    arguments: int = 0
    rest_free: int = 0
    replies: int = 0
    pieces: int = 0
    peak: int = 0
    first: int = 0
    first_left: int = 0


NO_BUFFERS: Final = Buffers()


class RecentMax:
    """The most that a figure was in the last eight seconds, as in Redis."""

    __slots__ = ("_maxima",)

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._maxima: deque[tuple[int, int]] = deque(maxlen=_SECONDS)

    def note(self, steady_ms: int, figure: int) -> None:
        """Note what the figure is."""
        second, maxima = steady_ms // _MS_PER_SECOND, self._maxima
        if maxima and maxima[-1][0] == second:
            figure = max(figure, maxima.pop()[1])
        maxima.append((second, figure))

    def find(self, steady_ms: int) -> int:
        """Return the most that it was, 0 where nothing was noted."""
        since = steady_ms // _MS_PER_SECOND - _SECONDS
        recent = [figure for second, figure in self._maxima if second > since]
        return max(recent, default=0)
