"""Numbers of records, as runs: a receipt may hold a million that follow each other."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Seqs:
    """A set of records' numbers, in order; it does not change.

    Attributes:
        runs: numbers that follow each other without a gap, the lowest first.
    """

    __slots__ = ("runs",)

    def __init__(self, runs: Iterable[range] = ()) -> None:
        """Make the union of some runs."""
        joined: list[range] = []
        for run in sorted(filter(None, runs), key=lambda run: run.start):
            last = joined[-1] if joined else None
            if last is not None and run.start <= last.stop:
                joined[-1] = range(last.start, max(last.stop, run.stop))
            else:
                joined.append(run)
        self.runs = tuple(joined)

    def __contains__(self, seq: int) -> bool:
        """Tell whether a number is among them."""
        place = bisect_right(self.runs, seq, key=lambda run: run.start) - 1
        return place >= 0 and seq in self.runs[place]

    def __iter__(self) -> Iterator[int]:
        """Yield each number, in order."""
        for run in self.runs:
            yield from run

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self.runs))

    def __eq__(self, other: object) -> bool:
        """Tell whether the same numbers are in both."""
        return isinstance(other, Seqs) and self.runs == other.runs

    def __hash__(self) -> int:
        """Return what equal sets have in common."""
        return hash(self.runs)

    def __or__(self, other: Seqs) -> Seqs:
        """Return the numbers of both."""
        return Seqs((*self.runs, *other.runs))

    @property
    def first(self) -> int:
        """The lowest of them."""
        return self.runs[0].start

    @property
    def last(self) -> int:
        """The highest of them."""
        return self.runs[-1].stop - 1

    def up_to(self, seq: int) -> Seqs:
        """Return those that are not higher than a number."""
        return Seqs(range(run.start, min(run.stop, seq + 1)) for run in self.runs)

    def issuperset(self, other: Seqs) -> bool:
        """Tell whether all numbers of another set are among them."""
        return (self | other).runs == self.runs
