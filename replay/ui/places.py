"""Places: what a screen knows of the program, and how it names another screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from joblog.replay.ui.desk import AsyncDesk


class Place(NamedTuple):
    """A screen that a row leads to.

    Attributes:
        kind: "queue", "job", "key" or "record".
        name: the queue, the job's id, the key, or the record's number.
        db: the database of a key.
    """

    kind: str
    name: str
    db: int = 0


class History(Protocol):
    """The program, as a screen knows it; see `joblog.replay.ui.app`."""

    desk: AsyncDesk
    at: int | None
    at_ms: int | None
    axis: dict[str, Any]

    def show_at(self, seq: int | None) -> None:
        """Show another moment."""

    def open_place(self, place: Place) -> None:
        """Show another screen."""
