"""The first screen: each queue in a line, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.problems import SEVEREST
from joblog.replay.views.standing import NOTHING
from joblog.replay.views.words import MISSING, how_long, verdict_words, when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table
from joblog.replay.web.words import COLOURS, link, number, spark

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_PENDING = "…"
_SPARKS = 60


class Queues:
    """What somebody looks at."""

    def __init__(self, desks: Desks, at: str) -> None:
        """Draw it."""
        self._frame = Frame(desks, at, "", "Queues")
        self._exact: dict[str, dict[str, Any]] = {}
        self._exact_at: int | None = None
        with self._frame.body:
            heading("Queues", 1)
            self._table = make_table(
                ("queue", "queue", "left"),
                ("waiting", "waiting", "right"),
                ("running", "running", "right"),
                ("later", "scheduled", "right"),
                ("failed", "failed", "right"),
                ("in", "in / min", "right"),
                ("out", "out / min", "right"),
                ("fails", "failed / min", "right"),
                ("retries", "retried / min", "right"),
                ("oldest", "oldest waits", "right"),
                ("workers", "workers", "right"),
                ("wrong", "wrong", "left"),
                ("line", "waiting over time", "left"),
                key="queue",
                links=("queue",),
                sparks=("line",),
            )
            heading("What is wrong")
            self._state = ui.label("").classes("text-sm").props("aria-live=polite")
            self._wrong = make_table(
                ("verdict", "verdict", "left"),
                ("jobs", "jobs", "right"),
                ("queue", "queue", "left"),
                ("first", "since", "left"),
                ("job", "first job", "left"),
                ("reason", "why", "left"),
                ("who", "who had them", "left"),
                ("by", "by", "left"),
                key="id",
                links=("queue", "job"),
                words=("verdict",),
            )
            self._wrong.visible = False  # until it is known that there is nothing
        self._frame.begin(self._show, self._show_exact)

    async def _show(self, board: dict[str, Any]) -> None:
        self._board = board
        if self._exact_at != board["point"]["seq"]:
            self._exact = {}
        self._draw()

    def _draw(self) -> None:
        board, at = self._board, self._frame.at
        fill(
            self._table,
            [
                _row(
                    queue, self._exact.get(queue["queue"]), board, at, self._frame.rates
                )
                for queue in board["queues"]
            ],
        )

    async def _show_exact(self, at: str) -> None:
        asked = self._board["point"]["seq"]
        self._state.text = "looking at each job …"

        def tell(seq: int) -> None:
            self._state.text = f"looking at each job: @{number(seq)} of {number(asked)}"

        found = await self._frame.desks.patient.ask("standing", {"at": at}, tell)
        if "error" in found:
            self._state.text = found["error"]
            return
        self._exact_at = found["point"]["seq"]
        if self._exact_at == self._board["point"]["seq"]:
            names = (queue["queue"] for queue in self._board["queues"])
            self._exact = dict.fromkeys(names, NOTHING) | {
                queue["queue"]: queue for queue in found["queues"]
            }
        counts = verdict_words(found["counts"], SEVEREST)
        self._state.text = f"at @{number(self._exact_at)}: {counts or 'nothing'}"
        self._wrong.visible = True
        fill(
            self._wrong,
            [
                _problem(place, problem, at)
                for place, problem in enumerate(found["problems"])
            ],
        )
        self._draw()


def _row(
    queue: dict[str, Any],
    exact: dict[str, Any] | None,
    board: dict[str, Any],
    at: str,
    rates: dict[str, Any],
) -> dict[str, Any]:
    states, minute = queue["states"], queue["minute"]
    name = queue["queue"]
    oldest_ms = exact and exact["oldest_waiting_ms"]
    line = rates.get("queues", {}).get(name, {}).get("depths", {}).get("waiting", [])
    step = max(len(line) // _SPARKS, 1)
    counts = exact["counts"] if exact else states
    return {
        "queue": name or MISSING,
        "queue_href": link("queue", name or "-", at=at),
        "waiting": counts.get("waiting", 0),
        "running": counts.get("running", 0),
        "later": counts.get("scheduled", 0) + counts.get("blocked", 0),
        "failed": counts.get("failed", 0),
        "in": minute["in"],
        "out": minute["out"],
        "fails": minute["failed"],
        "retries": minute["retried"],
        "oldest": _PENDING if exact is None else MISSING if oldest_ms is None
        else how_long(max(board["point"]["at_ms"] - oldest_ms, 0)),
        "workers": exact["workers"] if exact else _PENDING,
        "wrong": verdict_words(exact["counts"], SEVEREST) if exact else _PENDING,
        "line": spark(line[::step]),
    }  # fmt: skip


def _problem(place: int, problem: dict[str, Any], at: str) -> dict[str, Any]:
    by = " ".join(filter(None, (problem["client"], problem["by"])))
    line = f"; line {problem['line']}" if problem["line"] else ""
    return {
        "id": place,
        "verdict": problem["verdict"],
        "colour": COLOURS.get(problem["verdict"], ""),
        "jobs": problem["jobs"],
        "queue": problem["queue"] or MISSING,
        "queue_href": link("queue", problem["queue"] or "-", at=at),
        "first": when(problem["first_ms"]),
        "job": problem["first_id"],
        "job_href": link("job", problem["first_id"], at=at),
        "reason": problem["reason"],
        "who": problem["worker"],
        "by": by + line,
    }
