"""Upkeep: what is looked after some ten times a second, off the road of commands."""

from __future__ import annotations

from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

from joblog.app.config import SettingError
from joblog.app.engine.trimming import Trimming
from joblog.app.keyspace.packing import Packing

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.engine.blocking import Blocking
    from joblog.app.engine.client_limit import ClientLimit
    from joblog.app.engine.memory_limit import MemoryLimit
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.pause import Pause
    from joblog.app.engine.tracking import Tracking
    from joblog.app.engine.uses import Uses
    from joblog.app.state.context import Context

_MS_PER_SECOND = 1000
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
        uses: Uses,
        memory_limit: MemoryLimit,
        client_limit: ClientLimit,
    ) -> None:
        """Make the upkeep of an engine.

        Args:
            context: the engine's.
            outbox: takes who is to be disconnected.
            pause: ends when it is time.
            blocking: lets those go on whose time is over.
            tracking: forgets keys where there are too many.
            uses: of keys are noted no more when nobody asks for them.
            memory_limit: lets keys go where memory is short.
            client_limit: disconnects clients that hold too much.
        """
        self._context = context
        self._outbox = outbox
        self._pause = pause
        self._blocking = blocking
        self._tracking = tracking
        self._uses = uses
        self._memory_limit = memory_limit
        self._client_limit = client_limit
        self._packing = Packing()
        self._trimming = Trimming()
        config = context.server.config
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
        self._uses.rest()
        self._memory_limit.watch()
        self._trimming.look()
        blocking.serve()
        blocking.expire()
        blocking.rest()
        self._packing.pack_for(context.keyspace, context.steady_ms, _PACKING_NS)
        if not server.is_cron_paused:
            self._tracking.evict()
        self._client_limit.watch()
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

    def evict_for(self, nanoseconds: int) -> bool:
        """Let keys go where memory is short, for so long; say whether more have to."""
        has_more = self._memory_limit.make_room_for(nanoseconds)
        if self._context.unit is None:
            self._blocking.serve()
        return has_more

    def _close_idle_clients(self, timeout_ms: int) -> None:
        """Disconnect clients that sent nothing for a time and wait for nothing."""
        context = self._context
        idle_since_ms = context.steady_ms - timeout_ms
        for session in context.server.sessions.values():
            waits = (
                session.waiter is not None
                or session.is_master
                or session.is_replica
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
