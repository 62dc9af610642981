"""Upkeep: what is looked after some ten times a second, off the road of commands."""

from __future__ import annotations

from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

from joblog.app.config import SettingError
from joblog.app.keyspace.packing import Packing
from joblog.app.state import process
from joblog.app.state.alarm import MEMORY

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.engine.blocking import Blocking
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.pause import Pause
    from joblog.app.engine.tracking import Tracking
    from joblog.app.state.context import Context

_MS_PER_SECOND = 1000
_WORTH_IT = 20
_LOOKS_SOON = 10
_LOOKS_LATER = 600
"""How many looks at memory go by until it is given back again: a second, a minute."""
_EXPIRED_AT_ONCE = 20
_PACKING_NS = 3_000_000


class Upkeep:
    """Does what is due: ends pauses and waits, removes keys, looks at memory."""

    def __init__(
        self,
        context: Context,
        outbox: Outbox,
        pause: Pause,
        blocking: Blocking,
        tracking: Tracking,
    ) -> None:
        """Make the upkeep of an engine; changes of settings about memory are heeded.

        Args:
            context: the engine's.
            outbox: takes who is to be disconnected.
            pause: ends when it is time.
            blocking: lets those go on whose time is over.
            tracking: forgets keys where there are too many.
        """
        self._context = context
        self._outbox = outbox
        self._pause = pause
        self._blocking = blocking
        self._tracking = tracking
        self._packing = Packing()
        self._looks_until_given_back = 0
        config = context.server.config
        config.on_change(self.compare_memory, "maxmemory")
        config.on_change(partial(_refuse_defragmentation, config), "activedefrag")

    def look_after(self, limit: int) -> None:
        """Do all that is due.

        Args:
            limit: how many expired keys are removed at the most, in each database.
        """
        context, blocking = self._context, self._blocking
        if context.scripts.is_running:
            return
        server = context.server
        context.read_clock()
        self._pause.end_if_due()
        if server.expires_unasked and not server.is_cron_paused:
            context.keyspace.expire_due(limit)
        blocking.serve()
        blocking.expire()
        blocking.rest()
        self._packing.pack_for(context.keyspace, context.steady_ms, _PACKING_NS)
        self.compare_memory()
        if not server.is_cron_paused:
            self._tracking.evict()
        timeout_seconds = server.config.timeout
        if timeout_seconds and not server.is_cron_paused:
            self._close_idle_clients(timeout_seconds * _MS_PER_SECOND)
        server.sample_rates(context.steady_ms)

    def expire_for(self, nanoseconds: int) -> bool:
        """Remove keys that are due, for so long; say whether more are."""
        context = self._context
        server = context.server
        if (
            context.scripts.is_running
            or server.is_cron_paused
            or not server.expires_unasked
        ):
            return False
        until = perf_counter_ns() + nanoseconds
        context.read_clock()
        while removed := context.keyspace.expire_due(_EXPIRED_AT_ONCE):
            if perf_counter_ns() > until:
                break
        self._blocking.serve()
        return removed > 0

    def compare_memory(self) -> None:
        """Compare what the process holds with `maxmemory`.

        Before a server is found too large, and now and then while it is, what was freed
        already goes back to the system.
        """
        server = self._context.server
        config, alarm = server.config, server.alarm
        if config.maxmemory or alarm.has(MEMORY):
            is_over = 0 < config.maxmemory < process.resident_bytes()
            if is_over and self._looks_until_given_back:
                self._looks_until_given_back -= 1
            elif is_over:
                is_over = config.maxmemory < self._give_back()
            alarm.note(MEMORY, holds=is_over)

    def _give_back(self) -> int:
        """Return what the process holds once freed memory is with the system again.

        Where that brings little it is not tried again soon: it takes its time.
        """
        before = process.resident_bytes()
        process.give_back()
        after = process.resident_bytes()
        is_worth_it = before - after > before // _WORTH_IT
        self._looks_until_given_back = _LOOKS_SOON if is_worth_it else _LOOKS_LATER
        return after

    def _close_idle_clients(self, timeout_ms: int) -> None:
        """Disconnect clients that sent nothing for a time and wait for nothing."""
        context = self._context
        idle_since_ms = context.steady_ms - timeout_ms
        for session in context.server.sessions.values():
            waits = (
                session.waiter is not None
                or session.subscriptions is not None
                or session.is_monitor
            )
            if session.last_ms < idle_since_ms and not waits:
                self._outbox.closings.append(session.id)


def _refuse_defragmentation(config: Config) -> None:
    """Refuse what only Redis's own allocator can do, as Redis does without it.

    Raises:
        SettingError: `activedefrag` was turned on.
    """
    if config.activedefrag:
        raise SettingError(
            "Active defragmentation cannot be enabled: it requires a Redis server "
            "compiled with a modified Jemalloc like the one shipped by default with "
            "the Redis source distribution"
        )
