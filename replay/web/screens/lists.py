"""Clients, scripts, and how the log is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from joblog.replay.output.times import took_text
from joblog.replay.views.words import MISSING, how_long, when
from joblog.replay.web.frame import Frame
from joblog.replay.web.tables import fill, heading, make_table, show_facts
from joblog.replay.web.words import link, number, size

if TYPE_CHECKING:
    from joblog.replay.web.desks import Desks

_COMMANDS_SHOWN = 3


class Clients:
    """Who was connected."""

    def __init__(self, desks: Desks, at: str) -> None:
        """Draw it."""
        self._frame = Frame(desks, at, "clients", "clients")
        with self._frame.body:
            heading("Clients", 1)
            self._state = ui.label("").classes("text-sm").props("aria-live=polite")
            self._table = make_table(
                ("client", "client", "left"),
                ("address", "address", "left"),
                ("user", "user", "left"),
                ("since", "since", "left"),
                ("gone", "gone", "left"),
                ("records", "records", "right"),
                ("idle", "wrote nothing for", "right"),
                ("did", "did", "left"),
                key="key",
                links=("client",),
            )
        self._frame.begin(_nothing, self._show_exact)

    async def _show_exact(self, at: str) -> None:
        def tell(seq: int) -> None:
            self._state.text = f"reading: @{number(seq)}"

        found = await self._frame.desks.patient.ask("clients", {"at": at}, tell)
        self._state.text = found.get("error", f"{found.get('count', 0):,} connections")
        if "error" not in found:
            fill(
                self._table,
                [
                    _client(place, each, at)
                    for place, each in enumerate(found["clients"])
                ],
            )


async def _nothing(_: dict[str, Any]) -> None:
    """Show nothing of a moment before it stays."""


def _client(place: int, each: dict[str, Any], at: str) -> dict[str, Any]:
    did = [
        f"{name} {count:,}"
        for name, count in list(each["commands"].items())[:_COMMANDS_SHOWN]
    ]
    return {
        "key": place,
        "client": each["label"],
        "client_href": link("search", text=each.get("name") or str(each["id"]), at=at),
        "address": each.get("address", MISSING),
        "user": each.get("user", MISSING),
        "since": when(each["since_ms"]),
        "gone": when(each["gone"]["at_ms"]) if each["gone"] else MISSING,
        "records": each["records"],
        "idle": how_long(each["idle_ms"]),
        "did": ", ".join(did),
    }


class Scripts:
    """Which scripts wrote."""

    def __init__(self, desks: Desks, at: str) -> None:
        """Draw it."""
        self._frame = Frame(desks, at, "scripts", "scripts")
        with self._frame.body:
            heading("Scripts", 1)
            self._state = ui.label("").classes("text-sm").props("aria-live=polite")
            self._table = make_table(
                ("name", "name", "left"),
                ("sha", "SHA-1", "left"),
                ("calls", "calls", "right"),
                ("failed", "failed", "right"),
                ("took", "took", "right"),
                ("each", "a call", "right"),
                ("longest", "longest", "right"),
                ("seq", "last call", "right"),
                ("at", "when", "left"),
                key="key",
                links=("seq",),
                mono=("sha",),
            )
        self._frame.begin(_nothing, self._show_exact)

    async def _show_exact(self, at: str) -> None:
        def tell(seq: int) -> None:
            self._state.text = f"reading: @{number(seq)}"

        found = await self._frame.desks.patient.ask("scripts", {"at": at}, tell)
        self._state.text = found.get("error", "")
        rows = [
            {
                "key": place,
                "name": use["name"] or MISSING,
                "sha": use["sha"] or MISSING,
                "calls": use["calls"],
                "failed": use["failed"],
                "took": took_text(use["took_us"]),
                "each": took_text(use["mean_us"]),
                "longest": took_text(use["longest_us"]),
                "seq": use["last_seq"],
                "seq_href": link("record", str(use["last_seq"] or "")),
                "at": when(use["last_ms"]),
            }
            for place, use in enumerate(found.get("scripts", []))
        ]
        fill(self._table, rows)


class Health:
    """How the log is."""

    def __init__(self, desks: Desks, at: str) -> None:
        """Draw it."""
        self._frame = Frame(desks, at, "log", "log")
        with self._frame.body:
            heading("The log", 1)
            self._body = ui.column().classes("w-full gap-2")
        self._frame.begin(_nothing, self._show_exact)

    async def _show_exact(self, _: str) -> None:
        found = await self._frame.desks.patient.ask("health", {})
        self._body.clear()
        with self._body:
            _show_health(found)


def _show_health(found: dict[str, Any]) -> None:
    problem = found.get("problem") or found.get("error")
    if problem:
        ui.label(problem).classes("font-medium text-red-700 dark:text-red-300")
        return
    ui.label("No file is damaged where it was looked at; replay verify reads all.")
    libraries = [
        schema["title"] + (" (guessed)" if schema["guesses"] else "")
        for schema in found["schemas"]
    ]
    facts = {
        "folder": found["folder"],
        "log": found["log_id"],
        "records": f"{number(found['first_seq'])} to {number(found['last_seq'])}",
        "first": when(found["first_at_ms"]),
        "last": when(found["last_at_ms"]),
        "size": size(found["size_bytes"]),
        "not indexed": size(found["unindexed_bytes"]),
        "snapshots": ", ".join(f"@{seq:,}" for seq in found["snapshots"]) or MISSING,
        "libraries": ", ".join(libraries),
    }
    if found["memory_only"]:
        facts["memory only"] = found["memory_only"]
    if found["master"]:
        facts["follows"] = found["master"]["address"]
    show_facts(facts)
    _show_segments(found["segments"])


def _show_segments(segments: list[dict[str, Any]]) -> None:
    heading("Segments")
    table = make_table(
        ("file", "file", "left"),
        ("since", "since", "left"),
        ("bytes", "size", "right"),
        ("sealed", "sealed", "left"),
        ("digest", "digest", "left"),
        key="file",
        mono=("digest",),
    )
    fill(
        table,
        [
            {
                "file": segment["file"],
                "since": segment["created_at"],
                "bytes": size(segment["size_bytes"]),
                "sealed": segment.get("sealed_at", "open"),
                "digest": segment.get("digest", MISSING),
            }
            for segment in segments[::-1]
        ],
    )
