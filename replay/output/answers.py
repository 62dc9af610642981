"""Where answers go: tables on a terminal, tab-separated lines in a pipe, or JSON.

In JSON an answer is a line for each thing found, so that it can be read as it comes.
Plain lines are never cut and have no heading. A terminal gets colours unless NO_COLOR
is set. What is not the answer (progress, hints) goes to standard error.

rich is imported where a terminal is written to: a pipe must not wait for it.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import enum
import json
import shutil
import sys
import textwrap
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from joblog.app import clock
from joblog.app.history.moments import show_time
from joblog.replay.output.times import ago, near_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TextIO

    from rich.console import Console, RenderableType
    from rich.progress import Progress, TaskID

    from joblog.replay.output.layout import Layout

_ROWS_A_TABLE = 500
_SLOW_SECONDS = 1.0
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


def tell(text: str) -> None:
    """Write a line to standard error; on a terminal it is broken between words."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(
            text, width, break_long_words=False, break_on_hyphens=False
        )
    sys.stderr.write(f"{text}\n")


class Mode(enum.Enum):
    """How answers are written."""

    TERMINAL = "terminal"
    PLAIN = "plain"
    JSON = "json"


class Output:
    """Writes answers to standard output.

    Attributes:
        mode: how.
        has_written: whether a part of the answer is out already.
        has_told: whether something was told beside it.
        may_page: whether the pager shows it, on a terminal; not where it never ends.
    """

    def __init__(self, mode: Mode | None = None, *, may_page: bool = True) -> None:
        """Write in a mode; by default as standard output asks for.

        Args:
            mode: how.
            may_page: whether a long answer on a terminal is shown by the pager.
        """
        self.has_written = False
        self.has_told = False
        self._told: set[str] = set()
        self.may_page = may_page
        self._now_ms = clock.now_ms()
        if mode is None:
            mode = Mode.TERMINAL if sys.stdout.isatty() else Mode.PLAIN
        self.mode = mode
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            # A key that the terminal's encoding lacks must not end the answer.
            reconfigure(errors="backslashreplace")

    @cached_property
    def console(self) -> Console:
        """The terminal's console; whoever prints there says `make_way` before."""
        from joblog.replay.output.consoles import make_console

        return make_console()

    @property
    def stream(self) -> TextIO:
        """Standard output, for whoever writes a part of the answer there."""
        self.has_written = True
        return sys.stdout

    def draw(self, what: RenderableType, *, soft_wrap: bool = False) -> None:
        """Print on the terminal; the first time, start the pager."""
        if self.may_page and not self.has_written:
            from joblog.replay.output.consoles import begin_pager

            self.console = begin_pager(self.console)
        self.has_written = True
        SlowProgress.make_way()
        self.console.print(what, soft_wrap=soft_wrap)

    @property
    def is_json(self) -> bool:
        """Whether answers are JSON."""
        return self.mode is Mode.JSON

    @property
    def is_terminal(self) -> bool:
        """Whether somebody reads the answer on a terminal."""
        return self.mode is Mode.TERMINAL

    def time(self, at_ms: int) -> str:
        """Return a time: on a terminal short, and with how long ago it was."""
        if not self.is_terminal:
            return show_time(at_ms)
        return f"{near_time(at_ms, self._now_ms)} {ago(at_ms, self._now_ms)}"

    @property
    def word_limit(self) -> int | None:
        """The most characters that one word is shown with; None for all."""
        return 60 if self.mode is Mode.TERMINAL else None

    def json(self, value: Any) -> None:
        """Write one line of JSON."""
        self.stream.write(_encode_json(value) + "\n")

    def line(self, cells: Sequence[str], styles: Sequence[str] = ()) -> None:
        """Write one line at once: coloured and cut to fit, or tab-separated."""
        if self.mode is not Mode.TERMINAL:
            self.stream.write("\t".join(cells) + "\n")
            return
        from joblog.replay.output.layout import fit_line

        self.draw(fit_line(cells, styles, self.console.width), soft_wrap=True)

    def text(self, text: str, style: str = "", *, is_pasted: bool = False) -> None:
        """Write lines that people read, in any mode but JSON.

        Args:
            text: the lines; on a terminal they are broken between words.
            style: how they look there.
            is_pasted: whether they are commands to be pasted, never to be broken.
        """
        if self.mode is Mode.TERMINAL:
            from rich.text import Text

            self.draw(Text(text, style), soft_wrap=is_pasted)
        elif self.mode is Mode.PLAIN:
            self.stream.write(text + "\n")

    def hint(self, text: str) -> None:
        """Tell something beside the answer, on standard error."""
        self.has_told = True
        tell(text)

    def hint_once(self, text: str) -> None:
        """Tell something beside the answer, but not again where it is given anew."""
        if text not in self._told:
            self._told.add(text)
            self.hint(text)

    def flush(self) -> None:
        """Send on what was written so far."""
        sys.stdout.flush()

    def facts(self, facts: dict[str, Any], shown: dict[str, str]) -> None:
        """Write facts about one thing.

        Args:
            facts: for JSON, one object.
            shown: for people, by label.
        """
        if self.is_json:
            self.json(facts)
            return
        if self.mode is Mode.PLAIN:
            for label, value in shown.items():
                self.stream.write(f"{label}\t{value}\n")
            return
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        for label, value in shown.items():
            grid.add_row(Text(label, "bold"), Text(value))
        self.draw(grid)

    @contextmanager
    def rows(
        self,
        *columns: str,
        right: Sequence[str] = (),
        whole: Sequence[str] = (),
        texts: Sequence[str] = (),
    ) -> Iterator[Rows]:
        """Return where rows of one kind go, while the context lasts.

        Args:
            columns: their headings.
            right: those of them that are numbers.
            whole: those of them that are ids, which are never cut.
            texts: those of them that are sentences.
        """
        rows = Rows(self, columns, right, whole, texts)
        try:
            yield rows
        finally:
            rows.finish()


