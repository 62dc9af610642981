"""Search: what a text may be, a job, a key, a client, a record, or what mentions it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.widgets import Input

from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import plain
from joblog.replay.views.words import COMMON, looked_from

if TYPE_CHECKING:
    from textual.app import ComposeResult


class SearchScreen(View):
    """A line to write in, and what was found."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("what", "name", "more")

    def compose(self) -> ComposeResult:
        """Yield the widgets, with the line to write in."""
        yield Input(
            placeholder="a job's id, a key, a client, a record's number, a text"
        )
        yield from super().compose()

    def begin(self) -> None:
        """Let the first key be the text's."""
        self.query_one(Input).focus()

    async def on_input_submitted(self, _: Input.Submitted) -> None:
        """Look for it."""
        self.look()
        self.table.focus()

    async def show(self) -> None:
        """Show what was found."""
        text = self.query_one(Input).value
        if not text:
            self.tell("")
            return
        answer = await self.ask("search", text=text, **self.moment)
        if answer is None:
            return
        rows = _rows(answer)
        self.fill(rows)
        since = looked_from(answer)
        self.tell(since if rows else f"nothing is like that; {since}".rstrip("; "))

    def place_of(self, name: str) -> Place:
        """Return what was found."""
        kind, _, word = name.partition(" ")
        return Place(kind, word)


def _rows(answer: dict[str, Any]) -> list[tuple[str, list[Text]]]:
    rows = []
    if answer["record"] is not None:
        cells = [Text("record"), Text(f"@{answer['record']}"), Text("")]
        rows.append((f"record {answer['record']}", cells))
    if answer["is_common"]:
        cells = [Text("job"), plain(answer["text"], "bold"), Text(COMMON)]
        rows.append((f"job {answer['text']}", cells))
    for job in answer["jobs"]:
        cells = [Text("job"), plain(job["id"], "bold"), plain(job["text"])]
        rows.append((f"job {job['id']}", cells))
    for key in answer["keys"]:
        cells = [Text("key"), plain(key["key"], "bold"), plain(key["text"])]
        rows.append((f"key {key['key']}", cells))
    for kind in ("clients", "mentions", "texts"):
        for record in answer[kind]:
            place = Text(f"@{record['seq']} {record['who']}", style="cyan")
            cells = [Text(kind[:-1]), place, plain(record["text"])]
            rows.append((f"record {record['seq']}", cells))
    return rows
