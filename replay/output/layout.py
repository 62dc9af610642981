"""Rows that fit a terminal: ids whole, the rest cut with an ellipsis where need be.

Columns are as wide as what is in them. Where that is too much, those that may be cut
become narrower, the widest first. Where even that is too much, the last ones go to
lines of their own behind an indent, each with its heading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = 2
LEAST = 8
"""What may be cut stays at least so wide, so that one still sees what it is."""
LEAST_OF_TEXT = 32
"""And so wide a sentence, else it goes to a line of its own."""

_ELLIPSIS = "…"
_INDENT = 4


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        heading: its name.
        is_right: whether it is a number.
        is_whole: whether it is an id, never to be cut.
        is_text: whether it is a sentence.
    """

    heading: str
    is_right: bool = False
    is_whole: bool = False
    is_text: bool = False


def cut(text: str, width: int) -> str:
    """Return text that is at most so wide, an ellipsis in place of what is cut off."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + _ELLIPSIS if width > 0 else ""


def fit_line(cells: Sequence[str], styles: Sequence[str], width: int) -> Text:
    """Return cells as one line that fits; what is behind its end is cut off."""
    text = Text()
    left = width
    for position, cell in enumerate(cells):
        if not cell:
            continue
        gap = GAP if text else 0
        if left <= gap:
            break
        shown = cut(cell, left - gap)
        text.append(" " * gap).append(shown, _style(styles, position))
        left -= gap + cell_len(shown)
    return text


class Layout:
    """How wide the columns of some rows are, and which stand in the first line.

    Attributes:
        natural: how wide each column is where there is room for all.
    """

    natural: list[int]

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str]],
        width: int,
        before: Layout | None = None,
    ) -> None:
        """Fit rows, and the columns' headings, into lines of a width.

        Args:
            columns: the columns.
            rows: the cells of each row.
            width: the terminal's.
            before: that of the rows above, under whose headings these stand: columns
                do not become narrower.
        """
        self._columns = columns
        self._width = width
        natural = [
            max([cell_len(column.heading), *(cell_len(row[at]) for row in rows)])
            for at, column in enumerate(columns)
        ]
        if before is not None:
            natural = list(map(max, natural, before.natural))
        self.natural = natural
        count = len(columns)
        while count > 1 and self._least(natural[:count]) > width:
            count -= 1
        self._first = self._shrink(natural[:count])
        self._rest = range(count, len(columns))

    def heading(self) -> Text:
        """Return the line of headings."""
        cells = [column.heading for column in self._columns]
        return self._line(cells, ["bold"] * len(cells))

    def lines(self, cells: Sequence[str], styles: Sequence[str]) -> Iterator[Text]:
        """Yield the lines of a row: one, and more where there is no room for all."""
        yield self._line(cells, styles)
        line = Text(" " * _INDENT)
        for at in self._rest:
            if not cells[at]:
                continue
            gap = GAP if len(line) > _INDENT else 0
            label = f"{self._columns[at].heading} "
            if gap and line.cell_len + gap + cell_len(label + cells[at]) > self._width:
                yield line
                line, gap = Text(" " * _INDENT), 0
            room = self._width - line.cell_len - gap - cell_len(label)
            line.append(" " * gap).append(label, "bold")
            line.append(cut(cells[at], room), _style(styles, at))
        if len(line) > _INDENT:
            yield line

    def _line(self, cells: Sequence[str], styles: Sequence[str]) -> Text:
        text = Text()
        last = len(self._first) - 1
        for at, width in enumerate(self._first):
            shown = cut(cells[at], width)
            room = " " * (width - cell_len(shown))
            text.append(" " * GAP if at else "")
            if self._columns[at].is_right:
                text.append(room).append(shown, _style(styles, at))
            else:
                text.append(shown, _style(styles, at))
                text.append(room if at < last else "")
        return text

    def _least(self, natural: Sequence[int]) -> int:
        """Return how narrow columns can be, all together."""
        widths = map(self._floor, range(len(natural)), natural)
        return sum(widths) + GAP * (len(natural) - 1)

    def _floor(self, at: int, natural: int) -> int:
        column = self._columns[at]
        if column.is_whole or column.is_right:
            return natural
        least = LEAST_OF_TEXT if column.is_text else LEAST
        return min(natural, max(least, cell_len(column.heading)))

    def _shrink(self, natural: Sequence[int]) -> list[int]:
        """Return widths that fit: the widest of those that may be cut lose first."""
        widths = list(natural)
        floors = [self._floor(at, wide) for at, wide in enumerate(natural)]
        excess = sum(widths) + GAP * (len(widths) - 1) - self._width
        while excess > 0:
            can_lose = [at for at, wide in enumerate(widths) if wide > floors[at]]
            if not can_lose:
                # One id alone is wider than the terminal.
                widths[0] = max(widths[0] - excess, 1)
                break
            widest = max(can_lose, key=lambda at: widths[at])
            widths[widest] -= 1
            excess -= 1
        return widths


def _style(styles: Sequence[str], position: int) -> str:
    return styles[position] if position < len(styles) else ""
