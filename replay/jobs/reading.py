"""The jobs of a data folder: one with all its steps, or all with their verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.touched import find_touched
from joblog.replay.index.marks import word_test
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.sparse import MissedExitError, SparseError, SparsePast
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import Limits, Verdict, judge
from joblog.replay.keys.past import Past
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.keys.past import Progress


LONG_RECORDS = 50_000
"""From so many records on a job is looked for by the index."""


_TRIES = 32
"""How many pops may be found that no record mentions, before all is followed."""


class Timeline(NamedTuple):
    """One job, and all that happened to it.

    Attributes:
        story: the job as it was at the end.
        steps: what happened, in order.
        verdict: what became of it.
    """

    story: Story
    steps: list[Step]
    verdict: Verdict


class Judged(NamedTuple):
    """One job of many, and what became of it."""

    story: Story
    verdict: Verdict


class JobLog:
    """A data folder, read as a history of jobs."""

    def __init__(
        self,
        index: LogIndex,
        schemas: Sequence[Schema],
        progress: Progress = lambda _: None,
    ) -> None:
        """Look at a log by some schemas."""
        self._index = index
        self._schemas = list(schemas)
        self._progress = progress

    def follow(
        self,
        job_id: bytes,
        point: Point,
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
        *,
        is_exact: bool = False,
    ) -> list[Timeline]:
        """Return the jobs of an id up to a moment: several where queues share ids.

        Of a long log only the records that mention the id are read, where these tell
        enough; steps that are concluded from them say so.

        Args:
            job_id: the id.
            point: the moment.
            limits: from when on a job is stuck or lost.
            is_exact: whether to follow the whole log, whatever its length.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        schemas = self._narrow(job_id)
        if not is_exact:
            try:
                found = self._follow_quickly(schemas, job_id, point, limits)
            except SparseError:
                found = None
            if found is not None:
                return found
        tracker = Tracker(schemas, wants=lambda each: each == job_id)
        return timelines_of(tracker, self._run(tracker, point.seq), point, limits)

    def find_seqs(self, job_id: bytes, point: Point) -> set[int]:
        """Return the records that did something for a job, up to a moment.

        They are its steps, and what else was written to keys that are named after it.

        Raises: as `follow`.
        """
        timelines = self.follow(job_id, point)
        if any(step.is_inferred for each in timelines for step in each.steps):
            timelines = self.follow(job_id, point, is_exact=True)
        seqs = {step.record.seq for each in timelines for step in each.steps}
        if not seqs:
            return seqs
        is_named = word_test(job_id)
        for record in self._index.word_records(job_id, until_seq=point.seq):
            if any(is_named(key) for _, key in find_touched(record).keys):
                seqs.add(record.seq)
        return seqs

    def find_steps(self, job_id: bytes, point: Point) -> set[int] | None:
        """Return the records that are steps of a job, up to a moment.

        Returns:
            None where only following a long log would tell, or one that was pruned.

        Raises:
            CorruptLogError: the log is damaged.
        """
        try:
            timelines = self._follow_quickly(self._narrow(job_id), job_id, point)
            if timelines is None:
                timelines = self.follow(job_id, point)
        except (SparseError, PrunedError):
            return None
        return {step.record.seq for each in timelines for step in each.steps}

    def _narrow(self, job_id: bytes) -> list[Schema]:
        """Return the schemas; one that guesses looks for this job alone."""
        return narrow(self._schemas, job_id)

    def _follow_quickly(
        self,
        schemas: list[Schema],
        job_id: bytes,
        point: Point,
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
    ) -> list[Timeline] | None:
        """Return the jobs of an id as a long log's index tells; None for a short one.

        Raises:
            SparseError: the index does not tell.
        """
        if point.seq - self._index.first_seq <= LONG_RECORDS:
            return None
        if self._index.first_seq > 1:
            raise SparseError("what was before is pruned")
        return self._follow_sparsely(schemas, job_id, point, limits)

    def _follow_sparsely(
        self, schemas: list[Schema], job_id: bytes, point: Point, limits: Limits
    ) -> list[Timeline]:
        past = SparsePast(self._index, schemas, job_id, point.seq, self._progress)
        for _ in range(_TRIES):
            tracker = Tracker(schemas, wants=lambda each: each == job_id)
            past.begin(tracker)
            try:
                told = tracker.run(past, point.seq)
                found = timelines_of(tracker, told, point, limits)
                break
            except MissedExitError:
                continue
        else:
            raise SparseError("it was taken many times, and not mentioned")
        return [
            timeline._replace(
                steps=[
                    step._replace(is_inferred=step.record.seq in past.inferred)
                    for step in timeline.steps
                ]
            )
            for timeline in found
        ]

    def judge_all(
        self,
        point: Point,
        limits: Limits,
        wants: Callable[[Judged], bool],
        since_seq: int = 0,
    ) -> Iterator[Judged]:
        """Yield the jobs that are wanted, as they were at a moment, the oldest first.

        A job that has ended is judged when it ends, and let go where it is not wanted.

        Args:
            point: the moment.
            limits: from when on a job is stuck or lost.
            wants: whether a job is wanted.
            since_seq: where to begin to follow jobs. Of those that are in a key then it
                is known where they are, and not how they came there.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """

        def keeps(story: Story) -> bool:
            return wants(Judged(story, judge(story, point.at_ms, limits)))

        tracker = Tracker(self._schemas, keeps=keeps)
        for _ in self._run(tracker, point.seq, since_seq):
            pass
        for story in tracker.stories.values():
            judged = Judged(
                story, judge(story, point.at_ms, limits, tracker.has_results)
            )
            if story.state and wants(judged):
                yield judged

    def steps(self, from_seq: int, until_seq: int) -> Iterator[tuple[Story, Step]]:
        """Yield what happened to jobs in the records after one, up to another.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        tracker = Tracker(self._schemas, keeps=lambda _: False)
        for story, step in self._run(tracker, until_seq):
            if step.record.seq > from_seq:
                yield story, step

    def _run(
        self, tracker: Tracker, until_seq: int, since_seq: int = 0
    ) -> Iterator[tuple[Story, Step]]:
        """Follow jobs from a moment, or from the first one that can be opened."""
        index = self._index
        past = Past(index.folder, index.filesystem, self._progress, index.bases)
        try:
            index.bases.require_openable(until_seq)
            past.go_to(max(since_seq, index.bases.find_floor()))
            tracker.begin(past, self._time_at(past.seq, until_seq))
            yield from tracker.run(past, until_seq)
        finally:
            past.close()

    def _time_at(self, seq: int, until_seq: int) -> int:
        """Return a time at which a moment's state lasted: when the next record came."""
        try:
            record = self._index.get_record(min(seq + 1, until_seq))
        except PrunedError:
            record = None
        return 0 if record is None else record.at_ms


def narrow(schemas: Iterable[Schema], job_id: bytes) -> list[Schema]:
    """Return schemas; one that guesses looks for one job alone."""
    return [
        GenericSchema(job_id) if isinstance(schema, GenericSchema) else schema
        for schema in schemas
    ]


def timelines_of(
    tracker: Tracker,
    told: Iterable[tuple[Story, Step]],
    point: Point,
    limits: Limits,
) -> list[Timeline]:
    """Return a timeline for each job of which a tracker tells something."""
    steps: dict[int, list[Step]] = {}
    for story, step in told:
        steps.setdefault(id(story), []).append(step)
    return [
        Timeline(
            story,
            steps.get(id(story), []),
            judge(story, point.at_ms, limits, tracker.has_results),
        )
        for story in tracker.stories.values()
        if story.state or id(story) in steps
    ]
