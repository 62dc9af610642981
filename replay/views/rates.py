"""Rates: depths, and what happened, in each of equal times: the lines of charts."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text
from joblog.replay.views.board import DEEDS, deeds_of
from joblog.replay.views.depths import SLOTS, Depth
from joblog.replay.views.sums import Sums

if TYPE_CHECKING:
    from joblog.replay.jobs.ledger_rows import KnownSteps, What
    from joblog.replay.views.board import Board
    from joblog.replay.views.sums import Slots


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

    def __init__(self, board: Board, span: Slots) -> None:
        """Count what happened in a span."""
        self.lines: dict[bytes, Line] = {}
        self._span = span
        self._known_seq = board.known_seq
        for name, queue in board.before(span.from_ms - 1).items():
            for state, count in queue.states.items():
                if count:
                    self._line(name).depth(state).add(0, count)
        found: Counter[tuple[int, What]] = Counter()
        for told in board.told_of(span):
            if isinstance(told, Sums):
                _count_sums(told, span, found)
            else:
                _count_steps(told, span, found)
        for (slot, what), count in found.items():
            self._add(what, count, slot)

    def _line(self, name: bytes) -> Line:
        line = self.lines.get(name)
        if line is None:
            line = self.lines[name] = Line()
        return line

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
        starts_ms = span.starts_ms()
        count = len(starts_ms)
        return {
            "known_seq": self._known_seq,
            "from": json_time(span.from_ms),
            "from_ms": span.from_ms,
            "until": json_time(span.until_ms),
            "until_ms": span.until_ms,
            "slots_ms": starts_ms,
            "queues": {
                json_text(name): {
                    "depths": {
                        state: depth.at_ends()[:count]
                        for state, depth in line.depths.items()
                    },
                    **{deed: counts[:count] for deed, counts in line.deeds.items()},
                }
                for name, line in self.lines.items()
            },
        }


def _count_steps(
    steps: KnownSteps, span: Slots, found: Counter[tuple[int, What]]
) -> None:
    """Count those steps that lie in a span, in each slot what was alike."""
    times, bits, first = steps.times, span.bits, span.slot(0)
    place = bisect_left(times, span.from_ms)
    end = bisect_left(times, span.until_ms + 1)
    slots = (at_ms >> bits for at_ms in times[place:end])
    counts = Counter(zip(slots, steps.whats[place:end], strict=True))
    for (slot, what), count in counts.items():
        found[slot + first, steps.table[what]] += count


def _count_sums(sums: Sums, span: Slots, found: Counter[tuple[int, What]]) -> None:
    """Count what is counted already, in each slot what was alike."""
    shift, first = span.bits - sums.bits, span.slot(0)
    counts: Counter[tuple[int, int]] = Counter()
    for piece, what, count in zip(sums.pieces, sums.whats, sums.counts, strict=True):
        counts[piece >> shift, what] += count
    for (slot, what), count in counts.items():
        found[slot + first, sums.table[what]] += count
