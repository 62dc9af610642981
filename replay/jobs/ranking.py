"""Jobs in the order in which people want to hear of them: the severest first."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from joblog.replay.jobs.verdicts import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.jobs.reading import Judged

MOST_ON_A_TERMINAL = 100
OTHER_LINES = 3
"""Of a screen that is full of jobs: the headings, the summary, and the cursor's."""

_SEVEREST = (
    *("lost", "delivered twice", "stuck", "failed", "deleted", "in hand", "taken"),
    *("running", "blocked", "waiting", "scheduled", "cancelled", "done"),
)
assert set(_SEVEREST) == set(VERDICTS)


class Ranking:
    """Jobs by their verdicts; of one verdict they keep the order in which they come."""

    def __init__(self, found: Iterable[Judged]) -> None:
        """Take all jobs that are to be shown, or to be counted."""
        self._by_word: dict[str, list[Judged]] = {word: [] for word in _SEVEREST}
        for judged in found:
            self._by_word[judged.verdict.word].append(judged)

    def first(self, count: int | None = None) -> Iterator[Judged]:
        """Yield the severest of them; None and 0 for all."""
        ranked = (judged for jobs in self._by_word.values() for judged in jobs)
        return islice(ranked, count or None)

    def summary(self, shown: int) -> str:
        """Return in a line how many there are of each verdict, and how many more."""
        count = Counter({word: len(jobs) for word, jobs in self._by_word.items()})
        words = [f"{number:,} {word}" for word, number in count.items() if number]
        total = count.total()
        text = f"{total:,} job{'s' * (total != 1)}: {', '.join(words)}"
        if shown < total:
            text += f"; {total - shown:,} more are not shown: -n 0 shows all"
        return text