class Rows:
    """Rows of a table; on a terminal a long one is drawn in pieces.

    Attributes:
        count: how many were added.
    """

    def __init__(
        self,
        output: Output,
        columns: Sequence[str],
        right: Sequence[str],
        whole: Sequence[str],
        texts: Sequence[str],
    ) -> None:
        """Begin a table."""
        self.count = 0
        self._output = output
        self._columns = columns
        self._right = right
        self._whole = whole
        self._texts = texts
        self._waiting: list[tuple[Sequence[str], Sequence[str]]] = []
        self._drawn: Layout | None = None

    def add(self, facts: Any, cells: Sequence[str], styles: Sequence[str] = ()) -> None:
        """Add a row: `facts` as JSON, `cells` for people."""
        self.count += 1
        output = self._output
        if output.is_json:
            output.json(facts)
        elif output.mode is Mode.PLAIN:
            output.line(cells)
        else:
            self._waiting.append((cells, styles))
            if len(self._waiting) >= _ROWS_A_TABLE:
                self.finish()

    def finish(self) -> None:
        """Draw what was not drawn yet."""
        if not self._waiting:
            return
        from joblog.replay.output.layout import Column, Layout

        output = self._output
        columns = [
            Column(
                name,
                is_right=name in self._right,
                is_whole=name in self._whole,
                is_text=name in self._texts,
            )
            for name in self._columns
        ]
        texts = [cells for cells, _ in self._waiting]
        layout = Layout(columns, texts, output.console.width, self._drawn)
        if self._drawn is None:
            output.draw(layout.heading(), soft_wrap=True)
        self._drawn = layout
        for cells, styles in self._waiting:
            for line in layout.lines(cells, styles):
                output.draw(line, soft_wrap=True)
        self._waiting.clear()


class SlowProgress:
    """A progress bar on standard error that shows itself after a second of work.

    One is shown at a time: the last to have something to tell. Where an answer is
    written to the same terminal, it goes, and comes back after another second.
    """

    _shown: ClassVar[SlowProgress | None] = None
    _quiet_since: ClassVar[float] = 0

    def __init__(self, label: str, total: int | Callable[[], int]) -> None:
        """Prepare a bar for so many records; a function is asked when it is shown."""
        self._label = label
        self._total = total
        self._started = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __call__(self, seq: int) -> None:
        """Tell how far it has come."""
        if self._bar is not None:
            assert self._task is not None
            self._bar.update(self._task, completed=seq)
            return
        since = max(self._started, SlowProgress._quiet_since)
        if time.monotonic() - since > _SLOW_SECONDS and sys.stderr.isatty():
            self._show()

    @classmethod
    def make_way(cls) -> None:
        """Remove the bar that is shown, for an answer on the same terminal."""
        cls._quiet_since = time.monotonic()
        if cls._shown is not None:
            cls._shown.close()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        if SlowProgress._shown is not None:
            SlowProgress._shown.close()
        SlowProgress._shown = self
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} of {task.total:,} records"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        total = self._total if isinstance(self._total, int) else self._total()
        self._task = self._bar.add_task(self._label, total=total)
        self._bar.start()

    def then(self, label: str) -> Callable[[int], None]:
        """Return what tells how far the next piece of work has come."""

        def progress(seq: int) -> None:
            if self._label != label:
                self.close()
                self._label = label
            self(seq)

        return progress

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        self.close()

    def close(self) -> None:
        """Remove the bar; it shows itself again where there is more to tell."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            SlowProgress._shown = None
