"""A record: the command, who gave it, its script, and what it changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.output.times import took_text
from joblog.replay.views.words import when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import heading, show_code, show_facts, show_lines
from joblog.replay.web.words import link

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks


class Record:
    """What somebody looks at."""

    def __init__(self, desks: Desks, seq: str) -> None:
        """Draw it."""
        self._seq = seq
        self._frame = Frame(desks, f"@{seq}", "record", f"record @{seq}")
        self._shown = False
        with self._frame.body:
            with ui.row().classes("items-baseline gap-4"):
                heading(f"Record @{seq}", 1)
                if seq.isdecimal():
                    for name, number in (
                        ("before", int(seq) - 1),
                        ("next", int(seq) + 1),
                    ):
                        ui.link(name, link("record", str(number)))
            self._state = ui.label("looking …").props("aria-live=polite")
            self._body = ui.column().classes("w-full gap-2")
        self._frame.begin(self._show, self._show_exact)

    async def _show(self, board: dict[str, Any]) -> None:
        """Nothing: a record is the same at each moment."""

    async def _show_exact(self, at: str) -> None:
        if self._shown:
            return
        found = await self._frame.desks.patient.ask(
            "record", {"seq": self._seq, "at": at}
        )
        self._state.text = found.get("error", "")
        if "error" in found:
            return
        self._shown = True
        with self._body:
            _show_record(found)


def _show_record(found: dict[str, Any]) -> None:
    client = found["client"]
    facts = {
        "time": when(found["at_ms"]),
        "database": found["db"],
        "client": found["who"],
    }
    if found["took_us"] is not None:
        facts["took"] = took_text(found["took_us"])
    facts |= {
        name: client[name] for name in ("address", "user", "library") if name in client
    }
    show_facts(facts)
    heading("What happened")
    show_code(found["text"])
    for payload in found["payloads"]:
        ui.label(f"{payload['format']} in {payload['text'][:60]}").classes(
            "text-sm break-all"
        )
        show_code(json.dumps(payload["value"], indent=2, ensure_ascii=False))
    if "script" in found and isinstance(found["script"], str):
        heading("Its script")
        show_code(found["script"])
    heading("What it changed")
    if not found["changes"]:
        ui.label("no key")
    for change in found["changes"]:
        target = link(
            "key", change["key"], db=str(change["db"] or ""), at=f"@{found['seq']}"
        )
        ui.link(change["label"], target).classes("font-mono break-all")
        show_lines(change["lines"])
