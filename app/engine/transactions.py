"""Transactions: from MULTI to EXEC, and what is watched in between.

The commands of a transaction are kept with the client's session. EXEC runs them one
after the other, at one moment in time, and leaves one record with the effects of all:

    (at_ms, db of the first effect, effects, [client id, ["EXEC"], note])
    note = {"kind": "exec", "queued": [the commands], "failed": [places in it],
            "took": [microseconds of each script among them]}

A command that is its own effect stands in the note as the number of the effect, and a
script as its SHA1, so that nothing is in the record twice.

Source: Redis 7.2; see tests/parity/test_transactions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.engine.redaction import redact
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode, join
from joblog.app.reply import NULL_ARRAY, Encoded
from joblog.app.state.units import Unit
from joblog.app.table.table import LOOKUP, require_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.access import Access
    from joblog.app.engine.observers import Observers
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.pause import Pause
    from joblog.app.engine.scripts import Scripts
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.table.table import Command
    from joblog.app.words import Argv

# What CLIENT REPLY said inside of a transaction holds from behind its end.
_EXEC = [b"EXEC"]
_SCRIPTS: Final = frozenset(
    ("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro")
)
_REPLY_MODE_LATER = {"off": "off later", "skip next": "skip later"}


class Transactions:
    """Runs and drops the transactions of all clients."""

    def __init__(
        self,
        context: Context,
        observers: Observers,
        outbox: Outbox,
        access: Access,
        pause: Pause,
        scripts: Scripts,
        call: Callable[[Session, Command, Argv], Any],
        now_ns: Callable[[], int],
    ) -> None:
        """Make the transactions of an engine.

        Args:
            context: the engine's.
            observers: know who watches keys, and whether one has changed.
            outbox: takes what is recorded.
            access: says which of the queued commands may still run.
            pause: is told when a transaction is over.
            scripts: name scripts as they are recorded.
            call: runs one command, which nothing speaks against.
            now_ns: tells how long scripts take.
        """
        self._context = context
        self._observers = observers
        self._outbox = outbox
        self._access = access
        self._pause = pause
        self._scripts = scripts
        self._call_told = call
        self._now_ns = now_ns

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
        self._observers.unwatch(session)
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
        session.note_outer(_EXEC)
        self._observers.expire_watched(session)
        is_broken, is_stale = session.is_broken, session.is_stale
        self._observers.unwatch(session)
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

    def _run(self, session: Session, queued: list[Argv]) -> Encoded:
        context, scripts = self._context, self._scripts
        is_outermost = context.unit is None
        unit = context.unit = context.unit or Unit(context.server.time_ns())
        replies = [b"*%d\r\n" % len(queued)]
        told: list[Argv | int] = []
        failed: list[int] = []
        took: list[int] = []
        mode = session.reply_mode
        try:
            for argv in queued:
                context.db = session.db
                # Its number of words is right, as when it was queued.
                command = LOOKUP.get(argv[0]) or require_command(argv)
                is_script = command.name in _SCRIPTS
                began_ns = self._now_ns() if is_script else 0
                reply = self._call(session, command, argv)
                if is_script:
                    took.append((self._now_ns() - began_ns) // 1000)
                if isinstance(reply, CommandError):
                    failed.append(len(told))
                told.append(self._as_recorded(argv, unit))
                if session.reply_mode != "off":
                    replies.append(encode(reply, session.resp))
                if scripts.is_abandoned:
                    # The server stops; `unit` is empty, and so it stays.
                    replies[0] = b"*%d\r\n" % (len(replies) - 1)
                    break
        finally:
            if is_outermost:
                context.unit = None
                self._pause.hide_expired()
                scripts.describe_named(session, unit)
                note = _note(told, failed, took)
                self._outbox.record_unit(session, unit, [b"EXEC"], note)
                self._outbox.untimed = None  # its scripts were timed
        if session.reply_mode != mode:
            session.reply_mode = _REPLY_MODE_LATER.get(
                session.reply_mode, session.reply_mode
            )
        return Encoded(join(replies))

    def _call(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run one of the queued commands, if it still may, and return its reply."""
        if session.is_limited:
            text = self._access.why_not(session, command, argv, Door.EXEC)
            if text is not None:
                error = CommandError(text)
                self._context.server.count_error(error)
                return error
        return self._call_told(session, command, argv)

    def _as_recorded(self, argv: Argv, unit: Unit) -> Argv | int:
        """Return what the note says of a command that has just run."""
        effects = unit.effects
        if effects and effects[-1] is argv:
            return len(effects) - 1
        if argv[0][:4].upper() == b"EVAL":
            return self._scripts.as_recorded(argv)
        return redact(argv)


def _note(
    queued: list[Argv | int], failed: list[int], took: list[int]
) -> dict[str, Any]:
    note: dict[str, Any] = {"kind": "exec", "queued": queued}
    if failed:
        note["failed"] = failed
    if took:
        note["took"] = took
    return note
