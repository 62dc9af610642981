"""The keyspace: all databases, the time they live in, and who is told of changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from joblog.app.keyspace.database import Database

if TYPE_CHECKING:
    from joblog.app.keyspace.freeing import Freeing
    from joblog.app.types.hashes import Hash

Observer = Callable[[Database, bytes, bytes], None]
Expired = Callable[[Database, bytes, list[bytes]], None]
New = Callable[[Database, bytes], None]
Replaced = Callable[[Database, Database | None], None]


def _nobody(_: Database, __: object, ___: object = None) -> None:
    """Take a call that nobody waits for."""


class Keyspace:
    """The databases of one server.

    Attributes:
        databases: by index.
        now_ms: the time that expiry goes by. It stands still while a command or a
            script runs; 0 means that nothing ever expires, which is how a fold runs.
        hits: how many look-ups found a key; `misses`: how many found none. The engine
            takes back those of commands that write.
        changes: counts the touched keys; a command that raised it has an effect.
        counted_besides: how many changes more than that Redis counts, or fewer.
        observe: called as `observe(database, key, event)` for each touched key of an
            observed database.
        observe_replaced: called as `observe_replaced(database, other)` before an
            observed database loses all its keys, or gets those of another database.
        on_new: called as `on_new(database, key)` before a key is stored that an
            observed database lacks; None while nobody asks for it.
        on_expired: called as `on_expired(database, key, fields)` after a key expired,
            with no fields, or after fields of a hash did.
        freeing: takes what is removed, to free it slowly; None where it goes at once.
        is_expiring: False while keys whose deadline has passed are hidden only, and
            removed later, since nothing may change (CLIENT PAUSE).
        libraries: the texts of the libraries of functions, by name.
    """

    __slots__ = (
        "changes",
        "counted_besides",
        "databases",
        "freeing",
        "hits",
        "is_expiring",
        "libraries",
        "misses",
        "now_ms",
        "observe",
        "observe_replaced",
        "on_expired",
        "on_new",
    )

    def __init__(self, databases: int = 16) -> None:
        """Make a keyspace of empty databases."""
        self.now_ms = 0
        self.changes = self.counted_besides = 0
        self.hits = 0
        self.misses = 0
        self.is_expiring = True
        self.libraries: dict[bytes, bytes] = {}
        self.observe: Observer = _nobody
        self.observe_replaced: Replaced = _nobody
        self.on_new: New | None = None
        self.freeing: Freeing | None = None
        self.on_expired: Expired = _nobody
        self.databases = [Database(index, self) for index in range(databases)]

    def pack_hashes(self) -> None:
        """Let small hashes lie packed; whoever reads `values` has to open them."""
        for database in self.databases:
            if database.opened is None:
                database.opened = {}

    def count_changes(self) -> int:
        """Return how many changes there were, as Redis counts them."""
        return self.changes + self.counted_besides

    def expire(self, database: Database, key: bytes) -> None:
        """Remove a key because its deadline passed, and say so."""
        if not self.is_expiring:
            return
        database.delete(key)
        if database.is_observed:
            self.observe(database, key, b"expired")
        self.on_expired(database, key, [])

    def expire_fields(self, database: Database, key: bytes) -> Hash | None:
        """Remove the fields of a hash whose deadline passed, and say so.

        Returns:
            What is left of it, or None where nothing is; while nothing may change, a
            copy of what would be left.
        """
        table: Hash = database.values[key]
        if not self.is_expiring:
            table = table.copy()
            table.discard_due(self.now_ms)
            return table or None
        fields = table.discard_due(self.now_ms)
        database.note_field_deadlines(key, table)
        if not fields:
            return table
        if database.is_observed:
            self.observe(database, key, b"hexpired")
        if not table:
            database.delete(key)
            if database.is_observed:
                self.observe(database, key, b"del")
        self.on_expired(database, key, fields)
        return table or None

    def clear(self, database: Database) -> None:
        """Remove all keys of a database; where there are none, nothing has changed."""
        if database.is_observed:
            self.observe_replaced(database, None)
        if database.values:
            self.changes += 1
            self.counted_besides += len(database) - 1
            database.clear()

    def exchange(self, first: Database, second: Database) -> None:
        """Swap all keys of two databases."""
        if first is second:
            return
        if first.is_observed:
            self.observe_replaced(first, second)
        if second.is_observed:
            self.observe_replaced(second, first)
        first.exchange(second)
        self.changes += 1

    def expire_due(self, limit: int) -> int:
        """Remove what is due in every database (see `Database.expire_due`)."""
        if not self.is_expiring:
            return 0
        return sum(database.expire_due(limit) for database in self.databases)

    def next_deadline_ms(self) -> int | None:
        """Return when something may expire next, or None where nothing ever does."""
        due = [database.next_deadline_ms() for database in self.databases]
        return min((ms for ms in due if ms is not None), default=None)

    def check(self) -> None:
        """Assert that each database is in its place, and as it should be."""
        for index, database in enumerate(self.databases):
            assert database.index == index
            assert database.keyspace is self
            database.check()
