"""MONITOR: clients that are shown each command that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.engine.shown_words import quote
from joblog.app.state.alarm import MONITORS
from joblog.app.table.table import Command, Flag

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.shown_commands import ShownCommands
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

_SILENT: Final = ("off", "skip")


class Monitors:
    """Shows commands to the clients in MONITOR (`ServerState.monitors`)."""

    def __init__(self, context: Context, outbox: Outbox, shown: ShownCommands) -> None:
        """Show nobody anything yet.

        Args:
            context: the engine's.
            outbox: where the lines go.
            shown: blots out passwords.
        """
        self._context = context
        self._outbox = outbox
        self._shown = shown

    def add(self, session: Session) -> None:
        """Show a client each command that runs from now on."""
        session.is_monitor = True
        session.update_special()
        self._context.server.monitors.add(session.id)
        self._update_alarm()

    def remove(self, session: Session) -> None:
        """Show a client no more commands."""
        session.is_monitor = False
        self._context.server.monitors.discard(session.id)
        self._update_alarm()

    def _update_alarm(self) -> None:
        server = self._context.server
        server.alarm.note(MONITORS, holds=bool(server.monitors))

    def call(
        self,
        session: Session,
        command: Command,
        argv: Argv,
        call: Callable[[Session, Command, Argv], Any],
    ) -> Any:
        """Run a command, show it, and return its reply.

        It is shown when it has run, and a script before what it calls.
        """
        is_shown_first = bool(command.flags & Flag.SKIP_MONITOR)
        if is_shown_first:
            self.show(session, command, argv)
        reply = call(session, command, argv)
        if not is_shown_first:
            self.show(session, command, argv)
        return reply

    def show(self, session: Session, command: Command, argv: Argv) -> None:
        """Send a command to the clients in MONITOR, unless it is not to be shown."""
        if not command.flags & Flag.ADMIN:
            self.feed(session, argv)

    def feed(self, session: Session, argv: Argv) -> None:
        """Send a line to the clients in MONITOR."""
        server = self._context.server
        now_us = server.time_ns() // 1000
        address = session.address.encode()
        if address.endswith(b":0"):  # a Unix socket's, which MONITOR alone writes so
            address = b"unix:" + address[:-2]
        words = b" ".join(quote(argument) for argument in self._shown.of(argv))
        line = b"+%d.%06d [%d %b] %b\r\n" % (
            now_us // 1_000_000,
            now_us % 1_000_000,
            session.db.index,
            address,
            words,
        )
        sessions = server.sessions
        for client_id in server.monitors:
            if sessions[client_id].reply_mode not in _SILENT:
                self._outbox.pushes.append((client_id, line))
