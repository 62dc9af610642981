"""Holds: a reply that is ready, and when it may go.

SAVE answers when a snapshot is there, WAITAOF when the log is durable, WAIT when its
time is over. The command
itself has run; only its reply waits, with all replies that the client has pipelined
before and behind it.
"""

from __future__ import annotations

from typing import NamedTuple


class Hold(NamedTuple):
    """When a reply may go.

    Attributes:
        ends_when_durable: as soon as all that was written before is durable.
        wait_ms: after so long in any case; 0 waits for ever.
        reply: the end of the reply, encoded, that `late` takes the place of.
        late: its end where the time was over before everything was durable, or where
            the snapshot failed; None where that makes no difference.
        awaited_save: when the snapshot has ended that was asked for so many times; 0
            waits for none (see `saves.Saves.asked`).
    """

    ends_when_durable: bool = False
    wait_ms: int = 0
    reply: bytes = b""
    late: bytes | None = None
    awaited_save: int = 0

    def late_data(self, data: bytes) -> bytes:
        """Return what to send where the time was over first."""
        if self.late is None or not data.endswith(self.reply):
            return data
        return data.removesuffix(self.reply) + self.late
