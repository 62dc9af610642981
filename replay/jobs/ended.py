"""Jobs that have ended: their stories are let go, but for the last few.

They lie in an `OrderedDict`: to find the first key of a plain one from which the first
are removed, all that were removed since it last grew are passed over.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from joblog.replay.jobs.schema import ENDS
from joblog.replay.jobs.stories import Standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.replay.jobs.stories import JobName, Story

_ENDED_KEPT = 100_000
_LEAVING_KEPT = 10_000


class Gone(Protocol):
    """Who is told of the stories that a tracker lets go."""

    def add(self, name: JobName, story: Story) -> None:
        """Take a story that is let go; of one name the last counts."""

    def take_back(self, name: JobName) -> None:
        """Forget a story that was let go: the job came to a place once more."""


class Ended:
    """The jobs of a tracker that have ended and that nobody asked for.

    Attributes:
        names: those whose stories were let go, and where they stood; the oldest are
            forgotten first.
        leaving: those that have ended last, which go next.
    """

    def __init__(self, stories: dict[JobName, Story], gone: Gone | None = None) -> None:
        """Begin with none.

        Args:
            stories: the tracker's; what is let go is taken out of them.
            gone: is told what is.
        """
        self._stories = stories
        self._gone = gone
        self.names: OrderedDict[JobName, tuple[bytes, str, int] | None] = OrderedDict()
        self.leaving: OrderedDict[JobName, None] = OrderedDict()

    def remember(
        self,
        names: Iterable[tuple[JobName, tuple[bytes, str, int] | None]],
        leaving: Iterable[JobName],
    ) -> None:
        """Know those that had ended at a moment of the log."""
        self.names = OrderedDict(names)
        self.leaving = OrderedDict.fromkeys(leaving)

    def let_go(self, name: JobName, story: Story) -> None:
        """Let a job go, after the next ten thousand: more may be said of it."""
        if any(rule.state not in ENDS for rule, _ in story.places.values()):
            return
        self.leaving.pop(name, None)
        self.leaving[name] = None
        if len(self.leaving) <= _LEAVING_KEPT:
            return
        oldest, _ = self.leaving.popitem(last=False)
        if not self._stories[oldest].has_ended:
            return
        story = self._stories.pop(oldest)
        self.names[oldest] = story.standing
        if self._gone is not None:
            self._gone.add(oldest, story)
        if len(self.names) > _ENDED_KEPT:
            self.names.popitem(last=False)

    def revive(self, name: JobName) -> Standing | None:
        """Let a job be known again: it comes to a place once more.

        Returns:
            Where it stood when it was let go; None where it was not.
        """
        if name not in self.names:
            return None
        if self._gone is not None:
            self._gone.take_back(name)
        stood = self.names.pop(name)
        return None if stood is None else Standing(*stood)
