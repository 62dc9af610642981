"""Lists of jobs: which are wanted of a moment, and what is told of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.jobs.ranking import Ranking
from joblog.replay.jobs.reading import JobLog
from joblog.replay.jobs.verdicts import VERDICTS
from joblog.replay.jobs.views import Actors, ran_ms, story_facts, waited_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.stories import Step
    from joblog.replay.views.source import Source

_ENDED_WELL = {"done", "cancelled"}


class Wanted(NamedTuple):
    """Which jobs are wanted.

    Attributes:
        queue: a glob for their queue; None for any.
        states: verdicts; none for all that have not ended well.
        double: also those that were taken back and delivered again.
        slow_ms: only those that waited or ran for longer; None for any.
        is_all: also those that ended well.
    """

    queue: bytes | None = None
    states: tuple[str, ...] = ()
    double: bool = False
    slow_ms: float | None = None
    is_all: bool = False

    def filter(
        self, point: Point
    ) -> tuple[Callable[[Judged], bool], frozenset[str] | None]:
        """Return what tells whether a job is wanted, and the words of its verdict.

        Both are as `JobLog.judge_all` takes them.
        """
        words = {*self.states, *(["delivered twice"] if self.double else [])}
        if not words and self.slow_ms is None:
            words = set(VERDICTS) if self.is_all else set(VERDICTS) - _ENDED_WELL
        matches = compile_glob(self.queue) if self.queue else None

        def wants(judged: Judged) -> bool:
            story, verdict = judged
            is_wanted = not words or verdict.word in words
            if not is_wanted and not (self.double and story.times_taken_back):
                return False
            if self.slow_ms is not None and not is_slow(
                judged, point.at_ms, self.slow_ms
            ):
                return False
            return matches is None or bool(matches(story.queue))

        if self.double:
            return wants, frozenset((*words, "+"))
        return wants, frozenset(words) or None


def is_slow(judged: Judged, at_ms: int, slow_ms: float) -> bool:
    """Say whether a job waited or ran for longer than that."""
    story = judged.story
    waited = waited_ms(story, at_ms)
    ran = ran_ms(*judged, at_ms)
    if story.state == "running" and story.taken_ms is not None:
        # Also where nobody knows how long it really ran.
        ran = at_ms - max(story.taken_ms, story.eta_ms or 0)
    return max(waited or 0, ran or 0) > slow_ms


def who_had(judged: Judged, actors: Actors) -> str:
    """Return who has a job, had it last, or deleted it; "-" for nobody."""
    story, verdict = judged
    if verdict.word == "deleted" and story.last is not None:
        return actors.name(*_author(story.last))
    return actors.worker(story) if story.taker else "-"


def _author(step: Step) -> tuple[int, int]:
    """Return the client that made a step, and the record."""
    return step.record.origin.client_id, step.record.seq


def list_facts(
    source: Source, point: Point, wanted: Wanted, most: int
) -> dict[str, Any]:
    """Return jobs for JSON, the severest first: counts of all, and so many of them.

    Each is as `replay jobs --json` has it, with `by` and `waiting_ms` besides.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    wants, words = wanted.filter(point)
    jobs = JobLog(source.index, source.schemas, source.progress)
    counts: Counter[str] = Counter()

    def count(judged: Judged) -> Judged:
        counts[judged.verdict.word] += 1
        return judged

    found = jobs.judge_all(point, source.limits, wants, 0, words)
    first = list(Ranking(map(count, found)).first(most))
    actors = Actors(source.index, source.clients)
    return {
        "counts": dict(counts),
        "jobs": [
            {
                **story_facts(*each, point.at_ms),
                "waiting_ms": waited_ms(each.story, point.at_ms),
                "by": who_had(each, actors),
            }
            for each in first
        ],
    }
