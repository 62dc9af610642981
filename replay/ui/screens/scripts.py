"""Scripts: which wrote up to the moment, or lately to one queue, and what they took."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text

from joblog.replay.output.times import took_text
from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import count, near, plain


class ScriptsScreen(View):
    """A line for each script or function, those of most calls first."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("script", "calls", "failed", "took", "a call", "longest", "last call"),
    )

    def __init__(self, queue: str | None = None) -> None:
        """Make it for a queue, or for the whole log."""
        super().__init__()
        self._queue = queue

    async def show(self) -> None:
        """Show the scripts."""
        if self._queue is None:
            answer = await self.ask("scripts", **self.moment)
        else:
            answer = await self.ask("queue_scripts", queue=self._queue, **self.moment)
        if answer is None:
            return
        of = "scripts" if self._queue is None else f"scripts of {self._queue}"
        head = plain(of, "bold")
        if "from_seq" in answer:
            head.append(f"  in the records from @{answer['from_seq']:,} on")
        self.head(head)
        now_ms = self.history.axis["until_ms"]
        self.fill(
            [
                (f"{place} {use['last_seq']}", _cells(use, now_ms))
                for place, use in enumerate(answer["scripts"])
            ]
        )
        self.tell("" if answer["scripts"] else "no script wrote there")

    def place_of(self, name: str) -> Place:
        """Return the record of its last call."""
        return Place("record", name.split()[1])


def _cells(use: dict[str, Any], now_ms: int) -> list[Text]:
    times = (use["took_us"], use["mean_us"], use["longest_us"])
    return [
        plain(use["name"] or use["sha"], "bold"),
        count(use["calls"]),
        count(use["failed"]),
        *(Text(took_text(us), justify="right") for us in times),
        near(use["last_ms"], now_ms),
    ]
