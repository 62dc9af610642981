"""What all screens are: a time axis, a body that shows a moment, and the keys below."""

from __future__ import annotations

from abc import abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from joblog.replay.ui.desk import StaleError
from joblog.replay.ui.timeline import Timeline
from joblog.replay.ui.words import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult

    from joblog.replay.ui.places import History, Place


class View(Screen[None]):
    """A screen that shows something at the moment of the program."""

    CSS = """
    .note { dock: bottom; height: 1; margin-bottom: 1; color: $text-muted; }
    .head { height: auto; max-height: 40%; padding: 0 1; }
    DataTable { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", key_display="esc"),
    ]
    COLUMNS: ClassVar[tuple[str, ...]] = ()
    """The headings of its table."""

    _is_reading = False
    _details: Mapping[str, str] = MappingProxyType({})

    def compose(self) -> ComposeResult:
        """Yield the widgets: axis, head, table, note, and the keys."""
        yield Timeline()
        yield Static(id="head", classes="head", markup=False)
        table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=True)
        yield table
        yield Static(id="note", classes="note", markup=False)
        yield Footer()

    @property
    def history(self) -> History:
        """The program."""
        return cast("History", self.app)

    @property
    def table(self) -> DataTable[Text]:
        """The table."""
        return cast("DataTable[Text]", self.query_one(DataTable))

    @property
    def moment(self) -> dict[str, str]:
        """The moment, as questions take it."""
        at = self.history.at
        return {} if at is None else {"at": f"@{at}"}

    def on_mount(self) -> None:
        """Show the moment."""
        self.table.add_columns(*self.COLUMNS)
        self.show_axis()
        self.begin()

    def begin(self) -> None:
        """Let the first key be the table's."""
        self.table.focus()

    def on_screen_resume(self) -> None:
        """Show the moment: another screen may have changed it."""
        self.show_axis()
        self.look()

    def look(self) -> None:
        """Ask anew; what was asked before and has no answer yet does not count."""
        self.run_worker(self._look(), exclusive=True, group="look")

    async def _look(self) -> None:
        self._is_reading = True
        try:
            if not self.history.axis:
                axis = await self.history.desk.ask("axis")
                if not self._is_fit(axis):
                    return
                self.history.axis = axis
                self.show_axis()
            await self.show()
        except StaleError:
            self.look()
        else:
            self._is_reading = False

    @abstractmethod
    async def show(self) -> None:
        """Ask, and show what is told.

        Raises:
            StaleError: another moment is shown by now.
        """

    async def ask(self, name: str, **words: str) -> dict[str, Any] | None:
        """Return an answer; where there is none, say why and return None.

        Raises:
            StaleError: another moment is shown by now.
        """
        answer = await self.history.desk.ask(name, **words)
        return answer if self._is_fit(answer) else None

    def _is_fit(self, answer: dict[str, Any]) -> bool:
        if "error" in answer:
            self._is_reading = False
            self.table.clear()
            self.tell(f"{answer['kind']}: {answer['error']}")
            return False
        return True

    # --- what it says -------------------------------------------------------------

    def show_axis(self) -> None:
        """Draw the axis."""
        history = self.history
        self.query_one(Timeline).tell(
            history.axis, history.desk.folder.name, history.at, history.at_ms
        )

    def tell_time(self, answer: dict[str, Any]) -> None:
        """Show the time of the moment, where an answer has it."""
        if answer["point"]["seq"] == self.history.at:
            self.history.at_ms = answer["point"]["at_ms"]
            self.show_axis()

    def tell(self, text: str) -> None:
        """Say something below the table."""
        self.query_one("#note", Static).update(plain(text) if text else Text(""))

    def show_progress(self, seq: int) -> None:
        """Say how far long work has come."""
        if self._is_reading:
            self.tell(f"reading @{seq:,}")

    def head(self, *lines: Text, is_cut: bool = False) -> None:
        """Say something above the table.

        Args:
            lines: what.
            is_cut: whether lines are cut off where the screen ends, not broken.
        """
        text = Text("\n").join(lines)
        if is_cut:
            text.no_wrap, text.overflow = True, "ellipsis"
        self.query_one("#head", Static).update(text)

    def fill(
        self,
        rows: Sequence[tuple[str, Sequence[Text]]],
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Fill the table; the row that was chosen stays so.

        Args:
            rows: what each is called, and its cells.
            details: what is said below the table where a row is chosen.
        """
        self._details = details or {}
        table = self.table
        place, chosen = table.cursor_row, self.chosen
        table.clear()
        names = []
        for name, cells in rows:
            if name not in names:
                table.add_row(*cells, key=name)
                names.append(name)
        if chosen in names:
            place = names.index(chosen)
        if names:
            table.move_cursor(row=min(place, len(names) - 1))

    def on_data_table_row_highlighted(self, message: DataTable.RowHighlighted) -> None:
        """Say more of the row under the cursor."""
        detail = self._details.get(message.row_key.value or "")
        if detail is not None:
            self.tell(detail)

    @property
    def chosen(self) -> str | None:
        """What the row under the cursor is called."""
        table = self.table
        if not table.row_count:
            return None
        return table.coordinate_to_cell_key((table.cursor_row, 0)).row_key.value  # type: ignore[arg-type]

    # --- keys ---------------------------------------------------------------------

    def on_timeline_chosen(self, message: Timeline.Chosen) -> None:
        """Go where the axis was clicked."""
        self.history.show_at(message.seq)

    def action_leave(self) -> None:
        """Go back to the screen before; the first stays."""
        if len(self.app.screen_stack) > 2:  # noqa: PLR2004 - Textual's own, and the first
            self.app.pop_screen()

    def on_data_table_row_selected(self, message: DataTable.RowSelected) -> None:
        """Open what was chosen."""
        place = self.place_of(message.row_key.value or "")
        if place is not None:
            self.history.open_place(place)

    def place_of(self, name: str) -> Place | None:  # noqa: ARG002 - for those that open
        """Return where a row leads; None where it leads nowhere."""
        return None


class Walked(View):
    """A screen about one thing, whose changes can be walked along."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "walk('after')", "next change"),
        Binding("N", "walk('before')", "change before", key_display="N"),
    ]

    @property
    @abstractmethod
    def walked(self) -> dict[str, str]:
        """What `nearby` is asked of."""

    def action_walk(self, way: str) -> None:
        """Go to the next change of this, or that before."""
        self.run_worker(self._walk(way), exclusive=True, group="walk")

    async def _walk(self, way: str) -> None:
        history = self.history
        here = history.axis["until_seq"] if history.at is None else history.at
        try:
            answer = await self.ask("nearby", seq=str(here), **self.walked)
        except StaleError:
            return
        if answer is None:
            return
        if answer[way] is None:
            self.notify("no more changes there")
        else:
            history.show_at(answer[way])
