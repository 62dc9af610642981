"""The board: each queue at any moment, by sums over the steps of all jobs.

The steps of a long log lie on pages of the ledger (`joblog.replay.jobs.ledger`). They
are read once, when the board is made: of each page only how often what happened is
kept. So a moment is the sum of the pages before it and a part of one page, which costs
the same wherever it is. What no page has is followed (`columns`), and goes on where
the log grows.

Numbers here are what the steps tell, as in `replay metrics`: a job whose worker died
still runs. What is wrong, and how old what waits is, is for `overview` to say, which
has to look at each job.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.ledger import Ledger
from joblog.replay.views.columns import Columns
from joblog.replay.views.counting import deed_of
from joblog.replay.views.past_series import find_started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.ledger_rows import KnownSteps, What
    from joblog.replay.views.depths import Span
    from joblog.replay.views.source import Source

MINUTE_MS = 60_000
DEEDS = ("in", "out", "done", "failed", "retried")
"""What is counted of a queue: jobs that were enqueued, taken, done, that failed, and
that came back from a worker or from having failed."""

_NAMES = {"enqueued": "in", "taken": "out", "done": "done", "failed": "failed"}
_BACK_FROM = frozenset(("running", "failed"))
_BACK_TO = frozenset(("waiting", "scheduled", "blocked"))
_BEHIND_SECONDS = 0.2


class Page(NamedTuple):
    """Some steps, of which only sums are kept.

    Attributes:
        first_seq: its first record.
        end_seq: its last record.
        last_ms: the time of its last step, that of the page before where it has none.
        counts: how often what happened.
        read: reads the steps again.
    """

    first_seq: int
    end_seq: int
    last_ms: int
    counts: Counter[What]
    read: Callable[[], KnownSteps]


class QueueAt(NamedTuple):
    """One queue at a moment.

    Attributes:
        states: how many jobs are in which state.
        deeds: how often what happened up to then; names are in `DEEDS`.
    """

    states: Counter[str]
    deeds: Counter[str]


def deeds_of(what: What) -> Iterator[str]:
    """Yield as what a step is counted."""
    name = _NAMES.get(deed_of(what) or "")
    if name is not None:
        yield name
    if what.from_state in _BACK_FROM and what.state in _BACK_TO:
        yield "retried"


class Board:
    """The queues of one log.

    Attributes:
        known_seq: the last record that is counted.
        is_whole: whether that is the log's end, as it was when it was looked at last.
    """

    def __init__(self, source: Source) -> None:
        """Read the pages of the ledger.

        Raises:
            StorageError: the log is damaged.
            SchemaError: a schema in the folder is none.
        """
        self._pages: list[Page] = []
        self._columns: Columns | None = None
        self._kind = ""
        self._counted: tuple[int, Counter[What]] = 0, Counter()
        self.floor = self.known_seq = source.index.bases.find_floor()
        self.is_whole = False
        self.last_ms = 0
        started, _ = find_started(source.index, source.schemas, self.known_seq)
        self._started = started
        self._read_pages(source)

    def _read_pages(self, source: Source) -> None:
        ledger = Ledger(source.index, source.schemas)
        self._kind = ledger.kind
        for page in ledger.pages:
            source.progress(page.last_seq)
            steps = page.steps()
            counts = Counter(steps.whats)
            table = steps.table
            self.last_ms = steps.times[-1] if steps.times else self.last_ms
            self._pages.append(
                Page(
                    page.first_seq,
                    page.last_seq,
                    self.last_ms,
                    Counter({table[what]: count for what, count in counts.items()}),
                    page.steps,
                )
            )
            self.known_seq = page.last_seq

    def go_on(self, source: Source, seconds: float = _BEHIND_SECONDS) -> bool:
        """Follow what no page has, for a while; say whether all is counted.

        Raises:
            StorageError: the log is damaged, or what comes next was pruned.
        """
        last_seq = source.index.last_seq
        if last_seq > self.known_seq:
            if self._columns is None:
                self._columns = Columns(source, self.known_seq)
            self.is_whole = self._columns.go_on(last_seq, seconds)
            self.known_seq = self._columns.seq
            times = self._columns.steps.times
            self.last_ms = times[-1] if times else self.last_ms
        else:
            self.is_whole = True
        return self.is_whole

    def close(self) -> None:
        """Close the log."""
        if self._columns is not None:
            self._columns.close()

    # --- one moment ---------------------------------------------------------------

    def at(self, seq: int) -> dict[bytes, QueueAt]:
        """Return the queues after a record."""
        return self._fold(self._sum(lambda steps: steps.span(0, seq)[1], seq, None))

    def before(self, at_ms: int) -> dict[bytes, QueueAt]:
        """Return the queues at a time: with the steps that are not later."""
        return self._fold(
            self._sum(lambda steps: bisect_right(steps.times, at_ms), None, at_ms)
        )

    def _sum(
        self, end_of: Callable[[KnownSteps], int], seq: int | None, at_ms: int | None
    ) -> Counter[What]:
        """Add up the steps up to a moment: whole pages, and a part of one."""
        if seq is not None:
            whole = bisect_right([page.end_seq for page in self._pages], seq)
        else:
            whole = bisect_left(
                [page.last_ms for page in self._pages], (at_ms or 0) + 1
            )
        found = Counter(self._whole(whole))
        parts = [self._pages[whole].read()] if whole < len(self._pages) else []
        if not parts and self._columns is not None:
            parts.append(self._columns.steps)
        for steps in parts:
            counts = Counter(steps.whats[: end_of(steps)])
            for number, count in counts.items():
                found[steps.table[number]] += count
        return found

    def _whole(self, count: int) -> Counter[What]:
        """Return the sum of the first pages; that of the last look is kept."""
        known, found = self._counted
        if known > count:
            known, found = 0, Counter()
        for page in self._pages[known:count]:
            found.update(page.counts)
        self._counted = count, found
        return found

    def _fold(self, whats: Counter[What]) -> dict[bytes, QueueAt]:
        found: dict[bytes, QueueAt] = {}

        def queue(name: bytes) -> QueueAt:
            if name not in found:
                found[name] = QueueAt(Counter(), Counter())
            return found[name]

        for (name, state), count in self._started.items():
            queue(name).states[state] += count
        for what, count in whats.items():
            here = queue(what.queue)
            if (what.from_queue, what.from_state) != (what.queue, what.state):
                if what.from_queue is not None:
                    queue(what.from_queue).states[what.from_state] -= count
                here.states[what.state] += count
            for deed in deeds_of(what):
                here.deeds[deed] += count
        return found

    # --- over time ----------------------------------------------------------------

    def steps_of(self, span: Span) -> Iterator[KnownSteps]:
        """Yield the steps that have to do with a span of time, in order."""
        first = bisect_left([page.last_ms for page in self._pages], span.from_ms)
        for page in self._pages[first:]:
            steps = page.read()
            if steps.times and steps.times[0] > span.until_ms:
                return
            yield steps
        if self._columns is not None:
            yield self._columns.steps


class Moment(NamedTuple):
    """The queues at a moment, and what happened in the minute before.

    Attributes:
        queues: them.
        minute: how often what happened in each.
    """

    queues: dict[bytes, QueueAt]
    minute: dict[bytes, Counter[str]]


def look_at(board: Board, point: Point) -> Moment:
    """Return the queues at a moment."""
    queues = board.at(point.seq)
    before = board.before(point.at_ms - MINUTE_MS)
    minute = {}
    for name, queue in queues.items():
        earlier = before.get(name)
        minute[name] = queue.deeds - earlier.deeds if earlier else Counter(queue.deeds)
    return Moment(queues, minute)
