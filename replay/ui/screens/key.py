"""A key: its value at the moment, and what changed it up to then."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from joblog.replay.ui.places import Place
from joblog.replay.ui.screens.payload import PayloadScreen
from joblog.replay.ui.screens.view import Walked
from joblog.replay.ui.words import near, plain


class KeyScreen(Walked):
    """One key of one database."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("p", "payload", "payload")]
    COLUMNS: ClassVar[tuple[str, ...]] = ("record", "when", "who", "did", "left")

    def __init__(self, db: int, key: str) -> None:
        """Make it for a key, as JSON writes it."""
        super().__init__()
        self._db, self._key = db, key

    @property
    def walked(self) -> dict[str, str]:
        """The key."""
        return {"db": str(self._db), "key": self._key}

    async def show(self) -> None:
        """Show the key."""
        answer = await self.ask("key", **self.walked, **self.moment)
        if answer is None:
            return
        self.tell_time(answer)
        kind = answer["value"]["type"] if answer["value"] else "missing"
        self.head(
            Text.assemble((self._key, "bold"), f"  {kind}  database {self._db}"),
            Text(answer["text"]),
        )
        now_ms = answer["point"]["at_ms"]
        changes = answer["changes"]
        self.fill([(str(each["seq"]), _cells(each, now_ms)) for each in changes])
        self.tell("n and N go along its changes; enter opens the record")

    def action_payload(self) -> None:
        """Show what it carries, decoded."""
        words = {"db": str(self._db), "key": self._key}
        self.app.push_screen(PayloadScreen("key", words, self._key))

    def place_of(self, name: str) -> Place:
        """Return the change's record."""
        return Place("record", name)


def _cells(change: dict[str, Any], now_ms: int) -> list[Text]:
    return [
        Text(f"@{change['seq']}", style="cyan"),
        near(change["at_ms"], now_ms),
        plain(change["who"]),
        plain(change["text"]),
        plain(change["after_text"]),
    ]
