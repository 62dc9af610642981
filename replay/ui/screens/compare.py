"""Two moments: the queues of both, and the keys that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.widgets import Input

from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.view import View
from joblog.replay.ui.words import plain
from joblog.replay.views.words import MISSING, when

if TYPE_CHECKING:
    from textual.app import ComposeResult

_STATES = ("waiting", "running", "scheduled", "failed")
_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


class CompareScreen(View):
    """The moment that is shown, and another one that is written above."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("what", "name", "then", "now", "differs")

    def __init__(self, other: str = "") -> None:
        """Make it.

        Args:
            other: the other moment; "" for none yet.
        """
        super().__init__()
        self._other = other

    def compose(self) -> ComposeResult:
        """Yield the widgets, with the line to write the other moment in."""
        yield Input(self._other, placeholder="the moment before: @1042, 10m ago, a tag")
        yield from super().compose()

    def begin(self) -> None:
        """Let the first key be the moment's."""
        (self.table if self._other else self.query_one(Input)).focus()

    async def on_input_submitted(self, message: Input.Submitted) -> None:
        """Compare with it."""
        self._other = message.value.strip()
        self.look()
        self.table.focus()

    async def show(self) -> None:
        """Show how they differ."""
        if not self._other:
            self.tell("write the moment to compare with, and enter")
            return
        here = self.moment.get("at", "")
        answer = await self.ask("compare", a=self._other, b=here)
        if answer is None:
            return
        a, b, counts = answer["a"], answer["b"], answer["counts"]
        keys = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        self.head(
            Text.assemble(
                (f"@{a['seq']}", "bold cyan"),
                f" {when(a['at_ms'])}  to  ",
                (f"@{b['seq']}", "bold cyan"),
                f" {when(b['at_ms'])}",
            ),
            Text(f"keys: {keys}"),
        )
        self.fill([*_queues(a["queues"], b["queues"]), *_keys(answer["keys"])])
        self.tell("enter opens the queue, or the key")

    def place_of(self, name: str) -> Place | None:
        """Return the queue, or the key."""
        kind, db, word = name.split(" ", 2)
        return Place(kind, word, int(db))


def _queues(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> list[tuple[str, list[Text]]]:
    then = {queue["queue"]: queue for queue in before}
    now = {queue["queue"]: queue for queue in after}
    none: dict[str, Any] = {"states": {}, "total": {}}
    rows = []
    for name in dict.fromkeys((*now, *then)):
        old, new = then.get(name, none), now.get(name, none)
        came = new["total"].get("in", 0) - old["total"].get("in", 0)
        failed = new["total"].get("failed", 0) - old["total"].get("failed", 0)
        cells = [
            Text("queue"),
            plain(name, "bold"),
            plain(_states(old["states"])),
            plain(_states(new["states"])),
            plain(f"{came:+,} in, {failed:+,} failed"),
        ]
        rows.append((f"queue 0 {name}", cells))
    return rows


def _states(states: dict[str, int]) -> str:
    found = [f"{states[state]:,} {state}" for state in _STATES if states.get(state)]
    return ", ".join(found) or MISSING


def _keys(keys: list[dict[str, Any]]) -> list[tuple[str, list[Text]]]:
    return [
        (
            f"key {key['db'] or 0} {key['key']}",
            [
                Text("key"),
                plain(key["label"], "bold"),
                plain(key["change"], _STYLES.get(key["change"], "")),
                plain(key["type"]),
                plain("  ".join(f"{sign} {line}" for sign, line in key["lines"])),
            ],
        )
        for key in keys
    ]
