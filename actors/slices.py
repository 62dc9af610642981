"""Slices: what would take too long in one go is done a little at a time.

The keyspace actor owns them. Between two slices the sockets are served, so that nobody
waits for more than one of each kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.keyspace.freeing import Freeing

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Replies
    from joblog.actors.loop import Loop
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine

SLICE_NANOSECONDS: Final = 1_000_000

PAUSE_SECONDS: Final = 0.005
"""Between two slices of keys that expire: with the records, a third of the time."""

BUSY_SECONDS: Final = 0.1
"""While a script runs for long nothing is taken apart: it may have its hands on it."""


class Slices:
    """Frees what was removed, and removes what is due where it is much."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        commit: Callable[[Replies], None],
    ) -> None:
        """Begin with nothing to do.

        Args:
            loop: the loop of the engine's actor.
            engine: whose keyspace it is.
            turn: tells whether a bug showed, after which nothing changes any more.
            commit: mails what was made to the log writer.
        """
        self._loop = loop
        self._engine = engine
        self._turn = turn
        self._commit = commit
        self._is_expiring = self._is_evicting = False
        self._freeing = Freeing(lambda: loop.call_soon(self._free))
        engine.keyspace.freeing = self._freeing

    def look_after(self) -> None:
        """Remove what is due, and what there is no memory for; call it now and then."""
        if not self._is_expiring:
            self._expire()
        if not self._is_evicting:
            self._evict()

    def _expire(self) -> None:
        if self._turn.has_failed:
            return
        self._is_expiring = self._engine.upkeep.expire_for(SLICE_NANOSECONDS)
        self._commit([])
        if self._is_expiring:
            self._loop.call_later(PAUSE_SECONDS, self._expire)

    def _evict(self) -> None:
        if self._turn.has_failed:
            return
        self._is_evicting = self._engine.upkeep.evict_for(SLICE_NANOSECONDS)
        self._commit([])
        if self._is_evicting:
            self._loop.call_soon(self._evict)

    def _free(self) -> None:
        if self._engine.context.unit is not None or self._engine.scripts.is_running:
            self._loop.call_later(BUSY_SECONDS, self._free)
        elif self._freeing.free(SLICE_NANOSECONDS):
            self._loop.call_soon(self._free)
