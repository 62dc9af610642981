"""The time axis: a line for the whole log, what stands out on it, and the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.message import Message
from textual.widgets import Static

from joblog.replay.views.words import when

if TYPE_CHECKING:
    from textual.events import Click, Resize

_MARKS = {
    "tag": ("T", "bold yellow"),
    "script": ("s", "cyan"),
    "start": ("R", "bold red"),
    "errors": ("!", "bold red"),
    "snapshot": (".", "dim"),
    "gap": ("x", "bold red"),
}
"""How a mark is drawn; of several in one place that which comes first here."""

_OTHER = ("o", "magenta")


class Timeline(Static):
    """Two lines: the moment in words, and where it lies. A click goes there."""

    DEFAULT_CSS = "Timeline { dock: top; height: 2; background: $panel; }"

    class Chosen(Message):
        """A place on the axis was clicked.

        Attributes:
            seq: the record there.
        """

        def __init__(self, seq: int) -> None:
            """Make it for a record."""
            super().__init__()
            self.seq = seq

    def __init__(self) -> None:
        """Make one that knows no log yet."""
        super().__init__()
        self._axis: dict[str, Any] = {}
        self._at: int | None = None
        self._at_ms: int | None = None
        self._head = ""

    def tell(
        self, axis: dict[str, Any], head: str, at: int | None, at_ms: int | None
    ) -> None:
        """Show an axis and a moment.

        Args:
            axis: the answer to `axis`.
            head: which folder it is.
            at: the record that is shown, None for the log's end as it grows.
            at_ms: its time.
        """
        self._axis, self._head, self._at, self._at_ms = axis, head, at, at_ms
        self.refresh_lines()

    def on_resize(self, _: Resize) -> None:
        """Draw it anew."""
        self.refresh_lines()

    def refresh_lines(self) -> None:
        """Draw it."""
        if not self._axis:
            return
        last = self._axis["until_seq"]
        live = " LIVE" if self._at is None else ""
        shown = when(self._at_ms or self._axis["until_ms"])
        line = Text(f"{self._head}  ", style="bold", no_wrap=True)
        line.append(f"@{last if self._at is None else self._at}", style="bold cyan")
        line.append(f" of @{last}  {shown}", style="")
        line.append(live, style="bold green")
        mark = self._mark()
        line.append(f"  {mark}", style="yellow")
        self.update(Text("\n").join([line, self._line()]))

    def _line(self) -> Text:
        width = max(self.size.width, 10)
        cells: list[tuple[str, str]] = [("─", "dim")] * width
        order = [*_MARKS, ""]
        found = sorted(
            self._axis["marks"],
            key=lambda mark: (
                -order.index(mark["kind"] if mark["kind"] in _MARKS else "")
            ),
        )
        for mark in found:
            cells[self._place(mark["seq"], width)] = _MARKS.get(mark["kind"], _OTHER)
        here = self._axis["until_seq"] if self._at is None else self._at
        cells[self._place(here, width)] = ("▲", "bold green reverse")
        return Text.assemble(*cells, no_wrap=True)

    def _span(self) -> tuple[int, int]:
        first = self._axis["from_seq"]
        return first, max(self._axis["until_seq"] - first, 1)

    def _place(self, seq: int, width: int) -> int:
        first, length = self._span()
        return min(max((seq - first) * (width - 1) // length, 0), width - 1)

    def _mark(self) -> str:
        """Return the mark that is at the moment, or the last before it."""
        here = self._axis["until_seq"] if self._at is None else self._at
        tags = [
            mark
            for mark in self._axis["marks"]
            if mark["kind"] == "tag" and mark["seq"] <= here
        ]
        return f"since {tags[-1]['name']}" if tags else ""

    def on_click(self, event: Click) -> None:
        """Go to the record that was clicked."""
        if self._axis:
            first, length = self._span()
            width = max(self.size.width - 1, 1)
            self.post_message(self.Chosen(first + event.x * length // width))
