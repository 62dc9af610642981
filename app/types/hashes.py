"""Hashes: a dictionary of fields, in the order in which they came.

`HGET` and its like use the dictionary's own methods. What adds or removes a field goes
through `set_field`, `replace_field`, `put_all` and `discard`, because a hash may carry
two things more: once HRANDFIELD has been asked of a large hash, the set of its fields,
which can pick one at random without copying them all; and the deadlines of fields that
expire. Most hashes have neither. A hash knows no clock: its database removes what is
due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.deadlines import Deadlines
from joblog.app.types.sets import Set

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

LISTPACK: Final = b"listpack"
HASHTABLE: Final = b"hashtable"

# Up to here a list of all fields is made for each random pick.
_FEW_FIELDS: Final = 64


class Hash(dict[bytes, bytes]):
    """Fields and their values.

    Attributes:
        deadlines: when fields expire, in ms since the epoch; None where none does.
        scan_index: the places of an HSCAN under way, or None (see keyspace/scan.py).
    """

    __slots__ = ("_fields", "deadlines", "scan_index")

    def __init__(
        self,
        fields: Mapping[bytes, bytes] | None = None,
        deadlines: Mapping[bytes, int] | None = None,
    ) -> None:
        """Make a hash of fields, and of deadlines of some of them."""
        self._fields: Set | None = None
        self.deadlines = Deadlines(deadlines) if deadlines else None
        self.scan_index: Any = None
        if fields:
            self.update(fields)

    def put_all(self, fields: Iterable[bytes], values: Iterable[bytes]) -> int:
        """Set fields to values, in order; return how many are new."""
        before = len(self)
        if self._fields is not None or self.deadlines is not None:
            fields = list(fields)
            if self._fields is not None:
                self._fields.add_all(fields)
            if self.deadlines is not None:
                self._persist(fields)
        self.update(zip(fields, values, strict=True))
        return len(self) - before

    def note_new(self, field: bytes) -> None:
        """Take note of a field that was set in the dictionary itself."""
        if self._fields is not None:
            self._fields.add(field)

    def discard(self, field: bytes) -> int:
        """Remove a field; return 1 where it was there, else 0. O(1)."""
        if self.pop(field, None) is None:
            return 0
        if self._fields is not None:
            self._fields.discard(field)
        if self.deadlines is not None:
            self._persist((field,))
        return 1

    # --- deadlines ---------------------------------------------------------------

    def deadline_ms(self, field: bytes) -> int | None:
        """Return when a field expires, or None where it does not. O(1)."""
        return None if self.deadlines is None else self.deadlines.get(field)

    def set_deadline(self, field: bytes, deadline_ms: int) -> None:
        """Let a field that is there expire at a time, in ms since the epoch."""
        if self.deadlines is None:
            self.deadlines = Deadlines()
        self.deadlines.put(field, deadline_ms)

    def clear_deadline(self, field: bytes) -> bool:
        """Let a field live for ever; say whether it had a deadline. O(1)."""
        had_one = self.deadline_ms(field) is not None
        self._persist((field,))
        return had_one

    def next_deadline_ms(self) -> int | None:
        """Return when the next field expires, or None where none does."""
        return None if self.deadlines is None else self.deadlines.next_ms()

    def discard_due(self, now_ms: int) -> list[bytes]:
        """Remove the fields that are due by a time; return them, the oldest first."""
        fields = [] if self.deadlines is None else self.deadlines.pop_due(now_ms)
        for field in fields:
            self.discard(field)
        self._persist(())
        return fields

    def _persist(self, fields: Iterable[bytes]) -> None:
        if self.deadlines is None:
            return
        for field in fields:
            self.deadlines.pop(field, None)
        if not self.deadlines:
            self.deadlines = None

    # --- random fields -----------------------------------------------------------

    def pick(self, chance: random.Random) -> bytes:
        """Return a uniformly random field of a hash that is not empty.

        O(1); the first pick from a large hash is O(N) for N fields.
        """
        return self._pickable_fields().pick(chance)

    def pick_distinct(self, count: int, chance: random.Random) -> list[bytes]:
        """Return random fields, none twice; all where `count` is at least as many."""
        if count >= len(self):
            return list(self)
        return self._pickable_fields().pick_distinct(count, chance)

    def pick_any(self, count: int, chance: random.Random) -> list[bytes]:
        """Return as many random fields as asked for, any of them several times."""
        return self._pickable_fields().pick_any(count, chance)

    def _pickable_fields(self) -> Set:
        if self._fields is not None:
            return self._fields
        fields = Set(self)
        if len(self) > _FEW_FIELDS:
            self._fields = fields
        return fields

    def copy(self) -> Hash:
        """Return a hash with the same fields, values and deadlines."""
        return Hash(self, self.deadlines)

    def encoding(
        self, *, listpack_entries: int = 512, listpack_value: int = 64
    ) -> bytes:
        """Return the encoding that Redis 7.2 would have chosen for these fields.

        Fields with deadlines make it a table, as in Valkey. Redis never goes back to
        the smaller encoding; here the answer always follows from the hash as it is.

        Args:
            listpack_entries: `hash-max-listpack-entries`.
            listpack_value: `hash-max-listpack-value`, in bytes.
        """
        if self.deadlines is not None or len(self) > listpack_entries:
            return HASHTABLE
        if max(map(len, self), default=0) > listpack_value:
            return HASHTABLE
        if max(map(len, self.values()), default=0) > listpack_value:
            return HASHTABLE
        return LISTPACK

    def check(self) -> None:
        """Assert that all are bytes, and that field set and deadlines agree."""
        assert all(type(field) is bytes for field in self)
        assert all(type(value) is bytes for value in self.values())
        if self._fields is not None:
            self._fields.check()
            assert self._fields.keys() == self.keys()
        if self.deadlines is not None:
            self.deadlines.check()
            assert self.deadlines, "no deadlines are None"
            assert self.deadlines.keys() <= self.keys()


# Functions, since a class that is derived from a dictionary cannot be made native: its
# methods are looked up by name at each call.


def set_field(table: Hash, field: bytes, value: bytes) -> int:
    """Set a field, which then never expires; return 1 where it is new. O(1)."""
    if table.deadlines is not None:
        table.clear_deadline(field)
    return replace_field(table, field, value)


def replace_field(table: Hash, field: bytes, value: bytes) -> int:
    """Set a field, and leave its deadline; return 1 where it is new. O(1)."""
    before = len(table)
    table[field] = value
    if len(table) == before:
        return 0
    table.note_new(field)
    return 1
