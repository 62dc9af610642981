"""Views of the past: a client of a running server looks at a moment (CLIENT AT).

The moment is an engine of its own (`app.engine.past`), in which the client has a double
of its session. Nothing that the client does there is seen in the present.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app import errors
from app.commands.client_past import is_travel
from app.commands.table import Flag, find_command
from app.errors import CommandError
from app.protocol.encoder import encode

if TYPE_CHECKING:
    from app.commands.context import Argv, Session
    from app.engine.engine import Engine

_SHARED = ("name", "resp", "library_name", "library_version", "reply_mode")
"""What a client is, in the past as in the present."""


class PastView:
    """A moment of the past that connections of a running server look at (CLIENT AT).

    Attributes:
        seq: the last record that has happened.
        at_ms: the moment, in ms since the epoch.
    """

    def __init__(self, engine: Engine, seq: int, at_ms: int) -> None:
        """Make the view of a moment from what `open_past` returned."""
        self.seq = seq
        self.at_ms = at_ms
        self._engine = engine
        # Nobody could be served from inside this engine: a script ends after a while.
        engine.scripts.meanwhile = self._end_script

    def enter(self, session: Session) -> None:
        """Let a client look at this moment, from the database that it has selected."""
        if session.past is not None:
            session.past.leave(session)
        engine = self._engine
        databases = engine.keyspace.databases
        if session.db.index >= len(databases):
            raise CommandError(errors.NO_DATABASE)
        double = engine.open_session(
            session.id,
            address=session.address,
            local_address=session.local_address,
            fd=session.fd,
        )
        double.is_authenticated = True
        double.db = databases[session.db.index]
        for name in _SHARED:
            setattr(double, name, getattr(session, name))
        double.update_special()
        session.past = self
        session.update_special()

    def leave(self, session: Session) -> None:
        """Let a client look at the present again."""
        engine = self._engine
        double = engine.server.sessions[session.id]
        self._give_back(session, double)
        engine.close_session(double)
        session.past = None
        session.update_special()

    def run(self, session: Session, argv: Argv) -> bytes:
        """Run one command of a client and return its encoded reply."""
        engine = self._engine
        double = engine.server.sessions[session.id]
        command = find_command(argv)
        if command is not None and command.flags & Flag.ADMIN:
            if double.queued is not None:
                double.is_broken = True
            return encode(CommandError(errors.READ_ONLY_IN_PAST), double.resp)
        data = engine.run(double, [argv])
        engine.pushes.clear()
        self._give_back(session, double)
        session.is_closing = double.is_closing
        return data

    def _give_back(self, session: Session, double: Session) -> None:
        """Let what a client changed about itself hold in the present too."""
        if double.name != session.name:
            session.is_described = False
        session.db = session.db.keyspace.databases[double.db.index]
        for name in _SHARED:
            setattr(session, name, getattr(double, name))

    def _end_script(self) -> None:
        scripts = self._engine.scripts
        scripts.kill(is_function=scripts.is_function)


def run_in_past(engine: Engine, session: Session, commands: list[Argv]) -> bytes:
    """Run what one read of a client brought that looks at the past.

    Args:
        engine: that of the present, which takes over from CLIENT AT on.
        session: the client's, in the present.
        commands: in order.

    Returns:
        The encoded replies, one behind the other.
    """
    replies = []
    for place, argv in enumerate(commands, 1):
        if session.past is None:
            replies.append(engine.run(session, commands[place - 1 :]))
            break
        if not is_travel(argv):
            replies.append(session.past.run(session, argv))
        else:
            replies.append(engine.run(session, [argv]))
            if session.postponed is not None:
                session.postponed = commands[place:]
                break
        if session.is_closing:
            break
    return b"".join(replies)
