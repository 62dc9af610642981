"""Effects: what the commands of one atomic unit leave for the log.

An entry is what the log appends: `(at_ms, db, effects, origin)`. The origin is the
client's id where the effect is the command as it was given, or
`[client id, command, note]` where it is not; see `joblog.storage.record`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.words import Argv

if TYPE_CHECKING:
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Session

Entry = tuple[int, int, list[Argv], Any]

SERVER_ID = 0
"""The client id of what the server does of its own accord."""


def client_note(session: Session) -> dict[str, Any]:
    """Return the note that tells who a client is."""
    return {
        "kind": "client",
        "address": session.address,
        "name": session.name,
        "user": session.user,
        "library": session.library_name,
        "library_version": session.library_version,
    }


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


def record_expired(
    engine: Engine, database: Database, key: bytes, fields: list[bytes]
) -> None:
    """Count and record that a key expired, or that fields of a hash did."""
    name = "expired_fields" if fields else "expired_keys"
    engine.server.statistics[name] += len(fields) or 1
    effect = [b"HDEL", key, *fields] if fields else [b"DEL", key]
    if engine.unit is not None:
        # In its place: an earlier effect of the unit may have brought the key here.
        engine.unit.add(database.index, [effect])
        engine.unit.expired += 1
    elif engine.is_recording:
        origin = [SERVER_ID, None, {"kind": "expired"}]
        engine.entries.append(
            (engine.keyspace.now_ms, database.index, [effect], origin)
        )
