"""Streaming: all jobs of a log, each as soon as no more is to be said of it.

Nothing is kept of a job that was told. One that comes to a place once more is told
again, when it has ended again or at the end: of two of one name the last counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.reading import JobLog, Judged
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import Limits, judge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.stories import JobName, Story


class _Leaving:
    """Takes the stories that a tracker lets go, until somebody fetches them."""

    def __init__(self) -> None:
        self.stories: list[tuple[JobName, Story]] = []

    def add(self, name: JobName, story: Story) -> None:
        """Take a story that is let go."""
        self.stories.append((name, story))

    def take_back(self, name: JobName) -> None:
        """Forget nothing: the job is told again."""


class JobStream(JobLog):
    """A data folder whose jobs are told one by one."""

    def judge_each(
        self, point: Point, limits: Limits
    ) -> Iterator[tuple[JobName, Judged]]:
        """Yield all jobs as they were at a moment, by their names.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        leaving = _Leaving()
        tracker = Tracker(self.schemas, keeps=lambda _: False, gone=leaving)

        def judged(name: JobName, story: Story) -> tuple[JobName, Judged]:
            has_results = tracker.has_results
            return name, Judged(story, judge(story, point.at_ms, limits, has_results))

        start_seq = 0
        try:
            start_seq = self.ledger.resume(tracker, point.seq)
            for told in self.ledger.left(start_seq):
                yield judged(*told)
        except DamagedPartError:
            # What was told already is told again.
            tracker.forget()
            start_seq = 0
        for _ in self._run(tracker, point.seq, start_seq):
            for told in leaving.stories:
                yield judged(*told)
            leaving.stories.clear()
        for told in (*leaving.stories, *tracker.stories.items()):
            if told[1].state:
                yield judged(*told)
