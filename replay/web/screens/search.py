"""What a word in the search box may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.words import COMMON, looked_from, when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import heading, make_table
from joblog.replay.web.words import link

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_KINDS = {
    "mentions": "Records that mention it",
    "clients": "Records of such a client",
    "texts": "Records that have it somewhere",
}


class Search:
    """What somebody looks at."""

    def __init__(self, desks: Desks, text: str, at: str) -> None:
        """Draw it."""
        self._text = text
        self._frame = Frame(desks, at, "search", f"search {text}")
        with self._frame.body:
            heading(f"Search: {text}", 1).classes("break-all")
            self._state = ui.label("searching …").props("aria-live=polite")
            self._body = ui.column().classes("w-full gap-1")
        self._shown: object = None
        self._frame.begin(self._show, self._show_exact)

    async def _show(self, board: dict[str, Any]) -> None:
        self._board = board

    async def _show_exact(self, at: str) -> None:
        if self._shown == (at or "now"):
            return

        def tell(seq: int) -> None:
            self._state.text = f"searching: @{seq:,}"

        words = {"text": self._text, "at": at}
        found = await self._frame.desks.patient.ask("search", words, tell)
        if "error" in found:
            self._state.text = found["error"]
            return
        self._state.text = looked_from(found)
        self._shown = at or "now"
        self._body.clear()
        with self._body:
            self._draw(found, at)

    def _draw(self, found: dict[str, Any], at: str) -> None:
        kinds = ("jobs", "keys", *_KINDS)
        if found["record"] is None and not any(found[kind] for kind in kinds):
            self._state.text = f"nothing up to this moment is like that: {self._text}"
        if found["record"] is not None:
            heading("A record")
            ui.link(f"@{found['record']:,}", link("record", str(found["record"])))
        if found["jobs"] or found["is_common"]:
            heading("Jobs")
        if found["is_common"]:
            with ui.row().classes("gap-3"):
                to = link("job", self._text, at=at)
                ui.link(self._text, to).classes("break-all")
                ui.label(COMMON)
        for job in found["jobs"]:
            with ui.row().classes("gap-3"):
                ui.link(job["id"], link("job", job["id"], at=at)).classes("break-all")
                ui.label(f"{job['queue']}: {job['text']}")
        if found["keys"]:
            heading("Keys")
        for key in found["keys"]:
            ui.link(key["key"], link("key", key["key"], at=at)).classes("break-all")
            ui.label(key["text"]).classes("font-mono text-sm break-all")
        for kind, title in _KINDS.items():
            if found[kind]:
                heading(title)
                show_records(found[kind])


def show_records(records: list[dict[str, Any]]) -> None:
    """Draw records as a table."""
    table = make_table(
        ("seq", "record", "right"),
        ("at", "time", "left"),
        ("who", "who", "left"),
        ("text", "what", "left"),
        key="seq",
        links=("seq",),
        mono=("text",),
    )
    table.rows = [
        {
            "seq": record["seq"],
            "seq_href": link("record", str(record["seq"])),
            "at": when(record["at_ms"]),
            "who": record["who"],
            "text": record["text"],
        }
        for record in records
    ]
