"""Writes that are answered and not kept: a moment of the past for programs that write.

Dashboards write while they only look: they tidy up registries, name themselves, ask
workers by a queue. Refused, they break; kept, what they do changes what they show. So a
command, a transaction or a script runs to its end, and then the keys that it changed
become what they were: nobody sees a change but the command that made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.clock import Jumps, steady_ms
from joblog.app.engine.past import engine_over
from joblog.app.history.touched import Touched, touched_by
from joblog.app.types.kinds import copy_value

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.words import Argv


def open_discarding(config: Config, keyspace: Keyspace, at_ms: int) -> Engine:
    """Return an engine that answers writes at a moment as if, and keeps none of them.

    Time stands still as in `open_past`; who waits for a key does, for as long as asked.

    Args and returns: as of `open_past`.
    """
    engine = engine_over(config, keyspace, lambda: at_ms, steady_ms)
    # A wall clock that stands still was set by nobody.
    engine.server.jumps = Jumps(steady_ms, steady_ms)
    keyspace.is_expiring = engine.server.expires_unasked = False
    engine.outbox.discard = Discarding(engine).note
    return engine


class Discarding:
    """Puts back what commands change; it keeps a copy of all keys for that."""

    def __init__(self, engine: Engine) -> None:
        """Keep a copy of an engine's keyspace as it is now."""
        self._engine = engine
        self._changed: list[tuple[int, list[Argv]]] = []
        keyspace = engine.keyspace
        self._libraries = dict(keyspace.libraries)
        self._kept: list[dict[bytes, tuple[Any, int | None]]] = [
            {
                key: (copy_value(value), database.deadline_ms(key))
                for key, value in database.values.items()
            }
            for database in keyspace.databases
        ]

    def note(self, db: int, effects: list[Argv]) -> None:
        """Note down what a command did, and undo it where the command is a whole."""
        self._changed.append((db, effects))
        if self._engine.context.unit is None:
            self._undo()

    def _undo(self) -> None:
        changed, self._changed = self._changed, []
        for db, effects in changed:
            self._put_back(touched_by(db, effects))
        if self._engine.keyspace.libraries != self._libraries:
            self._engine.keyspace.libraries = dict(self._libraries)
            self._engine.functions.forget()

    def _put_back(self, touched: Touched) -> None:
        """Let keys, and whole databases, be what they were."""
        for db, database in enumerate(self._engine.keyspace.databases):
            if touched.includes_all(db):
                database.clear()
                for key in self._kept[db]:
                    self._put_back_key(db, key)
        for db, key in touched.keys:
            self._put_back_key(db, key)

    def _put_back_key(self, db: int, key: bytes) -> None:
        database = self._engine.keyspace.databases[db]
        kept = self._kept[db].get(key)
        if kept is None:
            database.delete(key)
        else:
            value, deadline_ms = kept
            database.place(key, copy_value(value), deadline_ms)
