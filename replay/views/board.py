"""The board: each queue at any moment, by sums over the steps of all jobs.

The steps of a long log lie on pages of the ledger (`joblog.replay.jobs.ledger`), and
beside each page how often what happened on it (`sums`). So a moment is the sum of the
pages before it and a part of one page, which costs the same wherever it is. What no
page has is followed (`columns`), and goes on where the log grows.

Numbers here are what the steps tell, as in `replay metrics`: a job whose worker died
still runs. What is wrong, and how old what waits is, is for `overview` to say, which
has to look at each job.
"""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.state import process
from joblog.replay.jobs.ledger import ledger_kind
from joblog.replay.views.columns import Columns
from joblog.replay.views.counting import deed_of
from joblog.replay.views.past_series import find_started
from joblog.replay.views.sums import SummedPage, has_pages_behind, summed_pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.ledger_rows import KnownSteps, What
    from joblog.replay.views.source import Source
    from joblog.replay.views.sums import Slots, Sums

MINUTE_MS = 60_000
DEEDS = ("in", "out", "done", "failed", "retried")
"""What is counted of a queue: jobs that were enqueued, taken, done, that failed, and
that came back from a worker or from having failed."""

_NAMES = {"enqueued": "in", "taken": "out", "done": "done", "failed": "failed"}
_BACK_FROM = frozenset(("running", "failed"))
_BACK_TO = frozenset(("waiting", "scheduled", "blocked"))
_BEHIND_SECONDS = 0.2
_SUMMED_PAGES = 16
"""The sum of all pages before is kept for each so many of them."""


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
        kind: what of: the moment at which following began, and the schemas.
        pages: what the index knows, in order.
        known_seq: the last record that is counted.
        is_whole: whether that is the log's end, as it was when it was looked at last.
    """

    def __init__(self, source: Source, *, has_pages: bool = True) -> None:
        """Read the sums of the ledger's pages.

        Args:
            source: the log.
            has_pages: whether what the index knows counts.

        Raises:
            StorageError: the log is damaged.
            SchemaError: a schema in the folder is none.
            DamagedPartError: a page of the ledger is not what was written.
        """
        self.pages: list[SummedPage] = []
        self._columns: Columns | None = None
        self._sums: list[Counter[What]] = [Counter()]
        self._firsts: dict[tuple[int, int], tuple[int, int]] = {}
        self._last_read: tuple[int, KnownSteps] | None = None
        self.known_seq = source.index.bases.find_floor()
        self.kind = ledger_kind(source.schemas, self.known_seq)
        self.is_whole = self._has_rested = False
        started, _ = find_started(source.index, source.schemas, self.known_seq)
        self._started = started
        if has_pages:
            self._read_pages(source)

    def _read_pages(self, source: Source) -> None:
        found: Counter[What] = Counter()
        for page in summed_pages(source.index, source.schemas, source.progress):
            self.pages.append(page)
            found.update(page.sums.total())
            if not len(self.pages) % _SUMMED_PAGES:
                self._sums.append(found.copy())
            self.known_seq = page.end_seq

    def go_on(self, source: Source, seconds: float = _BEHIND_SECONDS) -> bool:
        """Follow what no page has, for a while; say whether all is counted.

        Raises:
            StorageError: the log is damaged, or what comes next was pruned.
        """
        last_seq = source.index.last_seq
        if last_seq > self.known_seq:
            if self._columns is None:
                self._columns = Columns(source, self.known_seq)
            self.is_whole = self._columns.go_on(source, last_seq, seconds)
            self.known_seq = self._columns.seq
            if self.is_whole and not self._has_rested:
                # Of a log that grows no more, nothing more has to be known.
                self._columns.rest()
                self._has_rested = True
                gc.collect()
                process.give_back()
        else:
            self.is_whole = True
        return self.is_whole

    def is_behind(self, source: Source) -> bool:
        """Say whether the index has come to know more than is counted here."""
        return has_pages_behind(source.index, source.schemas, self.known_seq)

    def close(self) -> None:
        """Close the log."""
        if self._columns is not None:
            self._columns.rest()

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
        pages = self.pages
        if seq is not None:
            whole = bisect_right(pages, seq, key=lambda page: page.end_seq)
        else:
            at_ms = (at_ms or 0) + 1
            whole = bisect_left(pages, at_ms, key=lambda page: page.sums.last_ms)
        found = self._whole(whole)
        parts = [self._read(whole)] if whole < len(pages) else []
        if not parts and self._columns is not None:
            parts.append(self._columns.steps)
        for steps in parts:
            counts = Counter(steps.whats[: end_of(steps)])
            for number, count in counts.items():
                found[steps.table[number]] += count
        return found

    def _whole(self, count: int) -> Counter[What]:
        """Return the sum of the first pages."""
        found = self._sums[count // _SUMMED_PAGES].copy()
        for page in self.pages[count - count % _SUMMED_PAGES : count]:
            found.update(page.sums.total())
        return found

    def _read(self, place: int) -> KnownSteps:
        """Return the steps of a page; the last that were read are kept."""
        if self._last_read is None or self._last_read[0] != place:
            self._last_read = place, self.pages[place].read()
        return self._last_read[1]

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

    def told_of(self, span: Slots) -> Iterator[Sums | KnownSteps]:
        """Yield what has to do with a span of time, in order.

        Of a page that it has wholly, and whose pieces make up the span's slots, these
        are sums; else steps.
        """
        pages = self.pages
        first = bisect_left(pages, span.from_ms, key=lambda page: page.sums.last_ms)
        for place, page in enumerate(pages[first:], first):
            pieces, bits = page.sums.pieces, page.sums.bits
            if not pieces:
                continue
            if pieces[0] << bits > span.until_ms:
                return
            begins_ms, ends_ms = pieces[0] << bits, ((pieces[-1] + 1) << bits) - 1
            is_inside = span.from_ms <= begins_ms and ends_ms <= span.until_ms
            yield page.sums if is_inside and bits <= span.bits else self._read(place)
        if self._columns is not None:
            yield self._columns.steps

    def find_first(
        self, from_ms: int, end_ms: int, wants: Callable[[What], bool]
    ) -> tuple[int, int] | None:
        """Return the record, and its time, of the first step of a kind in a time."""
        name = from_ms, end_ms
        if name not in self._firsts:
            found = self._find_first(from_ms, end_ms, wants)
            if found is None or not self.pages or found[0] > self.pages[-1].end_seq:
                return found
            self._firsts[name] = found
        return self._firsts[name]

    def _find_first(
        self, from_ms: int, end_ms: int, wants: Callable[[What], bool]
    ) -> tuple[int, int] | None:
        pages = self.pages
        first = bisect_left(pages, from_ms, key=lambda page: page.sums.last_ms)
        for place in range(first, len(pages) + 1):
            if place < len(pages):
                if not any(map(wants, pages[place].sums.table)):
                    continue
                steps = self._read(place)
            elif self._columns is not None:
                steps = self._columns.steps
            else:
                return None
            wanted = {n for n, what in enumerate(steps.table) if wants(what)}
            for step in range(bisect_left(steps.times, from_ms), len(steps.times)):
                if steps.times[step] >= end_ms:
                    return None
                if steps.whats[step] in wanted:
                    return steps.first_seq + steps.seqs[step], steps.times[step]
        return None


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
