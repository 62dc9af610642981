"""Counting: every step of every job, by queue, by time, and by stretch between tags.

Each step tells where the job stood before, so nothing has to be kept of a job, and many
steps that are alike are counted at once. Memory: what is shown of each queue.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.ledger_rows import What
from joblog.replay.views.depths import Depth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from joblog.replay.jobs.ledger_rows import KnownSteps
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.views.depths import Span

_KINDS = {
    "enqueued": "enqueued",
    "enqueued again": "enqueued",
    "taken": "taken",
    "done": "done",
    "done again": "done",
    "failed": "failed",
    "deleted": "deleted",
}
"""Which steps are counted in each stretch, and as what."""

_COMING = frozenset(("scheduled", "held back"))
_ENDED_WELL = frozenset(("done", "cancelled"))
_OPEN_VERDICTS = frozenset(("running", "in hand", "delivered twice"))


def deed_of(what: What) -> str | None:
    """Return as what a step is counted; None where it is not."""
    kind = _KINDS.get(what.kind)
    if kind is None and what.kind in _COMING and what.from_queue is None:
        return "enqueued"
    return kind


class Stretch(NamedTuple):
    """What happened to the jobs of one queue between two tags.

    Attributes:
        enqueued: how often jobs were enqueued; those that are due later count too.
        taken: how often jobs were taken.
        done: how often jobs were done.
        failed: how often jobs failed.
        deleted: how often jobs were deleted.
        lost: how many jobs are lost since then.
        waiting: how many waited at its end.
        grown: how many more than at its beginning.
    """

    enqueued: int
    taken: int
    done: int
    failed: int
    deleted: int
    lost: int
    waiting: int
    grown: int


class Queue:
    """One queue, while it is counted.

    Attributes:
        name: its name, b"" for jobs of which no key says where they belong.
        depths: how many jobs it had over time, by state; of those that are stuck or
            lost at the end also since when they are.
        verdicts: how many jobs of each verdict it has at the end.
        steps: for each stretch: how often what was done.
        waiting: for each stretch: how many waited at its end.
        at_start: how many waited before the first.
        oldest_ms: since when the oldest job waits at the end; None where none does, or
            where it is not known.
        workers: who has a job at the end: ids of clients, or their own names.
    """

    def __init__(self, name: bytes, stretches: int) -> None:
        """Begin with no jobs."""
        self.name = name
        self.depths: dict[str, Depth] = {}
        self.verdicts: Counter[str] = Counter()
        self.steps: list[Counter[str]] = [Counter() for _ in range(stretches)]
        self.waiting = [0] * stretches
        self.at_start = 0
        self.oldest_ms: int | None = None
        self.workers: set[bytes | int] = set()

    def depth(self, state: str) -> Depth:
        """Return how many jobs there are in a state."""
        found = self.depths.get(state)
        if found is None:
            found = self.depths[state] = Depth()
        return found

    def note(self, story: Story) -> None:
        """Note down how long a job waits, or who has it."""
        if story.state == "waiting" and story.is_since_known:
            known_ms = self.oldest_ms
            since_ms = story.since_ms
            self.oldest_ms = since_ms if known_ms is None else min(known_ms, since_ms)
        elif story.state == "running":
            worker = story.facts.get("worker") or story.taker
            if worker:
                self.workers.add(worker)

    def stretch(self, place: int) -> Stretch:
        """Return what happened between two tags."""
        steps, waiting = self.steps[place], self.waiting[place]
        before = self.waiting[place - 1] if place else self.at_start
        counted = {name: steps[name] for name in Stretch._fields[:6]}
        return Stretch(**counted, waiting=waiting, grown=waiting - before)

    def grew_most(self) -> int | None:
        """Return the stretch in which most jobs came to wait; None where none did.

        Of one stretch alone nothing can be said.
        """
        grown = [self.stretch(place).grown for place in range(len(self.steps))]
        most = max(grown)
        return grown.index(most) if most > 0 and len(grown) > 1 else None


class Counting:
    """Counts steps as they come.

    Attributes:
        queues: what was counted, by the queue's name.
        span: the time that is looked at.
    """

    def __init__(
        self,
        span: Span,
        ends: Sequence[int],
        begin_seq: int = 0,
        wants_queue: Callable[[bytes], object] | None = None,
        *,
        is_whole: bool = True,
    ) -> None:
        """Begin with nothing.

        Args:
            span: the time that is looked at.
            ends: the last record of each stretch, in order.
            begin_seq: the record before the first.
            wants_queue: which queues count; None for all.
            is_whole: whether jobs are followed from there on only.
        """
        self.queues: dict[bytes, Queue] = {}
        self.span = span
        self._ends = ends
        self._begin_seq = begin_seq
        self._wants_queue = wants_queue
        self._is_whole = is_whole
        self._place = 0
        self._starts: Counter[tuple[bytes, str]] = Counter()

    def observe(self, story: Story, step: Step) -> None:
        """Count one step that a tracker tells."""
        record, before = step.record, step.before
        stood = (None, "") if before is None else before[:2]
        what = What(story.queue, step.kind, step.state, step.problem, *stood)
        self._go_to(record.seq)
        is_first = before is not None and before.seq <= self._begin_seq
        if before is not None and is_first and not self._is_whole:
            self._starts[before.queue, before.state] += 1
        self._add(what, 1, self.span.slot(record.at_ms))

    def observe_known(self, steps: KnownSteps, until_seq: int) -> None:
        """Count what the ledger has of a page: those of each slot and stretch at once.

        Args:
            steps: the page.
            until_seq: the last record that counts.
        """
        place, end = steps.span(self._begin_seq + 1, until_seq)
        starts_ms = self.span.starts_ms()
        self._count_starts(steps, place, end)
        while place < end:
            self._go_to(steps.first_seq + steps.seqs[place])
            slot = self.span.slot(steps.times[place])
            _, stop = steps.span(0, self._ends[self._place])
            if slot + 1 < len(starts_ms):
                following_ms = starts_ms[slot + 1]
                stop = min(stop, bisect_left(steps.times, following_ms, place, end))
            stop = min(stop, end)
            for what, count in Counter(steps.whats[place:stop]).items():
                self._add(steps.table[what], count, slot)
            place = stop

    def _count_starts(self, steps: KnownSteps, start: int, end: int) -> None:
        """Take in the jobs of which a page tells the first step of the range."""
        if self._is_whole:
            return
        longest = steps.first_seq - self._begin_seq
        columns = steps.seqs, steps.pauses, steps.whats
        for seq, pause, what in zip(
            *(each[start:end] for each in columns), strict=True
        ):
            if pause and pause >= seq + longest:
                _, _, _, _, queue, state = steps.table[what]
                assert queue is not None
                self._starts[queue, state] += 1

    def _add(self, what: What, count: int, slot: int) -> None:
        """Count steps that are alike, in a slot and in the stretch under way."""
        queue = self._queue(what.queue)
        before = what.from_queue, what.from_state
        if before != (what.queue, what.state):
            if what.from_queue is not None:
                depth = self._queue(what.from_queue).depth(what.from_state)
                depth.add(slot, -count)
            queue.depth(what.state).add(slot, count)
        kind = deed_of(what)
        if kind is not None:
            queue.steps[self._place][kind] += count

    def _queue(self, name: bytes) -> Queue:
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name, len(self._ends))
        return queue

    def _go_to(self, seq: int) -> None:
        """End the stretches before a record."""
        while seq > self._ends[self._place]:
            self._end_stretch()

    def _end_stretch(self) -> None:
        for queue in self.queues.values():
            queue.waiting[self._place] = queue.depth("waiting").last
        self._place += 1

    def finish(
        self, judged: Iterable[Judged], started: Mapping[tuple[bytes, str], int]
    ) -> None:
        """Take in what became of the jobs that were kept, and drop unwanted queues.

        Args:
            judged: all jobs that are open at the end, and those that something is wrong
                with; jobs that ended well may be missing.
            started: how many jobs of which queue and state there were when following
                began.
        """
        while self._place < len(self._ends):
            self._end_stretch()
        kept = list(judged)
        if self._is_whole:
            self._starts.update(started)
        for story, _ in [] if self._is_whole else kept:
            stood = story.standing
            if stood is not None and stood.seq <= self._begin_seq:
                self._starts[stood.queue, stood.state] += 1
        for (name, state), count in self._starts.items():
            queue = self._queue(name)
            queue.depth(state).add(0, count)
            if state == "waiting":
                queue.at_start = count
                queue.waiting = [each + count for each in queue.waiting]
        for queue in self.queues.values():
            for state in _ENDED_WELL & queue.depths.keys():
                queue.verdicts[state] = queue.depths[state].last
        for each in kept:
            self._judge(each)
        if self._wants_queue is not None:
            self.queues = {
                name: queue
                for name, queue in self.queues.items()
                if self._wants_queue(name)
            }

    def _judge(self, judged: Judged) -> None:
        story, (word, since_ms, _) = judged
        stood = story.standing
        if stood is None:
            return
        queue, state = self._queue(stood.queue), stood.state
        queue.verdicts[word] += 1
        queue.note(story)
        queue.verdicts[state] -= state in _ENDED_WELL
        if word == state or word in _OPEN_VERDICTS:
            return
        # It was so since then, though nobody wrote it.
        slot = 0 if since_ms is None else self.span.slot(since_ms)
        queue.depth(state).add(slot, -1)
        queue.depth(word).add(slot, 1)
        if word == "lost":
            queue.steps[self._stretch_of(story)]["lost"] += 1

    def _stretch_of(self, story: Story) -> int:
        """Return the stretch in which what was last heard of a job lies."""
        seq = story.last.record.seq if story.last is not None else 0
        return next(place for place, end in enumerate(self._ends) if seq <= end)
