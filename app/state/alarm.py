"""Alarm: the reasons to look at every command before it runs.

A command that nothing speaks against takes the quick road, on which one flag is asked.
Whoever has a reason to look closer notes it here under its name. Which reasons hold,
`joblog.app.engine.guards` and others ask then.
"""

from __future__ import annotations

from typing import Final, final

LOADING: Final = "loading"
"""The log is being folded."""

DISK: Final = "disk"
"""The log cannot be written; see `Alarm.disk_error`."""

MEMORY: Final = "memory"
"""The process has more in use than `maxmemory` allows, and nothing can go."""

NEAR: Final = "near"
"""It is near `maxmemory`: before each command it is looked whether keys must go."""

USES: Final = "uses"
"""It is noted when a key is used, or how often."""

PAST: Final = "past"
"""The keyspace is a moment of the past: it stands still, and nothing is written."""

MONITORS: Final = "monitors"
"""Clients are in MONITOR."""

PAUSE: Final = "pause"
"""Commands have to wait (CLIENT PAUSE)."""

BUSY: Final = "busy"
"""A script has run for so long that others are told BUSY."""

MISSES: Final = "misses"
"""Reading a missing key is an event."""

REPLICA: Final = "replica"
"""The server follows another: clients may not write, perhaps not read either."""

LONELY: Final = "lonely"
"""Fewer replicas than `min-replicas-to-write` have what was written."""

STORE: Final = "store"
"""The store that keeps the log too takes nothing; see `Alarm.store_error`."""

TRACKING: Final = "tracking"
"""Clients are told of changes of what they have read."""


@final
class Alarm:
    """Which reasons hold.

    Attributes:
        is_on: whether there is any.
        disk_error: why the log cannot be written, or None.
        store_error: why the store of the log takes nothing, or None.
    """

    __slots__ = ("_reasons", "disk_error", "is_on", "store_error")

    def __init__(self) -> None:
        """Make the alarm of a server that is at peace."""
        self._reasons: set[str] = set()
        self.disk_error: bytes | None = None
        self.store_error: bytes | None = None
        self.is_on = False

    def note(self, reason: str, *, holds: bool) -> None:
        """Note that a reason holds, or that it does no longer."""
        if holds:
            self._reasons.add(reason)
        else:
            self._reasons.discard(reason)
        self.is_on = bool(self._reasons)

    def has(self, reason: str) -> bool:
        """Say whether a reason holds."""
        return self.is_on and reason in self._reasons

    def note_disk(self, error: bytes | None) -> None:
        """Note why the log cannot be written; None where it can."""
        self.disk_error = error
        self.note(DISK, holds=error is not None)

    def note_store(self, error: bytes | None) -> None:
        """Note why the store of the log takes nothing; None where it does."""
        self.store_error = error
        self.note(STORE, holds=error is not None)
