"""The limit of all clients together: above it those that hold most are disconnected.

    maxmemory-clients 100mb, or 5% of maxmemory

What a client holds is `tot-mem` of CLIENT LIST: what it has sent of a command, what it
has queued since MULTI, and the replies that it does not read.

Source: Redis 7.2; see tests/server/test_eviction.py.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from joblog.app.commands.clients.lines import held_bytes
from joblog.app.state.operator_lines import describe

if TYPE_CHECKING:
    from joblog.app.engine.clients import Clients
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session

_LEAST: Final = 128 * 1024
"""A lower limit is taken for this one: as in Redis, so that somebody can raise it."""

_PERCENT: Final = 100
_REST_OVER_COST: Final = 20
"""It looks for a twentieth of the time at the most, however many clients there are."""


class ClientLimit:
    """Keeps clients below `maxmemory-clients`."""

    def __init__(self, context: Context, clients: Clients) -> None:
        """Keep the clients of an engine below the limit.

        Args:
            context: the engine's.
            clients: disconnect who holds too much.
        """
        self._context = context
        self._clients = clients
        self._due_ns = 0

    def watch(self) -> None:
        """Disconnect whoever holds most, where all hold too much; call it often."""
        limit = self._bytes_max()
        began = perf_counter_ns()
        if not limit or began < self._due_ns:
            return
        server = self._context.server
        held = {one: held_bytes(one) for one in server.sessions.values()}
        total = sum(held.values())
        if total >= limit:
            for session in sorted(held, key=held.__getitem__, reverse=True):
                if total < limit:
                    break
                if not (session.no_evict or session.is_replica):
                    total -= held[session]
                    self._tell(session, held[session])
                    server.statistics["evicted_clients"] += 1
                    self._clients.disconnect(session)
        ended = perf_counter_ns()
        self._due_ns = ended + (ended - began) * _REST_OVER_COST

    def _tell(self, session: Session, size: int) -> None:
        tell = self._context.server.tell_operator
        if tell is not None:
            tell("change", f"evicted: {describe(session)}, which holds {size} bytes")

    def _bytes_max(self) -> int:
        """Return how much clients may hold, or 0 where there is no limit."""
        config = self._context.server.config
        limit: int = config.maxmemory_clients
        if limit < 0:
            limit = config.maxmemory * -limit // _PERCENT
        return max(limit, _LEAST) if limit else 0
