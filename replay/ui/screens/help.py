"""Help: the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult

TEXT = """\
All screens show one moment, which the line at the top has.

 left right        a record back, a record on; with shift a hundred
 [ ]               to the mark before, to the next: T a tag (a deploy),
                   s a new script, R a start, . a snapshot,
                   ! errors, x a gap
 n N               to the next change of this job or key, to that before
 home              to the first record
 end  l            live: the log's end, as it grows
                   a click on the line goes there
 up down enter     choose, open
 esc               back to the screen before
 /                 search: a job's id, a key, a client, a number, any text
 a                 of a queue: also the jobs that ended well
 c                 clients
 s                 scripts, and what they took; of a queue: its own
 t                 two moments: this one beside another
 p                 of a job, a key, a record: what it carries, decoded
 ?  q              this; the end
"""


class HelpScreen(ModalScreen[None]):
    """The keys, over the screen; any of them closes it."""

    CSS = """
    HelpScreen { align: center middle; }
    #help {
        width: 78; height: auto; max-height: 22; padding: 0 1;
        border: round $primary; background: $surface;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,enter,q,space", "close", "close"),
    ]

    def compose(self) -> ComposeResult:
        """Yield the text."""
        with VerticalScroll(id="help"):
            yield Static(TEXT, markup=False)

    def action_close(self) -> None:
        """Close it."""
        self.dismiss(None)
