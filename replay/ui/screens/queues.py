"""The first screen: a line for each queue, and what is wrong."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text

from joblog.replay.records.statistics import sparkline
from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import STYLES, count, plain, span
from joblog.replay.views.depths import highest
from joblog.replay.views.problems import LISTED
from joblog.replay.views.standing import NOTHING
from joblog.replay.views.words import MISSING

_SPARK = 20


class QueuesScreen(View):
    """Each queue: depth, rates in the minute before, the oldest, workers, its way."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("queue", "waiting", "running", "failed", "oldest", "in/m", "out/m"),
        *("waiting over time", "scheduled", "failed/m", "retried/m", "workers"),
    )

    async def show(self) -> None:
        """Show at once what the index knows, then the rest, then what takes longer."""
        rates: dict[str, Any] = {"queues": {}}
        while True:
            board = await self.ask("board", **self.moment)
            if board is None:
                return
            self.tell_time(board)
            self._fill(board, rates["queues"], {})
            if board["is_whole"] and rates.get("known_seq") == board["known_seq"]:
                break
            if board["is_whole"] or not rates["queues"]:
                found = await self.ask("rates")
                if found is None:
                    return
                rates = found
                self._fill(board, rates["queues"], {})
            if not board["is_whole"]:
                self.show_progress(board["known_seq"])
        axis = await self.ask("axis")
        if axis is None:
            return
        self.history.axis = axis
        self.show_axis()
        found = await self.ask("standing", **self.moment)
        if found is None:
            return
        names = (each["queue"] for each in board["queues"])
        queues = dict.fromkeys(names, NOTHING) | {
            each["queue"]: each for each in found["queues"]
        }
        self._fill(board, rates["queues"], queues, found["point"]["at_ms"])
        self.head(_problems(found["counts"]))
        self.tell("")

    def _fill(
        self,
        board: dict[str, Any],
        rates: dict[str, Any],
        known: dict[str, Any],
        now_ms: int = 0,
    ) -> None:
        self.fill(
            [
                (each["queue"], _cells(each, rates, known.get(each["queue"]), now_ms))
                for each in board["queues"]
            ]
        )
        if not board["queues"]:
            self.tell("no queue is known here")

    def place_of(self, name: str) -> Place:
        """Return the queue."""
        return Place("queue", name)


def _cells(
    queue: dict[str, Any],
    rates: dict[str, Any],
    known: dict[str, Any] | None,
    now_ms: int,
) -> list[Text]:
    states, minute = queue["states"], queue["minute"]
    depths = rates.get(queue["queue"], {}).get("depths", {}).get("waiting", [])
    oldest = known["oldest_waiting_ms"] if known else None
    return [
        plain(queue["queue"], "bold"),
        count(states.get("waiting")),
        count(states.get("running")),
        count(states.get("failed")),
        span(None if oldest is None else now_ms - oldest),
        count(minute["in"]),
        count(minute["out"]),
        Text(sparkline(highest(depths, _SPARK)), style="blue", no_wrap=True),
        count(states.get("scheduled")),
        count(minute["failed"]),
        count(minute["retried"]),
        count(known["workers"]) if known else Text(MISSING, justify="right"),
    ]


def _problems(counts: dict[str, int]) -> Text:
    """Return how many jobs have which problem."""
    found = [word for word in LISTED if counts.get(word)]
    line = Text(no_wrap=True)
    for word in found:
        line.append(f"{counts[word]:,} {word}  ", style=STYLES.get(word, ""))
    return line if found else Text("nothing is lost, stuck or failed", style="green")
