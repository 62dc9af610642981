"""Replies that wait until the log is durable, or until a time is over.

The log writer owns them. Each waits for the sequence number that was the last when its
command ran, for its time, or for whichever comes first; see `app.commands.holds`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.loop import Loop, Timer
    from actors.messages import HeldReply

_MS = 1000


class _Waiting:
    """One reply that waits."""

    __slots__ = ("held", "is_over", "seq", "timer")

    def __init__(self, held: HeldReply, seq: int) -> None:
        self.held = held
        self.seq = seq
        self.timer: Timer | None = None
        self.is_over = False


class WaitingReplies:
    """Replies that wait, in the order of their sequence numbers."""

    def __init__(self, loop: Loop) -> None:
        """Begin without any; timers run on the loop."""
        self._loop = loop
        self._until_durable: deque[_Waiting] = deque()
        self._synced_seq = 0

    def add(self, held: HeldReply, seq: int) -> None:
        """Let a reply wait.

        Args:
            held: the reply, and what it waits for.
            seq: the number of the last record before it.
        """
        waiting = _Waiting(held, seq)
        if held.hold.wait_ms:
            waiting.timer = self._loop.call_later(
                held.hold.wait_ms / _MS, lambda: self._time_is_over(waiting)
            )
        if held.hold.ends_when_durable:
            self._until_durable.append(waiting)

    def needs_sync(self, last_seq: int) -> bool:
        """Say whether a reply waits for a sync of records that are in the log."""
        return bool(self._until_durable) and self._until_durable[0].seq <= last_seq

    def release(self, synced_seq: int) -> None:
        """Deliver what waited for records that are durable now."""
        self._synced_seq = max(self._synced_seq, synced_seq)
        until_durable = self._until_durable
        while until_durable:
            first = until_durable[0]
            if not first.is_over:
                if first.seq > synced_seq:
                    return
                self._deliver(first, first.held.data)
            until_durable.popleft()

    def _time_is_over(self, waiting: _Waiting) -> None:
        held = waiting.held
        is_durable = waiting.seq <= self._synced_seq
        data = held.data if is_durable else held.hold.late_data(held.data)
        self._deliver(waiting, data)

    def _deliver(self, waiting: _Waiting, data: bytes) -> None:
        waiting.is_over = True
        if waiting.timer is not None:
            waiting.timer.cancel()
        waiting.held.mailbox.post(data)
