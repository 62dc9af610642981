"""Orders that wait until the log is durable.

The log writer owns them. Each waits for the sequence number that was the last when it
was given.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joblog.actors.messages import Order


class WaitingOrders:
    """Orders that wait, by their sequence numbers."""

    def __init__(self) -> None:
        """Begin without any."""
        self._waiting: deque[tuple[int, Order]] = deque()

    def add(self, order: Order, seq: int) -> None:
        """Let an order wait.

        Args:
            order: what to do.
            seq: the number of the last record before it; never below an earlier one's.
        """
        self._waiting.append((seq, order))

    def needs_sync(self, last_seq: int) -> bool:
        """Say whether an order waits for a sync of records that are in the log."""
        return bool(self._waiting) and self._waiting[0][0] <= last_seq

    def release(self, synced_seq: int) -> None:
        """Do what waited for records that are durable now."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= synced_seq:
            waiting.popleft()[1].do()
