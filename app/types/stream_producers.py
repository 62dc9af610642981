"""What producers of a stream have sent lately: so that an entry is not added twice.

A producer names each entry by an ID of its own, the *idempotent ID*. For a while, and
for so many of each producer, the stream remembers which entry it made of it. How old an
entry is, its ID says: so nothing here reads a clock, and a fold forgets what the server
forgot.
"""

from __future__ import annotations

from typing import Final

DURATION_SECONDS: Final = 100
DURATION_SECONDS_MAX: Final = 86_400
SIZE: Final = 100
SIZE_MAX: Final = 10_000

_MS_BITS: Final = 64


class Producers:
    """The entries that producers added lately.

    Attributes:
        duration_seconds: for how long an entry is remembered.
        size: how many entries of one producer are.
        by_producer: the ID of each entry, by its idempotent ID, by the producer.
        added: how many entries were remembered since the stream was loaded, those
            that a snapshot held included.
        duplicates: how many were not added a second time, since then.
    """

    __slots__ = (
        "_order",
        "added",
        "by_producer",
        "duplicates",
        "duration_seconds",
        "size",
    )

    def __init__(
        self, duration_seconds: int = DURATION_SECONDS, size: int = SIZE
    ) -> None:
        """Remember nothing yet."""
        self.duration_seconds = duration_seconds
        self.size = size
        self.by_producer: dict[bytes, dict[bytes, int]] = {}
        self._order: dict[tuple[bytes, bytes], int] = {}
        self.added = self.duplicates = 0

    def __len__(self) -> int:
        """Return how many entries are remembered."""
        return len(self._order)

    def find(self, producer: bytes, name: bytes, now_ms: int) -> int | None:
        """Return the ID of an entry, or None where it is not remembered any more."""
        entry_id = self.by_producer.get(producer, {}).get(name)
        if entry_id is None or self._is_over(entry_id, now_ms):
            return None
        return entry_id

    def note(self, producer: bytes, name: bytes, entry_id: int) -> None:
        """Remember an entry; forget those that are too old by its time, or too many."""
        self.added += 1
        self._forget(producer, name)
        self.by_producer.setdefault(producer, {})[name] = entry_id
        self._order[producer, name] = entry_id
        ms = entry_id >> _MS_BITS
        while self._order:
            (owner, oldest), first_id = next(iter(self._order.items()))
            if not self._is_over(first_id, ms):
                break
            self._forget(owner, oldest)
        names = self.by_producer.get(producer, {})
        while len(names) > self.size:
            self._forget(producer, next(iter(names)))

    def _is_over(self, entry_id: int, now_ms: int) -> bool:
        return (entry_id >> _MS_BITS) + 1000 * self.duration_seconds < now_ms

    def _forget(self, producer: bytes, name: bytes) -> None:
        if self._order.pop((producer, name), None) is None:
            return
        names = self.by_producer[producer]
        del names[name]
        if not names:
            del self.by_producer[producer]

    def in_order(self) -> list[tuple[bytes, bytes, int]]:
        """Return (producer, idempotent ID, ID) of each entry, in order of adding."""
        return [(owner, name, each) for (owner, name), each in self._order.items()]

    def copy(self) -> Producers:
        """Return an equal memory that shares nothing which can change."""
        made = Producers(self.duration_seconds, self.size)
        made.added, made.duplicates = self.added, self.duplicates
        for producer, name, entry_id in self.in_order():
            made.by_producer.setdefault(producer, {})[name] = entry_id
            made._order[producer, name] = entry_id
        return made

    def check(self) -> None:
        """Assert that both ways to look at it agree."""
        assert all(0 < len(names) <= self.size for names in self.by_producer.values())
        assert dict(self._order) == {
            (producer, name): entry_id
            for producer, names in self.by_producer.items()
            for name, entry_id in names.items()
        }
