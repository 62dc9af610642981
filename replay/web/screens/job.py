"""A job: its way as bars, each record behind it, what it carried, and the verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.words import MISSING, how_long, when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table, show_code, show_facts
from joblog.replay.web.words import BUTTON, COLOURS, link

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_LEAST_PERCENT = 0.6
_HIDDEN = frozenset(
    (
        *("id", "queue", "schema", "state", "verdict", "since", "since_ms", "reason"),
        *("steps", "bars", "own", "last", "by", "places", "title", "queue_text"),
        *("waited_ms", "ran_ms", "first_seq", "last_seq", "deliveries"),
    )
)


class Job:
    """What somebody looks at."""

    def __init__(self, desks: Desks, job_id: str, at: str) -> None:
        """Draw it."""
        self._id = job_id
        self._frame = Frame(desks, at, "job", f"job {job_id}")
        self._shown: object = None
        with self._frame.body:
            with ui.row().classes("w-full items-center gap-3"):
                heading(f"Job {job_id}", 1).classes("break-all")
                ui.button(
                    "Receipt",
                    icon="download",
                    on_click=self._give_receipt,
                    color=BUTTON,
                ).props("dense")
            self._state = ui.label("").classes("text-sm").props("aria-live=polite")
            self._body = ui.column().classes("w-full gap-2")
        self._frame.begin(self._show, self._show_exact)

    async def _show(self, board: dict[str, Any]) -> None:
        self._board = board

    async def _show_exact(self, at: str) -> None:
        name = self._board["point"]["seq"]
        if self._shown is None:
            self._state.text = "looking for it …"

        def tell(seq: int) -> None:
            self._state.text = f"looking for it: @{seq:,}"

        found = await self._frame.desks.patient.ask(
            "job", {"id": self._id, "at": at}, tell
        )
        self._state.text = found.get("error", "")
        if "error" in found:
            return
        if name == self._shown:
            return
        self._shown = name
        self._body.clear()
        with self._body:
            if not found["jobs"]:
                ui.label(f"No record up to @{name:,} tells of such a job.")
                ui.link("Search for it", link("search", text=self._id, at=at))
            for job in found["jobs"]:
                _show_job(job, at)

    async def _give_receipt(self) -> None:
        self._state.text = "making a receipt …"
        found = await self._frame.desks.patient.ask("receipt", {"id": self._id})
        self._state.text = found.get("error", "")
        if "error" not in found:
            holds = "complete" if found["is_complete"] else "single records"
            self._state.text = f"{holds}; leads to {', '.join(found['digests'])}"
            ui.download.content(found["text"], "receipt.json", "application/json")


def _show_job(job: dict[str, Any], at: str) -> None:
    verdict = job["verdict"]
    colour = COLOURS.get(verdict, "")
    with ui.row().classes("items-baseline gap-2"):
        ui.label(verdict).classes("text-xl font-bold px-2 rounded bg-white").style(
            f"color: {colour}"
        )
        ui.label(f"since {when(job['since_ms'])}" if job["since_ms"] else "")
        ui.label(job.get("reason", "")).classes("font-medium break-all")
    by = job.get("by")
    facts: dict[str, Any] = {
        "queue": (job["queue"] or MISSING, link("queue", job["queue"] or "-", at=at)),
        "library": job["title"],
    }
    if by:
        who = by["client"].get("name") or by["client"].get("address") or "server"
        facts["due to"] = (
            f"{who}, {by['by']}, @{by['seq']}",
            link("record", str(by["seq"])),
        )
    facts |= {
        "waited": how_long(job.get("waited_ms")),
        "ran": how_long(job.get("ran_ms")),
        "deliveries": job["deliveries"],
    }
    facts |= {name: value for name, value in job.items() if name not in _HIDDEN}
    show_facts(facts)
    _show_bars(job["bars"])
    _show_steps(job["steps"])
    _show_own(job["own"], at)


def _show_bars(bars: list[dict[str, Any]]) -> None:
    """Draw a job's way; the table below says the same."""
    if not bars:
        return
    heading("Its way")
    first, last = bars[0]["from_ms"], bars[-1]["until_ms"]
    length = max(last - first, 1)
    with (
        ui.column()
        .classes("w-full gap-1")
        .props('role=img aria-label="Its way, as a table below"')
    ):
        for bar in bars:
            left = (bar["from_ms"] - first) * 100 / length
            width = max(
                (bar["until_ms"] - bar["from_ms"]) * 100 / length, _LEAST_PERCENT
            )
            left = min(left, 100 - width)
            lasted = how_long(bar["until_ms"] - bar["from_ms"])
            name = f"{bar['state']} {bar['worker']}".strip()
            with ui.row().classes("w-full items-center gap-2 flex-nowrap"):
                ui.label(name).classes("w-48 max-sm:w-28 text-sm truncate shrink-0")
                with ui.element("div").classes(
                    "grow relative h-5 rounded bg-slate-100 dark:bg-slate-800"
                ):
                    ui.element("div").classes("absolute h-5 rounded").style(
                        f"left: {left:.2f}%; width: {width:.2f}%; "
                        f"background: {COLOURS.get(bar['state'], '#64748b')}"
                    )
                ui.label(lasted).classes("w-20 text-sm text-right shrink-0")


def _show_steps(steps: list[dict[str, Any]]) -> None:
    heading("Its records")
    table = make_table(
        ("seq", "record", "right"),
        ("at", "time", "left"),
        ("after", "after", "right"),
        ("step", "step", "left"),
        ("who", "who", "left"),
        ("what", "what", "left"),
        ("notes", "", "left"),
        key="seq",
        links=("seq",),
        mono=("what",),
    )
    before_ms = None
    rows = []
    for step in steps:
        notes = [step.get("problem", ""), step.get("error", "").strip().split("\n")[-1]]
        notes.append("inferred" if step.get("is_inferred") else "")
        rows.append(
            {
                "seq": step["seq"],
                "seq_href": link("record", str(step["seq"])),
                "at": when(step["at_ms"]),
                "after": ""
                if before_ms is None
                else f"+{how_long(step['at_ms'] - before_ms)}",
                "step": step["step"],
                "who": step["client_label"],
                "what": step["text"],
                "notes": "; ".join(filter(None, notes)),
            }
        )
        before_ms = step["at_ms"]
    fill(table, rows)


def _show_own(own: dict[str, Any] | None, at: str) -> None:
    if own is None:
        return
    heading("What it carried")
    ui.link(own["key"], link("key", own["key"], at=at)).classes("font-mono break-all")
    if own["value"] is None:
        ui.label("its key is gone")
        return
    ui.label(f"as of @{own['seq']:,}").classes("text-sm")
    for decoded in own["decoded"]:
        ui.label(f"{decoded['place']} ({decoded['format']})").classes(
            "font-mono text-sm"
        )
        show_code(json.dumps(decoded["value"], indent=2, ensure_ascii=False))
    show_code(json.dumps(own["value"]["value"], indent=2, ensure_ascii=False))
