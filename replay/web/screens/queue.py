"""A queue: how deep it was, what went through it, its jobs, its scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.output.times import took_text
from joblog.replay.views.words import MISSING, how_long, verdict_words, when
from joblog.replay.web.charts import Chart
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table
from joblog.replay.web.words import COLOURS, link, number

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_DEPTHS = ("waiting", "running", "scheduled", "blocked", "failed")
_RATES = ("in", "out", "done", "failed", "retried")
_WORDS = (
    *("lost", "delivered twice", "stuck", "failed", "deleted", "in hand"),
    *("running", "blocked", "waiting", "scheduled", "taken", "done", "cancelled"),
)


class Queue:
    """What somebody looks at."""

    def __init__(self, desks: Desks, name: str, at: str) -> None:
        """Draw it."""
        self._name = "" if name == "-" else name
        self._frame = Frame(desks, at, "queue", f"queue {name}")
        with self._frame.body:
            heading(f"Queue {name}", 1)
            self._now = ui.label("").classes("text-sm")
            self._depths = Chart("Jobs by state")
            self._rates = Chart("Throughput", is_bars=True)
            heading("Jobs")
            with ui.row().classes("items-center gap-2"):
                self._wanted = ui.select(
                    {
                        "": "all that have not ended well",
                        "*": "all",
                        **{w: w for w in _WORDS},
                    },
                    value="",
                    label="which",
                    on_change=self._frame_again,
                ).classes("w-64")
                self._state = ui.label("").classes("text-sm").props("aria-live=polite")
            self._jobs = make_table(
                ("job", "job", "left"),
                ("verdict", "verdict", "left"),
                ("since", "since", "left"),
                ("waited", "waited", "right"),
                ("ran", "ran", "right"),
                ("tries", "deliveries", "right"),
                ("task", "task", "left"),
                ("by", "by", "left"),
                ("why", "why", "left"),
                key="job",
                links=("job",),
                words=("verdict",),
            )
            self._draw_scripts()
        self._frame.begin(self._show, self._show_exact)

    def _draw_scripts(self) -> None:
        heading("Its scripts")
        self._looked = ui.label("").classes("text-sm")
        self._scripts = make_table(
            ("name", "script", "left"),
            ("calls", "calls", "right"),
            ("failed", "failed", "right"),
            ("took", "took", "right"),
            ("each", "a call", "right"),
            ("longest", "longest", "right"),
            ("effects", "effects a call", "right"),
            ("seq", "last call", "right"),
            ("at", "when", "left"),
            key="key",
            links=("seq",),
        )

    async def _frame_again(self) -> None:
        await self._frame.refresh()

    async def _show(self, board: dict[str, Any]) -> None:
        queue = next((q for q in board["queues"] if q["queue"] == self._name), None)
        if queue is None:
            self._now.text = "there was no such queue then"
            return
        minute = queue["minute"]
        self._now.text = (
            f"{verdict_words(queue['states'], _WORDS) or 'no jobs'}; "
            "in the minute before: "
            f"{number(minute['in'])} in, {number(minute['out'])} out, "
            f"{number(minute['failed'])} failed, {number(minute['retried'])} retried"
        )
        self._draw(board)

    def _draw(self, board: dict[str, Any]) -> None:
        rates = self._frame.rates
        line = rates.get("queues", {}).get(self._name)
        if line is None:
            return
        at_ms = min(board["point"]["at_ms"], rates["until_ms"])
        depths = {
            state: line["depths"][state] for state in _DEPTHS if state in line["depths"]
        }
        self._depths.show(rates["slots_ms"], depths, at_ms)
        self._rates.show(
            rates["slots_ms"], {name: line[name] for name in _RATES}, at_ms
        )

    async def _show_exact(self, at: str) -> None:
        self._state.text = "looking at each job …"

        def tell(seq: int) -> None:
            self._state.text = f"looking at each job: @{number(seq)}"

        wanted = self._wanted.value or ""
        words = {"at": at, "queue": self._name, "all": "1" if wanted == "*" else ""}
        words["states"] = "" if wanted == "*" else wanted
        found = await self._frame.desks.patient.ask("jobs", words, tell)
        if "error" in found:
            self._state.text = found["error"]
            return
        total = sum(found["counts"].values())
        more = (
            f", {len(found['jobs'])} of them shown"
            if len(found["jobs"]) < total
            else ""
        )
        self._state.text = f"{verdict_words(found['counts'], _WORDS) or 'none'}{more}"
        fill(self._jobs, [_row(job, at) for job in found["jobs"]])
        await self._show_scripts(at)

    async def _show_scripts(self, at: str) -> None:
        words = {"at": at, "queue": self._name}
        found = await self._frame.desks.patient.ask("queue_scripts", words)
        if "error" not in found:
            self._looked.text = f"in the records from @{number(found['from_seq'])} on"
            fill(self._scripts, list(map(_script, found["scripts"])))


def _script(use: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": use["sha"] or use["name"],
        "name": use["name"] or use["sha"],
        "calls": use["calls"],
        "failed": use["failed"],
        "took": took_text(use["took_us"]),
        "each": took_text(use["mean_us"]),
        "longest": took_text(use["longest_us"]),
        "effects": use["effects_a_call"] if use["alone"] else MISSING,
        "seq": use["last_seq"],
        "seq_href": link("record", str(use["last_seq"])),
        "at": when(use["last_ms"]),
    }


def _row(job: dict[str, Any], at: str) -> dict[str, Any]:
    return {
        "job": job["id"],
        "job_href": link("job", job["id"], at=at),
        "verdict": job["verdict"],
        "colour": COLOURS.get(job["verdict"], ""),
        "since": when(job["since_ms"]),
        "waited": how_long(job["waiting_ms"]),
        "ran": how_long(job.get("ran_ms")),
        "tries": job["deliveries"],
        "task": job.get("task", ""),
        "by": job["by"],
        "why": job.get("reason", ""),
    }
