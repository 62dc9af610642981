"""A record: who did what, by which script, and what that changed."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from joblog.replay.output.times import took_text
from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.payload import PayloadScreen
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import plain
from joblog.replay.views.words import when

_SCRIPT_LINES = 12


class RecordScreen(View):
    """One record, whatever the moment is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("p", "payload", "payload")]
    COLUMNS: ClassVar[tuple[str, ...]] = ("key", "", "what it did")

    def __init__(self, seq: int) -> None:
        """Make it for a record's number."""
        super().__init__()
        self._seq = seq

    async def show(self) -> None:
        """Show the record."""
        answer = await self.ask("record", seq=str(self._seq))
        if answer is None:
            return
        lines = [
            Text.assemble(
                (f"@{self._seq}", "bold cyan"),
                f"  {when(answer['at_ms'])}  ",
                (answer["who"], "bold"),
            ),
            Text(answer["text"]),
        ]
        if answer["took_us"] is not None:
            lines.append(plain(f"took {took_text(answer['took_us'])}"))
        script = answer.get("script") or ""
        lines += [plain(line, "dim") for line in script.splitlines()[:_SCRIPT_LINES]]
        self.head(*lines)
        self.fill(list(_rows(answer["changes"])))
        self.tell("enter opens the key as it was then")

    def action_payload(self) -> None:
        """Show what it carries, decoded."""
        words = {"seq": str(self._seq)}
        self.app.push_screen(PayloadScreen("record", words, f"@{self._seq}"))

    def place_of(self, name: str) -> Place:
        """Return the key, and let this record be the moment."""
        _, db, key = name.split(" ", 2)
        self.history.show_at(self._seq)
        return Place("key", key, int(db))


def _rows(changes: list[dict[str, Any]]) -> list[tuple[str, list[Text]]]:
    rows: list[tuple[str, list[Text]]] = []
    for change in changes:
        for sign, line in change["lines"]:
            style = {"+": "green", "-": "red"}.get(sign, "yellow")
            name = f"{len(rows)} {change['db']} {change['key']}"
            cells = [plain(change["label"]), Text(sign, style=style), plain(line)]
            rows.append((name, cells))
    return rows
