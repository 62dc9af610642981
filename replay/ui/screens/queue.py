"""A queue: its jobs at the moment, the severest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType

from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import STYLES, near, plain, span, state

if TYPE_CHECKING:
    from rich.text import Text


class QueueScreen(View):
    """The jobs of one queue that have not ended well; all of them by `a`.

    Attributes:
        queue: its name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("a", "all", "all jobs")]
    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("job", "verdict", "since", "waited", "ran", "by", "task", "why"),
    )

    def __init__(self, queue: str) -> None:
        """Make it for a queue."""
        super().__init__()
        self.queue = queue
        self._is_all = False

    async def show(self) -> None:
        """Show the jobs."""
        words = {"queue": self.queue, **self.moment}
        answer = await self.ask("jobs", **words, all="1" if self._is_all else "")
        if answer is None:
            return
        self.tell_time(answer)
        now_ms = answer["point"]["at_ms"]
        self.head(_counts(self.queue, answer["counts"]))
        jobs = answer["jobs"]
        self.fill(
            [(job["id"], _cells(job, now_ms)) for job in jobs],
            {job["id"]: _detail(job) for job in jobs},
        )
        if jobs:
            self.tell(_detail(jobs[self.table.cursor_row]))
        else:
            self.tell("no jobs like that: 'a' shows those that ended well, too")

    def action_all(self) -> None:
        """Show also those that ended well, or not."""
        self._is_all = not self._is_all
        self.look()

    def place_of(self, name: str) -> Place:
        """Return the job."""
        return Place("job", name)


def _counts(queue: str, counts: dict[str, int]) -> Text:
    line = plain(queue, "bold")
    for word, number in counts.items():
        line.append(f"  {number:,} {word}", style=STYLES.get(word, ""))
    return line


def _detail(job: dict[str, Any]) -> str:
    """Return what the columns may have no room for."""
    found = (job.get("task"), job.get("reason"), job.get("error"))
    return "  ".join(filter(None, found))


def _cells(job: dict[str, Any], now_ms: int) -> list[Text]:
    return [
        plain(job["id"], "bold"),
        state(job["verdict"]),
        near(job["since_ms"], now_ms),
        span(job["waiting_ms"]),
        span(job.get("ran_ms")),
        plain(job["by"]),
        plain(job.get("task")),
        plain(job.get("reason")),
    ]
