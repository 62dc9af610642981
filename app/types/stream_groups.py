"""Consumer groups of a stream: who was given which entry, and has not acknowledged it.

A group and each of its consumers have a `PendingList`: a dictionary by ID, and beside
it the IDs in order. What is pending is one `Pending` object, in the list of its group
and in that of its consumer. Times are ms since the epoch, and always given: nothing
here reads a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from joblog.app.types.stream_ids import ID_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.types.streams import Stream

_ORDER_SLACK: Final = 64


class Pending:
    """An entry that was delivered and is not acknowledged yet.

    Attributes:
        consumer: who has it.
        delivered_ms: when it was delivered last.
        deliveries: how often it was delivered.
    """

    __slots__ = ("consumer", "delivered_ms", "deliveries")

    def __init__(self, consumer: Consumer, delivered_ms: int, deliveries: int) -> None:
        """Note that an entry was delivered."""
        self.consumer = consumer
        self.delivered_ms = delivered_ms
        self.deliveries = deliveries


class PendingList:
    """Pending entries by ID.

    `_order` has every ID that is pending, rising, and perhaps some that no longer are:
    acknowledging is one look at a dictionary, and the order is cleaned when the
    leavings outnumber what is pending.

    Attributes:
        entries: what is pending, by ID. To be changed by `put` and `remove` only.
    """

    __slots__ = ("_order", "entries")

    def __init__(self) -> None:
        """Make an empty list."""
        self.entries: dict[int, Pending] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        """Return how many entries are pending."""
        return len(self.entries)

    def put(self, entry_id: int, pending: Pending) -> None:
        """Add an entry, or replace it. O(1) for an ID above all others."""
        order = self._order
        if not order or entry_id > order[-1]:
            order.append(entry_id)
        elif entry_id not in self.entries:
            place = bisect_left(order, entry_id)
            if order[place] != entry_id:
                order.insert(place, entry_id)
        self.entries[entry_id] = pending

    def remove(self, entry_id: int) -> Pending | None:
        """Remove an entry and return it; None where it is not pending. O(1)."""
        entries = self.entries
        found = entries.pop(entry_id, None)
        if found is not None and len(self._order) > 2 * len(entries) + _ORDER_SLACK:
            # A new list, so that an iteration under way goes on with the old one.
            self._order = [each for each in self._order if each in entries]
        return found

    def between(
        self, least: int = 0, most: int = ID_MAX
    ) -> Iterator[tuple[int, Pending]]:
        """Go through what is pending from one ID to another, both included, in order.

        What is removed meanwhile is not shown any more. Nothing may be added.
        """
        order, entries = self._order, self.entries
        for place in range(bisect_left(order, least), len(order)):
            entry_id = order[place]
            if entry_id > most:
                return
            found = entries.get(entry_id)
            if found is not None:
                yield entry_id, found

    def first_id(self) -> int | None:
        """Return the lowest ID, or None where nothing is pending."""
        return next((each for each in self._order if each in self.entries), None)

    def last_id(self) -> int | None:
        """Return the highest ID, or None where nothing is pending."""
        order = reversed(self._order)
        return next((each for each in order if each in self.entries), None)

    def check(self) -> None:
        """Assert that the order has every ID, once."""
        assert self._order == sorted(set(self._order))
        assert self.entries.keys() <= set(self._order)
        assert len(self._order) <= 2 * len(self.entries) + _ORDER_SLACK + 1


class Consumer:
    """One consumer of a group.

    Attributes:
        name: its name, which is its own within the group.
        seen_ms: when it last asked for anything.
        active_ms: when it last was given anything; -1 for never.
        pending: what it was given and has not acknowledged.
    """

    __slots__ = ("active_ms", "name", "pending", "seen_ms")

    def __init__(self, name: bytes, seen_ms: int) -> None:
        """Make a consumer that has asked for something and was given nothing."""
        self.name = name
        self.seen_ms = seen_ms
        self.active_ms = -1
        self.pending = PendingList()


class Group:
    """A consumer group.

    Attributes:
        last_id: the highest ID that was delivered to the group.
        entries_read: how many entries of the stream come up to `last_id`, those that
            are no longer there included; None where that is unknown.
        consumers: by name.
        pending: what any consumer has not acknowledged.
        oldest_ms: nothing pending was delivered before this time; perhaps much later.
    """

    __slots__ = ("consumers", "entries_read", "last_id", "oldest_ms", "pending")

    def __init__(self, last_id: int, entries_read: int | None = None) -> None:
        """Make a group without consumers."""
        self.last_id = last_id
        self.entries_read = entries_read
        self.consumers: dict[bytes, Consumer] = {}
        self.pending = PendingList()
        self.oldest_ms = 0

    def add_consumer(self, name: bytes, now_ms: int) -> Consumer:
        """Add a consumer that is not there yet."""
        assert name not in self.consumers
        consumer = self.consumers[name] = Consumer(name, now_ms)
        return consumer

    def remove_consumer(self, consumer: Consumer) -> int:
        """Remove a consumer and what it has pending; return how much that was."""
        count = len(consumer.pending)
        for entry_id in consumer.pending.entries:
            self.pending.remove(entry_id)
        del self.consumers[consumer.name]
        return count

    def advance(self, stream: Stream, ids: list[int]) -> None:
        """Note that entries above `last_id` are delivered.

        Args:
            stream: the stream of this group.
            ids: the IDs of entries, rising, with no entry left out.
        """
        for place, entry_id in enumerate(ids):
            if (
                self.entries_read is not None
                and self.last_id >= stream.first_id
                and not stream.has_deleted_from(self.last_id)
            ):
                # From here on it stays so: each further entry counts as one.
                self.entries_read += len(ids) - place
                break
            self.entries_read = stream.entries_up_to(entry_id)
            self.last_id = entry_id
        self.last_id = ids[-1]

    def assign(
        self, entry_id: int, consumer: Consumer, delivered_ms: int, deliveries: int
    ) -> None:
        """Let an entry be pending at a consumer, whoever had it before."""
        if delivered_ms < self.oldest_ms:  # noqa: PLR1730 - a call less
            self.oldest_ms = delivered_ms
        pending = self.pending.entries.get(entry_id)
        if pending is None:
            pending = Pending(consumer, delivered_ms, deliveries)
            self.pending.put(entry_id, pending)
            consumer.pending.put(entry_id, pending)
            return
        pending.delivered_ms = delivered_ms
        pending.deliveries = deliveries
        if pending.consumer is not consumer:
            pending.consumer.pending.remove(entry_id)
            consumer.pending.put(entry_id, pending)
            pending.consumer = consumer

    def acknowledge(self, entry_id: int) -> bool:
        """Forget that an entry is pending; say whether it was. O(1)."""
        pending = self.pending.remove(entry_id)
        if pending is None:
            return False
        pending.consumer.pending.remove(entry_id)
        return True

    def idle_since(self, latest_ms: int) -> list[tuple[int, Pending]]:
        """Return what was delivered up to a time, and is pending, the oldest first.

        O(N) for N pending entries where there may be such, O(1) where there are none.
        """
        if self.oldest_ms > latest_ms or not self.pending.entries:
            return []
        entries = self.pending.entries
        self.oldest_ms = min(each.delivered_ms for each in entries.values())
        idle = [one for one in entries.items() if one[1].delivered_ms <= latest_ms]
        idle.sort(key=lambda one: (one[1].delivered_ms, one[0]))
        return idle

    def copy(self) -> Group:
        """Return an equal group that shares nothing which can change."""
        group = Group(self.last_id, self.entries_read)
        for name, consumer in self.consumers.items():
            copied = group.add_consumer(name, consumer.seen_ms)
            copied.active_ms = consumer.active_ms
        for entry_id, pending in self.pending.between():
            owner = group.consumers[pending.consumer.name]
            group.assign(entry_id, owner, pending.delivered_ms, pending.deliveries)
        return group

    def check(self) -> None:
        """Assert that the lists of the consumers are that of the group, dealt out."""
        self.pending.check()
        for pending in self.pending.entries.values():
            assert pending.delivered_ms >= self.oldest_ms
        dealt: dict[int, Pending] = {}
        for name, consumer in self.consumers.items():
            assert consumer.name == name
            consumer.pending.check()
            for entry_id, pending in consumer.pending.entries.items():
                assert pending.consumer is consumer
                assert entry_id not in dealt
                dealt[entry_id] = pending
        assert dealt == self.pending.entries
