"""A key: its value then, who changed what, and who set what is in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.views.words import when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table, show_code, show_lines
from joblog.replay.web.words import link

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_TEXT_MAX = 100_000


class Key:
    """What somebody looks at."""

    def __init__(self, desks: Desks, key: str, db: str, at: str) -> None:
        """Draw it."""
        self._key, self._db = key, db
        self._frame = Frame(desks, at, "key", f"key {key}")
        with self._frame.body:
            heading(f"Key {key}", 1).classes("break-all")
            self._state = (
                ui.label("looking …").classes("text-sm").props("aria-live=polite")
            )
            self._body = ui.column().classes("w-full gap-2")
        self._frame.begin(self._show, self._show_exact)

    async def _show(self, board: dict[str, Any]) -> None:
        """Nothing: what there is to show is asked for when the moment stays."""

    async def _show_exact(self, at: str) -> None:
        def tell(seq: int) -> None:
            self._state.text = f"looking: @{seq:,}"

        words = {"key": self._key, "db": self._db, "at": at}
        found = await self._frame.desks.patient.ask("key", words, tell)
        self._state.text = found.get("error", "")
        if "error" in found:
            return
        self._body.clear()
        with self._body:
            _show_value(found)
            _show_changes(found["changes"])
            _show_blame(found["blame"])


def _show_value(found: dict[str, Any]) -> None:
    value = found["value"]
    heading(f"Its value at @{found['point']['seq']:,}")
    if value is None:
        ui.label("it was missing")
        return
    expires = value.get("expires_at_ms")
    ui.label(f"{value['type']}{f', expires {when(expires)}' if expires else ''}")
    for decoded in found["decoded"]:
        place = "" if decoded["place"] is None else f"{decoded['place']} "
        ui.label(f"{place}({decoded['format']})").classes("font-mono text-sm")
        show_code(json.dumps(decoded["value"], indent=2, ensure_ascii=False))
    shown = value["value"]
    if not isinstance(shown, str):
        shown = json.dumps(shown, indent=2, ensure_ascii=False)
    more = "\n…" if len(shown) > _TEXT_MAX else ""
    show_code(shown[:_TEXT_MAX] + more)


def _show_changes(changes: list[dict[str, Any]]) -> None:
    heading("Who changed it, the newest first")
    if not changes:
        ui.label("no record up to then did")
    for change in changes:
        with ui.column().classes("w-full gap-0 border-b border-slate-300 pb-1"):
            with ui.row().classes("gap-3 items-baseline"):
                ui.link(f"@{change['seq']:,}", link("record", str(change["seq"])))
                ui.label(when(change["at_ms"])).classes("text-sm")
                ui.label(change["who"]).classes("text-sm font-medium")
            ui.label(change["text"]).classes("font-mono text-sm break-all")
            show_lines(change["lines"])


def _show_blame(rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    heading("Who set what is in it")
    table = make_table(
        ("place", "place", "left"),
        ("value", "value", "left"),
        ("seq", "record", "right"),
        ("at", "time", "left"),
        ("who", "who", "left"),
        ("text", "by", "left"),
        key="id",
        links=("seq",),
        mono=("value", "text"),
    )
    fill(
        table,
        [
            {
                "id": number,
                "place": row["place"],
                "value": (row["value"] or "")[:200],
                "seq": row["seq"],
                "seq_href": link("record", str(row["seq"])) if row["seq"] else "",
                "at": when(row["at_ms"]),
                "who": row["who"],
                "text": row["text"],
            }
            for number, row in enumerate(rows)
        ],
    )
