"""One database: keys, their values, their deadlines.

A string is plain `bytes`; the other values are the classes of `app.types`. Deadlines
lie beside the values, since most keys have none, and again in a heap that gives the
next one due. A heap entry counts only while it equals the key's deadline: setting a
deadline anew leaves the old entry behind, and the heap is rebuilt when such leavings
outnumber the deadlines.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, TypeVar

from app.errors import WRONG_TYPE, CommandError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.keyspace.keyspace import Keyspace
    from app.keyspace.scan import ScanIndex

V = TypeVar("V")

_HEAP_SLACK = 1024


class Database:
    """Keys and values; every change is told with `touch`.

    Attributes:
        index: the number that SELECT takes.
        values: key -> value. Handlers read it through `get`, which sees to expiry.
        deadlines: key -> when it expires, in ms since the epoch.
        is_observed: whether anybody but the log wants to know of touched keys.
        scan_index: the order of a SCAN under way, or None.
    """

    __slots__ = (
        "_due",
        "deadlines",
        "index",
        "is_observed",
        "keyspace",
        "scan_index",
        "values",
    )

    def __init__(self, index: int, keyspace: Keyspace) -> None:
        """Make an empty database of a keyspace."""
        self.index = index
        self.keyspace = keyspace
        self.values: dict[bytes, Any] = {}
        self.deadlines: dict[bytes, int] = {}
        self.is_observed = False
        self.scan_index: ScanIndex | None = None
        self._due: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        """Return the number of keys, those that have expired unseen included."""
        return len(self.values)

    def lookup(self, key: bytes) -> Any:
        """Return a key's value of any type, or None where it is missing or expired."""
        if self.deadlines and self._expire_if_due(key):
            return None
        return self.values.get(key)

    def get(self, key: bytes, kind: type[V]) -> V | None:
        """Return a key's value, or None where it is missing or expired.

        Raises:
            CommandError: the value is of another type.
        """
        if self.deadlines and self._expire_if_due(key):
            return None
        value = self.values.get(key)
        if value is None or type(value) is kind:
            return value
        raise CommandError(WRONG_TYPE)

    def get_or_create(self, key: bytes, kind: Callable[[], V]) -> V:
        """Return a key's value; where it is missing, store and return an empty one.

        Raises:
            CommandError: the value is of another type.
        """
        if self.deadlines:
            self._expire_if_due(key)
        value = self.values.get(key)
        if value is None:
            value = kind()
            self.set(key, value)
        elif type(value) is not kind:
            raise CommandError(WRONG_TYPE)
        return value

    def set(self, key: bytes, value: Any) -> None:
        """Store a value; a deadline that the key has stays."""
        if self.is_observed:
            self._tell_if_new(key)
        self.values[key] = value

    def overwrite(self, key: bytes, value: Any) -> None:
        """Store a value; a deadline that the key had is gone."""
        if self.is_observed:
            self._tell_if_new(key)
        self.values[key] = value
        if self.deadlines:
            self.deadlines.pop(key, None)

    def _tell_if_new(self, key: bytes) -> None:
        on_new = self.keyspace.on_new
        if on_new is not None and key not in self.values:
            on_new(self, key)

    def delete(self, key: bytes) -> bool:
        """Remove a key and its deadline; say whether it was there."""
        if self.values.pop(key, None) is None:
            return False
        if self.deadlines:
            self.deadlines.pop(key, None)
        return True

    def remove_if_empty(self, key: bytes, value: Any) -> None:
        """Remove a key whose collection has become empty."""
        if not value:
            self.delete(key)
            self.touch(key, b"del")

    def clear(self) -> None:
        """Remove all keys."""
        self.values = {}
        self.deadlines = {}
        self._due = []
        self.scan_index = None

    def exchange(self, other: Database) -> None:
        """Swap all keys with another database's."""
        self.values, other.values = other.values, self.values
        self.deadlines, other.deadlines = other.deadlines, self.deadlines
        self._due, other._due = other._due, self._due
        self.scan_index, other.scan_index = other.scan_index, self.scan_index

    def touch(self, key: bytes, event: bytes) -> None:
        """Tell that a key changed.

        Args:
            key: the key.
            event: the name of Redis's keyspace event, such as `b"sadd"`; empty for a
                change that is no event.
        """
        self.keyspace.changes += 1
        if self.is_observed:
            self.keyspace.observe(self, key, event)

    # --- deadlines ---------------------------------------------------------------

    def deadline_ms(self, key: bytes) -> int | None:
        """Return when a key expires, or None where it does not."""
        return self.deadlines.get(key)

    def set_deadline(self, key: bytes, deadline_ms: int) -> None:
        """Let a key expire at a time, in ms since the epoch."""
        self.deadlines[key] = deadline_ms
        due = self._due
        heapq.heappush(due, (deadline_ms, key))
        if len(due) > 2 * len(self.deadlines) + _HEAP_SLACK:
            self.order_deadlines()

    def order_deadlines(self) -> None:
        """Make the heap anew from the deadlines, after they were filled in at once."""
        self._due = [(ms, name) for name, ms in self.deadlines.items()]
        heapq.heapify(self._due)

    def clear_deadline(self, key: bytes) -> bool:
        """Let a key live for ever; say whether it had a deadline."""
        return self.deadlines.pop(key, None) is not None

    def expire_due(self, limit: int) -> int:
        """Remove keys whose deadline has passed, the oldest first.

        Args:
            limit: how many at the most.

        Returns:
            How many were removed.
        """
        removed, now_ms = 0, self.keyspace.now_ms
        while self._due and self._due[0][0] <= now_ms and removed < limit:
            deadline_ms, key = heapq.heappop(self._due)
            if self.deadlines.get(key) == deadline_ms:
                self.keyspace.expire(self, key)
                removed += 1
        return removed

    def next_deadline_ms(self) -> int | None:
        """Return when the next key may expire: never late, perhaps early."""
        return self._due[0][0] if self._due else None

    def _expire_if_due(self, key: bytes) -> bool:
        deadline_ms = self.deadlines.get(key)
        if deadline_ms is None or deadline_ms > self.keyspace.now_ms:
            return False
        self.keyspace.expire(self, key)
        return True
