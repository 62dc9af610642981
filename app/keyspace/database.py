"""One database: keys, their values, their deadlines.

A string is plain `bytes`; the other values are the classes of `joblog.app.types`. Small
hashes, lists and sets of both kinds may lie packed until somebody asks for them
(`joblog.app.keyspace.packing`).
Deadlines lie beside the values, since most keys have none. Those of a hash's fields lie
in the hash; `field_deadlines` says when the first of them is due, for each hash that
has any. It may say so too early, never too late, so that a field which is removed or
set anew need not be told here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from joblog.app.errors import WRONG_TYPE, CommandError
from joblog.app.types.deadlines import Deadlines
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.packed_values import (
    Packed,
    open_value,
    opened,
    pack_value,
    push_elements,
)
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.keyspace.scan import ScanIndex

V = TypeVar("V")

_PACKED: Final = Packed  # what is Final is found without a look at a table
_OPENED_MAX: Final = 1_000_000
"""Of more keys it is not noted that they are open; they stay so until they change."""

_CROWD = 256  # not Final, which is compiled in: tests lower it
"""Where more are open, a list that is only pushed to is not opened."""


class Database:
    """Keys and values; every change is told with `touch`.

    Attributes:
        index: the number that SELECT takes.
        values: key -> value. Handlers read it through `get`, which sees to expiry.
        deadlines: key -> when it expires, in ms since the epoch.
        field_deadlines: key of a hash -> when a field of it expires, or earlier.
        is_observed: whether anybody but the log wants to know of touched keys.
        opened: the keys of what may be packed again, in the order in which they were
            opened; None where nothing is packed.
        left_open: how many of these, the first ones, a fold leaves as they are.
        scan_index: the order of a SCAN under way, or None.
    """

    __slots__ = (
        "deadlines",
        "field_deadlines",
        "index",
        "is_observed",
        "keyspace",
        "left_open",
        "opened",
        "scan_index",
        "values",
    )

    def __init__(self, index: int, keyspace: Keyspace) -> None:
        """Make an empty database of a keyspace."""
        self.index = index
        self.keyspace = keyspace
        self.values: dict[bytes, Any] = {}
        self.deadlines = Deadlines()
        self.field_deadlines = Deadlines()
        self.is_observed = False
        self.opened: dict[bytes, None] | None = None
        self.left_open = 0
        self.scan_index: ScanIndex | None = None

    def __len__(self) -> int:
        """Return the number of keys, those that have expired unseen included."""
        return len(self.values)

    def peek(self, key: bytes) -> Any:
        """Return what `lookup` does, without counting as a hit or a miss."""
        if self.deadlines and self._expire_if_due(key):
            return None
        value = self.values.get(key)
        if type(value) is _PACKED:
            return self._open(key, value)
        if self.field_deadlines:
            return self._without_due_fields(key)
        return value

    def lookup(self, key: bytes) -> Any:
        """Return a key's value of any type, or None where it is missing or expired."""
        value = self.peek(key)
        if value is None:
            self.keyspace.misses += 1
        else:
            self.keyspace.hits += 1
        return value

    def get(self, key: bytes, kind: type[V]) -> V | None:
        """Return a key's value, or None where it is missing or expired.

        Raises:
            CommandError: the value is of another type.
        """
        value = self.lookup(key)
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
        if type(value) is _PACKED:
            value = self._open(key, value)
        elif self.field_deadlines:
            value = self._without_due_fields(key)
        if value is None:
            value = kind()
            self.set(key, value)
            self._note_opened(key)
        elif type(value) is not kind:
            raise CommandError(WRONG_TYPE)
        return value

    def set(self, key: bytes, value: Any) -> None:
        """Store a value; a deadline that the key has stays."""
        if self.is_observed:
            self._tell_if_new(key)
        self.values[key] = value
        if self.field_deadlines:
            self.field_deadlines.pop(key, None)

    def overwrite(self, key: bytes, value: Any) -> None:
        """Store a value; a deadline that the key had is gone."""
        if self.is_observed:
            self._tell_if_new(key)
        values = self.values
        old = values.get(key)
        if old is not None and type(old) is not bytes:
            self._leave(old)
        values[key] = value
        self._forget_deadlines(key)

    def place_new(self, key: bytes, value: Any) -> None:
        """Store a small value of a key that was not there, which nobody observes."""
        self.values[key] = value
        kind = type(value)
        if kind is not bytes and kind is not _PACKED:
            self._note_opened(key)

    def place(self, key: bytes, value: Any, deadline_ms: int | None) -> None:
        """Store a value that was made elsewhere, with a deadline or without one."""
        self.overwrite(key, value)
        if deadline_ms is not None:
            self.set_deadline(key, deadline_ms)
        if type(value) is Hash:
            self.note_field_deadlines(key, value)
        if type(value) is not bytes:
            self._note_opened(key)

    def _forget_deadlines(self, key: bytes) -> None:
        if self.deadlines:
            self.deadlines.pop(key, None)
        if self.field_deadlines:
            self.field_deadlines.pop(key, None)

    def _tell_if_new(self, key: bytes) -> None:
        on_new = self.keyspace.on_new
        if on_new is not None and key not in self.values:
            on_new(self, key)

    def delete(self, key: bytes) -> bool:
        """Remove a key and its deadline; say whether it was there."""
        value = self.values.pop(key, None)
        if value is None:
            return False
        if type(value) is not bytes:
            self._leave(value)
        self._forget_deadlines(key)
        return True

    def _leave(self, value: Any) -> None:
        """Let go of a value or a table, a slice at a time where it is large."""
        freeing = self.keyspace.freeing
        if freeing is not None:
            freeing.leave(value)

    def remove_if_empty(self, key: bytes, value: Any) -> None:
        """Remove a key whose collection has become empty."""
        if not value:
            self.delete(key)
            self.touch(key, b"del", 0)

    def clear(self) -> None:
        """Remove all keys."""
        freeing = self.keyspace.freeing
        if freeing is not None:
            freeing.leave_table(self.values, (self.deadlines, self.field_deadlines))
        self.values = {}
        self.deadlines = Deadlines()
        self.field_deadlines = Deadlines()
        self.scan_index = None

    def exchange(self, other: Database) -> None:
        """Swap all keys with another database's."""
        assert other.keyspace is self.keyspace
        self.values, other.values = other.values, self.values
        self.deadlines, other.deadlines = other.deadlines, self.deadlines
        fields = self.field_deadlines
        self.field_deadlines, other.field_deadlines = other.field_deadlines, fields
        self.scan_index, other.scan_index = other.scan_index, self.scan_index
        self.opened, other.opened = other.opened, self.opened
        self.left_open, other.left_open = other.left_open, self.left_open

    def touch(self, key: bytes, event: bytes, changes: int = 1) -> None:
        """Tell that a key changed.

        Args:
            key: the key.
            event: the name of Redis's keyspace event, such as `b"sadd"`; empty for a
                change that is no event.
            changes: how many changes Redis counts; 0 for what belongs to another one.
        """
        keyspace = self.keyspace
        keyspace.changes += 1
        if changes != 1:
            keyspace.counted_besides += changes - 1
        if self.is_observed:
            keyspace.observe(self, key, event)

    def tell(self, key: bytes, event: bytes) -> None:
        """Tell all but the log of what Redis counts as a change and is none."""
        if self.is_observed:
            self.keyspace.observe(self, key, event)

    # --- packed values -----------------------------------------------------------

    def _open(self, key: bytes, packed: Packed) -> Any:
        value = open_value(packed)
        self.values[key] = value
        self._note_opened(key)
        return value

    def _note_opened(self, key: bytes) -> None:
        opened = self.opened
        if opened is not None and len(opened) < _OPENED_MAX:
            opened[key] = None

    def take_opened(self) -> dict[bytes, None]:
        """Return the keys of what was opened since the last time."""
        keys = self.opened
        if not keys:
            return {}
        self.opened = {}
        self.left_open = 0
        return keys

    def is_crowded(self) -> bool:
        """Say whether so many values are open that a list had better be packed."""
        opened = self.opened
        if opened is None or self.is_observed:
            return False
        return len(opened) - self.left_open > _CROWD

    def push_packed(
        self, key: bytes, elements: tuple[bytes, ...], *, is_left: bool
    ) -> int:
        """Push to a list that lies packed, or to none; call it where it is crowded.

        So many short lists that grow take no more on their way than in the end.

        Returns:
            How many elements it has; 0 where it is open or too large: nothing is done.
        """
        if self.deadlines:
            self._expire_if_due(key)
        held = self.values.get(key)
        if held is not None and type(held) is not _PACKED:
            return 0
        made = push_elements(held, elements, is_left=is_left)
        if made is None:
            return 0
        self.values[key] = made
        return made.count()

    def pack(self, key: bytes) -> None:
        """Pack the value of a key, where there still is one and it can be packed."""
        packed = pack_value(self.values.get(key))
        if packed is not None and key not in self.field_deadlines:
            self.values[key] = packed

    # --- deadlines ---------------------------------------------------------------

    def deadline_ms(self, key: bytes) -> int | None:
        """Return when a key expires, or None where it does not."""
        return self.deadlines.get(key)

    def set_deadline(self, key: bytes, deadline_ms: int) -> None:
        """Let a key that is there expire at a time, in ms since the epoch."""
        assert key in self.values
        self.deadlines.put(key, deadline_ms)

    def order_deadlines(self) -> None:
        """See to the deadlines of keys after they were filled in at once."""
        self.deadlines.rebuild()

    def is_due(self, key: bytes) -> bool:
        """Say whether a deadline of a key, or of a field of its hash, has passed."""
        due = [self.deadlines.get(key)]
        if key in self.field_deadlines:
            due.append(self.values[key].next_deadline_ms())
        return any(ms is not None and ms <= self.keyspace.now_ms for ms in due)

    def clear_deadline(self, key: bytes) -> bool:
        """Let a key live for ever; say whether it had a deadline."""
        return self.deadlines.pop(key, None) is not None

    def note_field_deadlines(self, key: bytes, table: Hash) -> None:
        """See to the fields of a hash that expire; call it after setting deadlines."""
        next_ms = table.next_deadline_ms()
        if next_ms is not None:
            self.field_deadlines.put(key, next_ms)
        else:
            self.field_deadlines.pop(key, None)

    def expire_due(self, limit: int) -> int:
        """Remove keys and fields whose deadline has passed, the oldest first.

        Args:
            limit: how many keys at the most, and of how many hashes the fields.

        Returns:
            How many keys were removed or lost fields.
        """
        now_ms = self.keyspace.now_ms
        keys = self.deadlines.pop_due(now_ms, limit)
        for key in keys:
            self.keyspace.expire(self, key)
        hashes = self.field_deadlines.pop_due(now_ms, limit)
        for key in hashes:
            self.keyspace.expire_fields(self, key)
        return len(keys) + len(hashes)

    def next_deadline_ms(self) -> int | None:
        """Return when the next key or field may expire: never late, perhaps early."""
        due = (self.deadlines.next_ms(), self.field_deadlines.next_ms())
        return min((ms for ms in due if ms is not None), default=None)

    def _expire_if_due(self, key: bytes) -> bool:
        deadline_ms = self.deadlines.get(key)
        if deadline_ms is None or deadline_ms > self.keyspace.now_ms:
            return False
        self.keyspace.expire(self, key)
        return True

    def _without_due_fields(self, key: bytes) -> Any:
        """Return a key's value; fields of a hash that are due expire first.

        None where the key is missing, or loses its last field.
        """
        due_ms = self.field_deadlines.get(key)
        if due_ms is not None and due_ms <= self.keyspace.now_ms:
            return self.keyspace.expire_fields(self, key)
        return self.values.get(key)

    def check(self) -> None:
        """Assert that deadlines are those of keys, and no collection is empty."""
        self.deadlines.check()
        self.field_deadlines.check()
        assert self.deadlines.keys() <= self.values.keys()
        for key, noted_ms in self.field_deadlines.items():
            # Fields may be gone since it was noted: it is never late, perhaps early.
            next_ms = self.values[key].next_deadline_ms()
            assert next_ms is None or noted_ms <= next_ms
        for key, held in self.values.items():
            value = opened(held)
            if type(value) is Hash and value.next_deadline_ms() is not None:
                assert key in self.field_deadlines
            if isinstance(value, (Hash, List, Set, SortedSet)):
                assert value, f"{key!r} is empty"
                value.check()
