"""Clients: who is connected; sessions come, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.engine.outbox import client_note
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
        self._introduced: set[int] = set()
        self.on_gone: list[Callable[[Session], None]] = []
        context.server.config.on_change(self.introduce_all, "log_connections")

    def open(self, client_id: int, **known: Any) -> Session:
        """Make the session of a client that has just connected."""
        server, database = self._context.server, self._context.keyspace.databases[0]
        session = Session(client_id, database, steady_ms=server.steady_ms(), **known)
        self._access.begin(session)
        server.sessions[client_id] = session
        server.statistics["total_connections_received"] += 1
        if server.config.log_connections == "all":
            self._read_clock()
            self.introduce(session)
        return session

    def introduce(self, session: Session) -> None:
        """Record who has connected, or has another name, where that is asked for.

        Else a client is described before its first write alone. On a full disk nothing
        is recorded that no client waits for.
        """
        server = self._context.server
        wanted = server.config.log_connections
        if wanted == "no" or (wanted == "named" and not session.name):
            return
        if not self._may_record() or (
            session.is_described and session.id in self._introduced
        ):
            return
        self._introduced.add(session.id)
        self._outbox.describe(session)

    def introduce_all(self) -> None:
        """Record who is connected, for those who could not be recorded before."""
        self._read_clock()
        for session in self._context.server.sessions.values():
            self.introduce(session)

    def _may_record(self) -> bool:
        server = self._context.server
        is_open = server.is_recording and not server.is_loading
        return is_open and server.alarm.disk_error is None

    def _read_clock(self) -> None:
        if self._context.unit is None:
            self._context.read_clock()

    def close(self, session: Session) -> None:
        """Forget a client that is gone."""
        server = self._context.server
        server.sessions.pop(session.id, None)
        if self._introduced and session.id in self._introduced:
            self._introduced.discard(session.id)
            if server.config.log_connections != "no" and self._may_record():
                self._read_clock()
                self._outbox.note(session, self._gone_note(session))
        session.past = None
        for forget in self.on_gone:
            forget(session)
        session.let_go()

    def _gone_note(self, session: Session) -> dict[str, Any]:
        context = self._context
        lasted_ms = context.steady_ms - session.created_ms
        note = {**client_note(session), "kind": "gone"}
        return {**note, "since_ms": context.now_ms - lasted_ms}

    def disconnect(self, session: Session) -> None:
        """Close a client's connection and forget the client, at once."""
        self._outbox.closings.append(session.id)
        self.close(session)
