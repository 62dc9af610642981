"""Waiters: clients in a blocking command; see `joblog.app.engine.blocking`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from joblog.app.table.table import find_command

if TYPE_CHECKING:
    from joblog.app.state.context import Argv, Context, Session
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.table.table import Command

Place = tuple[int, bytes]
"""A key of a database: (index of the database, key)."""

Serve = Callable[["Context"], Any]
"""Serves a client from its keys; returns a reply, or BLOCKED where there is none."""


class Waiter:
    """A client that waits.

    Attributes:
        session: the client.
        places: what it waits for.
        kind: the type of value that may serve it; None for any change of a key.
        is_sharing: whether a value that serves it is still there for the next waiter
            (a stream), rather than taken (an element).
        serve: called when a place may be ready.
        at_timeout: the reply when the time is over; BLOCKED where it cannot be.
        argv: the command as it was given.
        command: the same in the table, or None.
        spent_ns: for how long it has run so far, where that was long.
        number: by which its timeout knows it; -1 where it waits for ever.
        retry: tells in how many ms to serve it again; None for not before a touch.
        retry_number: by which its retry is known; -1 where it has none.
        inquiry: the question whose answer it waits for, or None.
    """

    __slots__ = (
        "argv",
        "at_timeout",
        "command",
        "inquiry",
        "is_sharing",
        "kind",
        "number",
        "places",
        "retry",
        "retry_number",
        "serve",
        "session",
        "spent_ns",
    )

    def __init__(
        self,
        session: Session,
        places: Iterable[Place],
        kind: type | None,
        serve: Serve,
        at_timeout: Any,
        *,
        is_sharing: bool,
    ) -> None:
        """Make a waiter; `joblog.app.engine.blocking` lets it wait."""
        self.session = session
        self.places = tuple(dict.fromkeys(places))
        self.kind = kind
        self.serve = serve
        self.at_timeout = at_timeout
        self.is_sharing = is_sharing
        self.argv: Argv = []
        self.command: Command | None = None
        self.spent_ns = 0
        self.number = self.retry_number = -1
        self.retry: Callable[[Context], int] | None = None
        self.inquiry: Inquiry | None = None

    def begin(self, argv: Argv) -> None:
        """Note the command that the client waits in: it counts as a call at its end."""
        self.argv = argv
        self.command = find_command(argv)
