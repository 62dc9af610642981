"""Help: the keys of the page, and how moments are written."""

from __future__ import annotations

from nicegui import ui

from joblog.replay.web.words import BUTTON

KEYS = {
    "/": "search: a job's id, a key, a client, a text",
    "← →": "a step back or on in time",
    "[ ]": "to the mark before or behind: a tag, a script, a start",
    "l": "live: follow the log",
    "q": "all queues",
    "d": "dark or light",
    "?": "this",
}
MOMENTS = {
    "@1042": "after that record",
    "5m ago, yesterday 14:00": "local time",
    "2026-11-23T14:00:05Z": "ISO 8601",
    "deploy-41": "a tag (LOG.TAG)",
}


def show_help() -> None:
    """Show the keys."""
    with ui.dialog(value=True) as dialog, ui.card():
        for title, told in (("Keys", KEYS), ("Moments", MOMENTS)):
            ui.label(title).classes("text-lg").props("role=heading aria-level=2")
            for name, text in told.items():
                with ui.row().classes("gap-4"):
                    ui.label(name).classes("font-mono w-56")
                    ui.label(text)
        ui.label("The address of each page can be pasted: it has the moment in it.")
        ui.button("Close", on_click=dialog.close, color=BUTTON)
