"""Clients: who is connected; sessions come, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.state.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.access import Access
    from joblog.app.engine.outbox import Outbox
    from joblog.app.state.context import Context


class Clients:
    """Opens and closes sessions.

    Attributes:
        on_gone: called with the session of each client that is gone, to forget it.
    """

    def __init__(self, context: Context, outbox: Outbox, access: Access) -> None:
        """Make the clients of an engine; nobody is connected."""
        self._context = context
        self._outbox = outbox
        self._access = access
        self.on_gone: list[Callable[[Session], None]] = []

    def open(self, client_id: int, **known: Any) -> Session:
        """Make the session of a client that has just connected."""
        server, database = self._context.server, self._context.keyspace.databases[0]
        session = Session(client_id, database, steady_ms=server.steady_ms(), **known)
        self._access.begin(session)
        server.sessions[client_id] = session
        server.statistics["total_connections_received"] += 1
        return session

    def close(self, session: Session) -> None:
        """Forget a client that is gone."""
        self._context.server.sessions.pop(session.id, None)
        session.past = None
        for forget in self.on_gone:
            forget(session)
        session.let_go()

    def disconnect(self, session: Session) -> None:
        """Close a client's connection and forget the client, at once."""
        self._outbox.closings.append(session.id)
        self.close(session)
