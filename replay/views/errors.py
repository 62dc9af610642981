"""Errors on the time axis: where jobs begin to fail, or fail much more than before.

Jobs that failed, and those that came back from a worker to be tried again, are counted
in the slots of a chart. A mark stands where there are many of them for what was usual
in the slots before, at the first record that tells of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.replay.views.board import deeds_of
from joblog.replay.views.overview import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from joblog.replay.jobs.ledger_rows import What
    from joblog.replay.views.board import Board

ERRORS = "failed", "retried"
MARKS_MAX = 40
"""So many marks are shown, those with most errors."""

_USUAL_SLOTS = 12
_TIMES_USUAL = 4


class Burst(NamedTuple):
    """Some slots in a row in which jobs failed more than before.

    Attributes:
        first: the first of them.
        end: the one behind the last.
        counts: how many failed, and how many were tried again.
    """

    first: int
    end: int
    counts: tuple[int, ...]

    @property
    def name(self) -> bytes:
        """What happened, in words."""
        told = zip(self.counts, ERRORS, strict=True)
        return ", ".join(f"{count:,} {word}" for count, word in told if count).encode()


def find_bursts(slots: Sequence[tuple[int, ...]]) -> Iterator[Burst]:
    """Yield the bursts of some slots.

    Args:
        slots: for each, how often what happened.
    """
    sums = [sum(counts) for counts in slots]
    place = 0
    while place < len(sums):
        before = sums[max(place - _USUAL_SLOTS, 0) : place]
        usual = _TIMES_USUAL * sum(before) / max(len(before), 1)
        end = place
        last = min(place + _USUAL_SLOTS, len(sums))  # by then it is what is usual
        while end < last and sums[end] > usual:
            end += 1
        if end > place:
            counts = zip(*slots[place:end], strict=True)
            yield Burst(place, end, tuple(map(sum, counts)))
        place = max(end, place + 1)


def error_marks(board: Board, rates: Mapping[str, Any]) -> list[Mark]:
    """Return the marks of a log's errors, in order.

    Args:
        board: the log's.
        rates: what happened over its time; see `rates`.

    Raises:
        DamagedPartError: a page of the ledger is not what was written.
    """
    starts_ms, lines = rates["slots_ms"], rates["queues"].values()
    slots = [
        tuple(sum(line[name][place] for line in lines) for name in ERRORS)
        for place in range(len(starts_ms))
    ]
    bursts = sorted(find_bursts(slots), key=lambda burst: -sum(burst.counts))
    ends_ms = [*starts_ms, rates["until_ms"] + 1]
    marks = []
    for burst in sorted(bursts[:MARKS_MAX]):
        found = board.find_first(starts_ms[burst.first], ends_ms[burst.end], is_error)
        if found is not None:
            marks.append(Mark(*found, "errors", burst.name))
    return marks


def is_error(what: What) -> bool:
    """Say whether a step is one of an error."""
    return any(deed in ERRORS for deed in deeds_of(what))
