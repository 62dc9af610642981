"""Units: what the commands of an EXEC or a script leave for the log, as one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from joblog.app.words import Argv


@final
class Unit:
    """The effects of one EXEC or script, which become one record.

    Attributes:
        db: the database of the first effect, or None while there is none.
        effects: in order, with a SELECT wherever the database changes.
        expired: how many of them are there only because a deadline had passed.
        time_ns: what TIME tells inside of it, in ns since the epoch.
    """

    __slots__ = ("_selected", "db", "effects", "expired", "time_ns")

    def __init__(self, time_ns: int = 0) -> None:
        """Make a unit without effects, at a time, which stands still in it."""
        self.time_ns = time_ns
        self.expired = 0
        self.db: int | None = None
        self.effects: list[Argv] = []
        self._selected = -1

    def add(self, db: int, effects: list[Argv]) -> None:
        """Add what one command of the unit did in a database."""
        if db != self._selected:
            self._select(db)
        self.effects += effects

    def add_one(self, db: int, effect: Argv) -> None:
        """Add a command of the unit that is its own effect."""
        if db != self._selected:
            self._select(db)
        self.effects.append(effect)

    def _select(self, db: int) -> None:
        if self.db is None:
            self.db = db
        else:
            self.effects.append([b"SELECT", b"%d" % db])
        self._selected = db
