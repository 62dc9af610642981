"""Candidates: which key goes next where memory is short.

    ...-lru, ...-lfu   of some keys picked at random the one that was used longest ago,
                       or least; the next best wait in a pool of 16
    ...-random         any
    volatile-ttl       that whose deadline comes first

A dictionary gives no key at random, so the picks are from a list of its keys: made
anew when an eighth of them are gone, or as many have come. Newer keys are not in it,
which are the last to go anyway. Of a large database every second or tenth key stands
for all of them.

Source: Redis 7.2; see tests/parity/test_eviction.py.
"""

from __future__ import annotations

from bisect import insort
from itertools import islice
from sys import getsizeof
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joblog.app.engine.uses import Uses
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

Victim = tuple["Database", bytes]

_POOL_MAX: Final = 16
_LISTED_MAX: Final = 1 << 20
_RENEWED: Final = 8
"""A list is made anew once one of so many of its keys had to go."""


class _Listed:
    """Keys of a database, or of those with a deadline, to pick from at random.

    It does not hold on to the table: that of a database that is flushed has to go.

    Attributes:
        taken: how many of them had to go.
    """

    def __init__(self, table: Mapping[bytes, object]) -> None:
        self._table_id = id(table)
        self._size = len(table)
        self._keys = list(islice(table, 0, None, 1 + len(table) // _LISTED_MAX))
        self._listed = len(self._keys)
        self.taken = 0

    def is_of(self, table: Mapping[bytes, object]) -> bool:
        """Say whether the list tells enough of what is in a table."""
        is_worn = (
            self.taken > self._listed // _RENEWED
            or len(self._keys) <= self._listed // 2
            or len(table) > self._size + self._size // _RENEWED
        )
        return id(table) == self._table_id and not is_worn

    def held_bytes(self) -> int:
        """Return how much memory the list takes."""
        return getsizeof(self._keys)

    def pick(
        self, table: Mapping[bytes, object], random: Callable[[], float], count: int
    ) -> list[bytes]:
        """Return up to so many keys that are in the table; one may come twice."""
        keys = self._keys
        picked: list[bytes] = []
        while keys and len(picked) < count:
            at = int(random() * len(keys))
            key = keys[at]
            if key in table:
                picked.append(key)
            else:
                keys[at] = keys[-1]
                keys.pop()
        return picked


class Candidates:
    """Chooses, by the policy that is set."""

    def __init__(self, context: Context, uses: Uses) -> None:
        """Choose among the keys of an engine.

        Args:
            context: the engine's.
            uses: know when keys were used.
        """
        self._context = context
        self._uses = uses
        self._listed: dict[int, _Listed] = {}
        # The best last: (rank, index of its database, key).
        self._pool: list[tuple[int, int, bytes]] = []
        self._next_index = 0
        context.server.config.on_change(self.forget, "maxmemory_policy")

    def forget(self) -> None:
        """Begin anew; nothing is kept while there is enough memory."""
        self._listed.clear()
        self._pool.clear()

    def listed_bytes(self) -> int:
        """Return how much memory the lists of keys take."""
        return sum(listed.held_bytes() for listed in self._listed.values())

    def choose(self, policy: str) -> Victim | None:
        """Return a key and its database; None where no key may go by the policy."""
        is_volatile = policy.startswith("volatile-")
        if policy == "volatile-ttl":
            return self._first_due()
        if policy.endswith("-random"):
            victim = self._any(is_volatile=is_volatile)
        else:
            victim = self._least_used(is_volatile=is_volatile)
        if victim is not None:
            listed = self._listed.get(victim[0].index)
            if listed is not None:
                listed.taken += 1
        return victim

    def _first_due(self) -> Victim | None:
        due = [
            (first, database.index)
            for database in self._context.keyspace.databases
            if (first := database.deadlines.first()) is not None
        ]
        if not due:
            return None
        (_, key), index = min(due)
        return self._context.keyspace.databases[index], key

    def _any(self, *, is_volatile: bool) -> Victim | None:
        """Return any key of one database after the other."""
        databases = self._context.keyspace.databases
        for _ in databases:
            database = databases[self._next_index]
            self._next_index = (self._next_index + 1) % len(databases)
            table = database.deadlines if is_volatile else database.values
            if table:
                return database, self._pick(database.index, table, 1)[0]
        return None

    def _pick(
        self, index: int, table: Mapping[bytes, object], count: int
    ) -> list[bytes]:
        """Return up to so many keys of a table of a database, which is not empty."""
        listed = self._listed.get(index)
        if listed is None or not listed.is_of(table):
            listed = self._listed[index] = _Listed(table)
        keys = listed.pick(table, self._context.random.random, count)
        return keys or list(islice(table, count))

    def _least_used(self, *, is_volatile: bool) -> Victim | None:
        databases, uses, pool = self._context.keyspace.databases, self._uses, self._pool
        while True:
            if not self._fill_pool(is_volatile=is_volatile):
                return None
            while pool:
                rank, index, key = pool.pop()
                database = databases[index]
                table = database.deadlines if is_volatile else database.values
                if key in table and uses.ranks(index, [key])[0] >= rank:
                    return database, key

    def _fill_pool(self, *, is_volatile: bool) -> bool:
        """Put some more keys into the pool; say whether there is any."""
        samples = self._context.server.config.maxmemory_samples
        pool, has_any = self._pool, False
        for database in self._context.keyspace.databases:
            table = database.deadlines if is_volatile else database.values
            if not table:
                continue
            has_any = True
            index = database.index
            keys = self._pick(index, table, samples)
            for rank, key in zip(self._uses.ranks(index, keys), keys, strict=True):
                if len(pool) < _POOL_MAX:
                    insort(pool, (rank, index, key))
                elif rank > pool[0][0]:
                    del pool[0]
                    insort(pool, (rank, index, key))
        return has_any
