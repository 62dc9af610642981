"""Jobs that have ended: their stories are let go, but for the last few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.jobs.schema import ENDS

if TYPE_CHECKING:
    from joblog.replay.jobs.stories import JobName, Story

_ENDED_KEPT = 100_000
_LEAVING_KEPT = 10_000


class Ended:
    """The jobs of a tracker that have ended and that nobody asked for.

    Attributes:
        names: those whose stories were let go; the oldest are forgotten first.
    """

    def __init__(self, stories: dict[JobName, Story]) -> None:
        """Begin with none.

        Args:
            stories: the tracker's; what is let go is taken out of them.
        """
        self._stories = stories
        self.names: dict[JobName, None] = {}
        self._leaving: dict[JobName, None] = {}

    def let_go(self, name: JobName, story: Story) -> None:
        """Let a job go, after the next ten thousand: more may be said of it."""
        if any(rule.state not in ENDS for rule, _ in story.places.values()):
            return
        self._leaving.pop(name, None)
        self._leaving[name] = None
        if len(self._leaving) <= _LEAVING_KEPT:
            return
        oldest = next(iter(self._leaving))
        del self._leaving[oldest]
        if not self._stories[oldest].has_ended:
            return
        del self._stories[oldest]
        self.names[oldest] = None
        if len(self.names) > _ENDED_KEPT:
            del self.names[next(iter(self.names))]

    def revive(self, name: JobName) -> None:
        """Let a job be known again: it comes to a place once more."""
        self.names.pop(name, None)
