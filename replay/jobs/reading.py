"""The jobs of a data folder: one with all its steps, or all with their verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from replay.jobs.generic import GenericSchema
from replay.jobs.tracker import Tracker
from replay.jobs.verdicts import Limits, Verdict, judge
from replay.past import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from app.moments import Point
    from replay.jobs.schema import Schema
    from replay.jobs.stories import Step, Story
    from replay.past import Progress
    from storage.filesystem import FileSystem


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
        folder: Path,
        filesystem: FileSystem,
        schemas: Sequence[Schema],
        progress: Progress = lambda _: None,
    ) -> None:
        """Look at a data folder by some schemas."""
        self._folder = folder
        self._filesystem = filesystem
        self._schemas = list(schemas)
        self._progress = progress

    def follow(
        self,
        job_id: bytes,
        point: Point,
        limits: Limits = Limits(),  # noqa: B008 - never changes
    ) -> list[Timeline]:
        """Return the jobs of an id up to a moment: several where queues share ids.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        schemas = [
            GenericSchema(job_id) if isinstance(schema, GenericSchema) else schema
            for schema in self._schemas
        ]
        tracker = Tracker(schemas, wants=lambda each: each == job_id)
        steps: dict[int, list[Step]] = {}
        for story, step in self._run(tracker, 0, point.seq):
            steps.setdefault(id(story), []).append(step)
        return [
            Timeline(
                story,
                steps.get(id(story), []),
                judge(story, point.at_ms, limits, tracker.has_results),
            )
            for story in tracker.stories.values()
        ]

    def judge_all(
        self,
        point: Point,
        limits: Limits,
        wants: Callable[[Judged], bool],
    ) -> Iterator[Judged]:
        """Yield the jobs that are wanted, as they were at a moment, the oldest first.

        A job that has ended is judged when it ends, and let go where it is not wanted.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """

        def keeps(story: Story) -> bool:
            return wants(Judged(story, judge(story, point.at_ms, limits)))

        tracker = Tracker(self._schemas, keeps=keeps)
        for _ in self._run(tracker, 0, point.seq):
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
        for story, step in self._run(tracker, 0, until_seq):
            if step.record.seq > from_seq:
                yield story, step

    def _run(
        self, tracker: Tracker, from_seq: int, until_seq: int
    ) -> Iterator[tuple[Story, Step]]:
        past = Past(self._folder, self._filesystem, self._progress)
        try:
            past.go_to(from_seq)
            tracker.begin(past)
            yield from tracker.run(past, until_seq)
        finally:
            past.close()
