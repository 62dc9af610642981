"""Counting: every step of every job, by queue, by time, and by stretch between tags.

The state of each job is known from the steps alone, so stories that have ended may be
let go meanwhile. Memory: a number for each job, and the stories that a tracker keeps.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.schema import ENDS
from joblog.replay.views.depths import Depth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Story
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
_ENDED_KEPT = 200_000
_OPEN_VERDICTS = frozenset(("running", "in hand", "delivered twice"))


class Told(NamedTuple):
    """One step of one job, as it is counted.

    Attributes:
        job: a number that stands for the job.
        queue: its queue.
        kind: what the step was.
        state: the job's state after it.
        seq: the record.
        slot: the slot of the span that its time lies in.
    """

    job: int
    queue: bytes
    kind: str
    state: str
    seq: int
    slot: int


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
    """

    def __init__(self, name: bytes, stretches: int) -> None:
        """Begin with no jobs."""
        self.name = name
        self.depths: dict[str, Depth] = {}
        self.verdicts: Counter[str] = Counter()
        self.steps: list[Counter[str]] = [Counter() for _ in range(stretches)]
        self.waiting = [0] * stretches
        self.at_start = 0

    def depth(self, state: str) -> Depth:
        """Return how many jobs there are in a state."""
        found = self.depths.get(state)
        if found is None:
            found = self.depths[state] = Depth()
        return found

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


class _Standing(NamedTuple):
    """The queue that a job is in, and its state there; one object for each."""

    queue: Queue
    state: str


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
        wants_queue: Callable[[bytes], object] | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            span: the time that is looked at.
            ends: the last record of each stretch, in order.
            wants_queue: which queues count; None for all.
        """
        self.queues: dict[bytes, Queue] = {}
        self.span = span
        self._ends = ends
        self._wants_queue = wants_queue
        self._place = 0
        self._open: dict[int, _Standing] = {}
        self._ended: dict[int, _Standing] = {}
        self._standings: dict[tuple[bytes, str], _Standing] = {}

    def begin(self, stories: Iterable[Story]) -> None:
        """Take in the jobs that there are before the first record."""
        for story in stories:
            if story.state:
                standing = self._standing(story.queue, story.state)
                self._enter(job_number(story), standing, 0)
        for queue in self.queues.values():
            queue.at_start = queue.depth("waiting").last

    def observe(self, told: Told) -> None:
        """Count one step."""
        while told.seq > self._ends[self._place]:
            self._end_stretch()
        before = self._leave(told.job)
        now = self._standing(told.queue, told.state)
        self._enter(told.job, now, told.slot, before)
        kind = _KINDS.get(told.kind)
        if kind is None and told.kind in _COMING and before is None:
            kind = "enqueued"
        if kind is not None:
            now.queue.steps[self._place][kind] += 1

    def _standing(self, queue: bytes, state: str) -> _Standing:
        found = self._standings.get((queue, state))
        if found is None:
            found = self._standings[queue, state] = _Standing(self._queue(queue), state)
        return found

    def _leave(self, job: int) -> _Standing | None:
        found = self._open.pop(job, None)
        return self._ended.pop(job, None) if found is None else found

    def _enter(
        self, job: int, now: _Standing, slot: int, before: _Standing | None = None
    ) -> None:
        if before is not now:
            if before is not None:
                before.queue.depth(before.state).add(slot, -1)
            now.queue.depth(now.state).add(slot, 1)
        (self._ended if now.state in ENDS else self._open)[job] = now
        if len(self._ended) > _ENDED_KEPT:
            was, end = self._ended.pop(next(iter(self._ended)))
            was.verdicts[end] += 1

    def _queue(self, name: bytes) -> Queue:
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name, len(self._ends))
            if self._place:
                queue.waiting[: self._place] = [0] * self._place
        return queue

    def _end_stretch(self) -> None:
        for queue in self.queues.values():
            queue.waiting[self._place] = queue.depth("waiting").last
        self._place += 1

    def finish(self, judged: Iterable[Judged]) -> None:
        """Take in what became of the jobs that were kept, and drop unwanted queues.

        Args:
            judged: all jobs that are open at the end, and those that something is wrong
                with; jobs that ended well may be missing.
        """
        while self._place < len(self._ends):
            self._end_stretch()
        for each in judged:
            self._judge(each)
        for queue, state in (*self._open.values(), *self._ended.values()):
            queue.verdicts[state] += 1
        if self._wants_queue is not None:
            self.queues = {
                name: queue
                for name, queue in self.queues.items()
                if self._wants_queue(name)
            }

    def _judge(self, judged: Judged) -> None:
        story, (word, since_ms, _) = judged
        found = self._leave(job_number(story))
        if found is None:
            return
        queue, state = found
        queue.verdicts[word] += 1
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


def job_number(story: Story) -> int:
    """Return a number that stands for a job: ids would need more memory."""
    return name_number(story.schema, story.queue, story.id)


def name_number(schema: Schema, queue: bytes, job_id: bytes) -> int:
    """Return the number of a job by its schema, its queue and its id."""
    return hash((schema.name, queue if schema.is_scoped else b"", job_id))
