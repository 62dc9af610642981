"""Packing: small values that were asked for some seconds ago are packed again.

    HSET of several fields of a new key, a snapshot   -> packed at once
    any command that asks for it                      -> opened, and noted
    LPUSH and RPUSH where many are open               -> pushed to as it lies
    `pack_for`, between commands                      -> packed again

No access is noted but the one that opens. So a value that is in use all the time is
packed and opened once in `OPEN_MS`, which costs it some microseconds.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.keyspace.keyspace import Keyspace

OPEN_MS: Final = 5_000
_AT_ONCE: Final = 64
_LEFT_OPEN: Final = (List, Set, SortedSet)


class Packing:
    """Packs the values of a keyspace that were opened."""

    def __init__(self) -> None:
        """Begin with nothing to pack."""
        self._waiting: list[tuple[Database, dict[bytes, None]]] = []
        self._since_ms = 0

    def pack_for(self, keyspace: Keyspace, steady_ms: int, nanoseconds: int) -> None:
        """Pack what was opened some seconds ago, for so long.

        No command may be under way: it may have a value in its hands.

        Args:
            keyspace: whose values.
            steady_ms: a clock that nobody sets.
            nanoseconds: about how long.
        """
        if not self._waiting:
            if steady_ms - self._since_ms < OPEN_MS:
                return
            self._since_ms = steady_ms
            self._waiting = [
                (database, keys)
                for database in keyspace.databases
                if (keys := database.take_opened())
            ]
        until = perf_counter_ns() + nanoseconds
        while self._waiting:
            database, keys = self._waiting[-1]
            for _ in range(min(len(keys), _AT_ONCE)):
                database.pack(keys.popitem()[0])
            if not keys:
                self._waiting.pop()
            if perf_counter_ns() > until:
                break


def pack_beyond(keyspace: Keyspace, most: int) -> None:
    """Pack what was opened in each database where that is more than so many."""
    for database in keyspace.databases:
        if database.opened is not None and len(database.opened) > most:
            for key in database.take_opened():
                database.pack(key)


def pack_hashes_beyond(keyspace: Keyspace, most: int) -> None:
    """Pack the hashes that were opened where that is more than so many values.

    So a fold does. Lists, sets and sorted sets it leaves to the server: most of them
    are in use until the end of the log, and to open them again for each push takes
    longer than the push.
    """
    for database in keyspace.databases:
        opened = database.opened
        if opened is not None and len(opened) - database.left_open > most:
            left: dict[bytes, None] = {}
            for key in database.take_opened():
                kind = type(database.values.get(key))
                if kind is Hash:
                    database.pack(key)
                elif kind in _LEFT_OPEN:
                    left[key] = None
            database.opened = left
            database.left_open = len(left)
