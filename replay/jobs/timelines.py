"""Timelines: one job with all that happened to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.verdicts import Limits, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.jobs.tracker import Tracker


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
