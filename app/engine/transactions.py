"""Transactions: from MULTI to EXEC, and what is watched in between.

The commands of a transaction are kept with the client's session. EXEC runs them one
after the other, at one moment in time, and leaves one record with the effects of all:

    (at_ms, db of the first effect, effects, [client id, ["EXEC"], note])
    note = {"kind": "exec", "queued": [the commands], "failed": [places in it]}

A command that is its own effect stands in the note as the number of the effect, and a
script as its SHA1, so that nothing is in the record twice.

Source: Redis 7.2; see tests/parity/test_transactions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.engine.effects import Unit
from joblog.app.engine.redaction import redact
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode, join
from joblog.app.reply import NULL_ARRAY, Encoded
from joblog.app.table.table import Flag, require_command

if TYPE_CHECKING:
    from joblog.app.engine.engine import Engine
    from joblog.app.state.context import Argv, Session
    from joblog.app.table.table import Command

# What CLIENT REPLY said inside of a transaction holds from behind its end.
_REPLY_MODE_LATER = {"off": "off later", "skip next": "skip later"}


class Transactions:
    """Runs and drops the transactions of all clients."""

    def __init__(self, engine: Engine) -> None:
        """Make the transactions of an engine."""
        self._engine = engine

    def begin(self, session: Session) -> None:
        """Queue a client's commands from now on.

        Raises:
            CommandError: it does so already.
        """
        if session.queued is not None:
            raise CommandError(errors.NESTED_MULTI)
        session.queued = []
        session.update_special()

    def discard(self, session: Session) -> None:
        """Forget what a client has queued, and what it watches."""
        session.queued = None
        session.is_broken = False
        self._engine.observers.unwatch(session)
        session.update_special()

    def execute(self, session: Session) -> Any:
        """Run what a client has queued.

        Returns:
            An array of the replies, encoded; or NULL_ARRAY where a watched key changed.

        Raises:
            CommandError: there is no transaction, or a command of it was refused.
        """
        queued = session.queued
        if queued is None:
            raise CommandError(errors.EXEC_WITHOUT_MULTI)
        self._engine.observers.expire_watched(session)
        is_broken, is_stale = session.is_broken, session.is_stale
        self._engine.observers.unwatch(session)
        try:
            if is_broken:
                raise CommandError(errors.EXEC_ABORTED)
            return NULL_ARRAY if is_stale else self._run(session, queued)
        finally:
            self.discard(session)

    def abort(self, session: Session, error: CommandError) -> CommandError:
        """Drop a transaction whose EXEC is refused, and return the error for that."""
        self.discard(session)
        reason = error.text.removeprefix(b"ERR ")
        return CommandError(errors.EXEC_ABORTED_BECAUSE + reason)

    def flags(self, session: Session) -> Flag:
        """Return the flags that any of a client's queued commands has."""
        flags = Flag(0)
        for argv in session.queued or ():
            flags |= require_command(argv).flags
        return flags

    def _run(self, session: Session, queued: list[Argv]) -> Encoded:
        engine = self._engine
        context = engine.context
        is_outermost = engine.unit is None
        unit = engine.unit = engine.unit or Unit(engine.server.time_ns())
        replies = [b"*%d\r\n" % len(queued)]
        told: list[Argv | int] = []
        failed: list[int] = []
        mode = session.reply_mode
        try:
            for argv in queued:
                context.db = session.db
                command = require_command(argv)
                reply = self._call(session, command, argv)
                if isinstance(reply, CommandError):
                    failed.append(len(told))
                told.append(self._as_recorded(argv, unit))
                if engine.tracking.clients:
                    engine.tracking.note_command(session, command, argv)
                if session.reply_mode != "off":
                    replies.append(encode(reply, session.resp))
                if engine.scripts.is_abandoned:
                    # The server stops; `unit` is empty, and so it stays.
                    replies[0] = b"*%d\r\n" % (len(replies) - 1)
                    break
        finally:
            if is_outermost:
                engine.unit = None
                engine.pause.hide_expired()
                engine.scripts.describe_named(session, unit)
                engine.record_unit(session, unit, [b"EXEC"], _note(told, failed))
        if session.reply_mode != mode:
            session.reply_mode = _REPLY_MODE_LATER.get(
                session.reply_mode, session.reply_mode
            )
        return Encoded(join(replies))

    def _call(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run one of the queued commands, if it still may, and return its reply."""
        engine = self._engine
        if session.is_limited:
            text = engine.access.why_not(session, command, argv, Door.EXEC)
            if text is not None:
                error = CommandError(text)
                engine.guards.count_error(error)
                return error
        if engine.notifications.wants_misses:
            engine.notifications.note_misses(session.db, command, argv)
        if engine.server.monitors:
            return engine.guards.call_shown(session, command, argv)
        return engine.call(session, command, argv)

    def _as_recorded(self, argv: Argv, unit: Unit) -> Argv | int:
        """Return what the note says of a command that has just run."""
        effects = unit.effects
        if effects and effects[-1] is argv:
            return len(effects) - 1
        if argv[0][:4].upper() == b"EVAL":
            return self._engine.scripts.as_recorded(argv)
        return redact(argv)


def _note(queued: list[Argv | int], failed: list[int]) -> dict[str, Any]:
    note: dict[str, Any] = {"kind": "exec", "queued": queued}
    if failed:
        note["failed"] = failed
    return note
