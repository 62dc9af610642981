"""Observers: who is told of touched keys, besides the log.

    Database.touch -> Keyspace.observe -> Observers -> watching clients (WATCH)
                                                    -> observers: whoever adds itself

A database that nobody observes costs a write one look at a flag. Observers are for what
concerns all keys or is not known beforehand: keyspace events, blocked clients, client
tracking.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.session import Session

Observer = Callable[["Database", bytes, bytes], None]
"""Called with the database, the key and the event, after the change."""

ReplacedObserver = Callable[["Database", "Database | None"], None]
"""Called before a database loses all keys, or gets those of another database."""

UNSEEN_BY_WATCH: Final = frozenset(
    (
        b"xgroup-create",
        b"xgroup-createconsumer",
        b"xgroup-delconsumer",
        b"xgroup-destroy",
        b"xgroup-setid",
        b"xsetid",
    )
)
"""What groups of a stream do to themselves: the entries are as they were, so neither
WATCH nor client tracking minds."""


class Observers:
    """Tells clients and observers of touched keys.

    Attributes:
        watchers: (database index, key) -> the clients that watch the key.
    """

    def __init__(self, keyspace: Keyspace) -> None:
        """Make observers of a keyspace; nobody listens yet."""
        self.watchers: dict[tuple[int, bytes], set[Session]] = {}
        self._observers: list[Observer] = []
        self._replaced_observers: list[ReplacedObserver] = []
        self._watched_keys: dict[int, int] = {}
        self.attach(keyspace)

    def attach(self, keyspace: Keyspace) -> None:
        """Observe another keyspace from now on."""
        self._keyspace = keyspace
        keyspace.observe = self._tell
        keyspace.observe_replaced = self._tell_replaced
        self._update_observed()

    # --- observers -----------------------------------------------------------------

    def add_observer(
        self, observer: Observer, replaced: ReplacedObserver | None = None
    ) -> None:
        """Tell somebody of every touched key from now on.

        Args:
            observer: called for each touched key.
            replaced: called before a database loses all keys or is swapped.
        """
        self._observers.append(observer)
        if replaced is not None:
            self._replaced_observers.append(replaced)
        self._update_observed()

    def remove_observer(
        self, observer: Observer, replaced: ReplacedObserver | None = None
    ) -> None:
        """Stop telling somebody who was added with the same arguments."""
        self._observers.remove(observer)
        if replaced is not None:
            self._replaced_observers.remove(replaced)
        self._update_observed()

    # --- watched keys --------------------------------------------------------------

    def watch(self, session: Session, database: Database, key: bytes) -> None:
        """Let a client's next EXEC fail if a key changes; watching twice is once.

        A key that has expired unseen is removed first, so that what counts as a change
        afterwards is a change.
        """
        database.peek(key)
        place = (database.index, key)
        if session.watched is None:
            session.watched = set()
        elif place in session.watched:
            return
        session.watched.add(place)
        watching = self.watchers.get(place)
        if watching is None:
            self.watchers[place] = {session}
            count = self._watched_keys.get(database.index, 0)
            self._watched_keys[database.index] = count + 1
            database.is_observed = True
        else:
            watching.add(session)

    def unwatch(self, session: Session) -> None:
        """Forget all that a client watches, and that any of it changed."""
        session.is_stale = False
        if session.watched is None:
            return
        for place in session.watched:
            watching = self.watchers[place]
            watching.discard(session)
            if not watching:
                del self.watchers[place]
                self._watched_keys[place[0]] -= 1
        session.watched = None
        self._update_observed()

    def expire_watched(self, session: Session) -> None:
        """Remove what has expired among a client's watched keys: that is a change."""
        for index, key in session.watched or ():
            database = self._keyspace.databases[index]
            if database.is_due(key):
                # Said here, since a paused server hides the key and removes it later.
                session.is_stale = True
                database.peek(key)

    # --- telling ---------------------------------------------------------------------

    def _tell(self, database: Database, key: bytes, event: bytes) -> None:
        watching = self.watchers.get((database.index, key))
        if watching is not None and event not in UNSEEN_BY_WATCH:
            for session in watching:
                session.is_stale = True
        for observer in self._observers:
            observer(database, key, event)

    def _tell_replaced(self, database: Database, other: Database | None) -> None:
        if self._watched_keys.get(database.index):
            for (index, key), watching in self.watchers.items():
                if index == database.index and _differs(key, database, other):
                    for session in watching:
                        session.is_stale = True
        for observer in self._replaced_observers:
            observer(database, other)

    def _update_observed(self) -> None:
        for database in self._keyspace.databases:
            database.is_observed = bool(
                self._observers or self._watched_keys.get(database.index)
            )


def _differs(key: bytes, database: Database, other: Database | None) -> bool:
    """Say whether a key is in a database, or in the one that takes its place.

    A key in both counts as changed, also where it has the same value in both.
    """
    was_there = database.peek(key) is not None
    return was_there or (other is not None and other.peek(key) is not None)
