"""Rates: depths, and what happened, in each of equal times: the lines of charts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text
from joblog.replay.views.board import DEEDS, deeds_of
from joblog.replay.views.depths import SLOTS, Depth

if TYPE_CHECKING:
    from joblog.replay.jobs.ledger_rows import KnownSteps, What
    from joblog.replay.views.board import Board
    from joblog.replay.views.depths import Span


class Line:
    """One queue over time.

    Attributes:
        depths: how many jobs it has in which state.
        deeds: what happened, how often in each slot.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.depths: dict[str, Depth] = {}
        self.deeds = {name: [0] * SLOTS for name in DEEDS}

    def depth(self, state: str) -> Depth:
        """Return how many jobs there are in a state."""
        return self.depths.setdefault(state, Depth())


class Rates:
    """The queues of a board over a span of time.

    Attributes:
        lines: them, by name.
    """

    def __init__(self, board: Board, span: Span) -> None:
        """Count what happened in a span."""
        self.lines: dict[bytes, Line] = {}
        self._span = span
        for name, queue in board.before(span.from_ms - 1).items():
            for state, count in queue.states.items():
                if count:
                    self._line(name).depth(state).add(0, count)
        for steps in board.steps_of(span):
            self._count(steps)

    def _line(self, name: bytes) -> Line:
        line = self.lines.get(name)
        if line is None:
            line = self.lines[name] = Line()
        return line

    def _count(self, steps: KnownSteps) -> None:
        """Count steps, those of each slot at once."""
        span, times = self._span, steps.times
        place = bisect_left(times, span.from_ms)
        end = bisect_left(times, span.until_ms + 1)
        starts_ms = span.starts_ms()
        while place < end:
            slot = span.slot(times[place])
            stop = end
            if slot + 1 < SLOTS:
                stop = min(end, bisect_left(times, starts_ms[slot + 1], place, end))
            for what, count in Counter(steps.whats[place:stop]).items():
                self._add(steps.table[what], count, slot)
            place = max(stop, place + 1)

    def _add(self, what: What, count: int, slot: int) -> None:
        line = self._line(what.queue)
        if (what.from_queue, what.from_state) != (what.queue, what.state):
            if what.from_queue is not None:
                self._line(what.from_queue).depth(what.from_state).add(slot, -count)
            line.depth(what.state).add(slot, count)
        for deed in deeds_of(what):
            line.deeds[deed][slot] += count

    def facts(self) -> dict[str, Any]:
        """Return them for JSON."""
        span = self._span
        return {
            "from": json_time(span.from_ms),
            "from_ms": span.from_ms,
            "until": json_time(span.until_ms),
            "until_ms": span.until_ms,
            "slots_ms": span.starts_ms(),
            "queues": {
                json_text(name): {
                    "depths": {
                        state: depth.at_ends() for state, depth in line.depths.items()
                    },
                    **line.deeds,
                }
                for name, line in self.lines.items()
            },
        }
