"""Guards: what speaks against running a command.

The engine asks only where something is out of the ordinary: a client in a special
state, or a server that loads, cannot write, is watched by MONITOR or is paused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.engine.script_flags import flags_of
from joblog.app.errors import CommandError
from joblog.app.reply import NO_REPLY, POSTPONED, QUEUED, RESP2, NoReplyType
from joblog.app.state.alarm import (
    BUSY,
    LOADING,
    LONELY,
    MEMORY,
    NEAR,
    PAST,
    REPLICA,
)
from joblog.app.table.table import Command, Flag, find_command, require_command

if TYPE_CHECKING:
    from joblog.app.engine.access import Access
    from joblog.app.engine.functions import Functions
    from joblog.app.engine.memory_limit import MemoryLimit
    from joblog.app.engine.monitors import Monitors
    from joblog.app.engine.pause import Pause
    from joblog.app.engine.tracking import Tracking
    from joblog.app.engine.transactions import Transactions
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

logger = logging.getLogger(__name__)

_REACHES_KEYS = Flag.READONLY | Flag.WRITE | Flag.MAY_REPLICATE

HTTP_WORDS = frozenset({b"POST", b"HOST:"})
"""Commands that only a web page sends, which has a browser talk to this server."""

_TELL_AGAIN_MS = 60_000
_ENDS_MULTI = frozenset(("exec", "discard", "quit", "reset"))


class Guards:
    """Decides what is refused."""

    def __init__(
        self,
        context: Context,
        access: Access,
        pause: Pause,
        functions: Functions,
        transactions: Transactions,
        tracking: Tracking,
        monitors: Monitors,
        memory_limit: MemoryLimit,
    ) -> None:
        """Make the guards of an engine, of whose parts they ask what speaks against."""
        self._context = context
        self._access = access
        self._alarm = context.server.alarm
        self._pause = pause
        self._functions = functions
        self._transactions = transactions
        self._tracking = tracking
        self._monitors = monitors
        self._memory_limit = memory_limit
        self._tell_from_ms = 0

    def refuse(self, session: Session, command: Command, argv: Argv) -> Any:
        """Return what answers a command that does not run now; None where it may run.

        Returns:
            An error, QUEUED, POSTPONED, or None.
        """
        queued = session.queued
        if (
            queued is not None
            and command.is_never_queued  # a quick look: sums of flags are slow
            and command.flags & Flag.NO_MULTI
        ):
            return self.reject(session, CommandError(errors.NOT_IN_MULTI), argv)
        door = Door.COMMAND if queued is None else Door.QUEUE
        text = self._access.why_not(session, command, argv, door)
        if text is None:
            if self._alarm.has(NEAR):
                self._make_room(session, command)
            is_inside = queued is not None and command.name not in _ENDS_MULTI
            text = self._why_not(session, command, argv, is_inside=is_inside)
        if text is None and session.subscriptions is not None and session.resp == RESP2:
            text = _why_not_subscribed(command)
        if text is None and command.name == "exec":
            text = self._why_not_exec(session)
        if text is not None:
            return self.reject(session, CommandError(text), argv)
        if self._pause.is_on and self._pause.postpones(
            self._flags_of_all(session, command, argv)
        ):
            session.has_news = True
            return POSTPONED
        if queued is not None and not command.is_never_queued:
            queued.append(argv)
            return QUEUED
        return None

    def _why_not(
        self,
        session: Session,
        command: Command,
        argv: Argv,
        *,
        is_inside: bool = False,
    ) -> bytes | None:
        """Return why no client may run a command in the state that the server is in.

        Inside of a MULTI whatever does not end it is taken for what needs memory.
        """
        alarm, scripts = self._alarm, self._context.scripts
        if not alarm.is_on and not session.is_monitor:
            return None  # what is queued is asked about twice, each time for nothing
        flags = flags_of(scripts, self._functions, command, argv)
        if alarm.has(BUSY) and not command.flags & Flag.ALLOW_BUSY:
            return scripts.busy_text
        if alarm.has(MEMORY) and (is_inside or flags & Flag.DENYOOM):
            return errors.OUT_OF_MEMORY
        if alarm.disk_error is not None and (
            flags & Flag.WRITE or command.name == "ping"
        ):
            return errors.MISCONF + alarm.disk_error
        if alarm.has(PAST) and _writes(command, flags):
            return errors.READ_ONLY
        if alarm.has(REPLICA):
            text = self._why_not_of_replica(command, flags)
        elif alarm.store_error is not None:
            text = self._why_not_stored(alarm.store_error, flags)
        else:
            is_short = alarm.has(LONELY) and flags & Flag.WRITE
            text = errors.TOO_FEW_REPLICAS if is_short else None
        if text is not None:
            return text
        if alarm.has(LOADING) and not command.flags & Flag.LOADING:
            return errors.LOADING
        if session.is_monitor and _reaches_keys(session, command):
            return errors.MONITOR_READS_NO_KEYS
        return None

    def _flags_of_all(self, session: Session, command: Command, argv: Argv) -> Flag:
        """Return the flags of a call, and of an EXEC those of whatever is queued."""
        scripts, functions = self._context.scripts, self._functions
        flags = flags_of(scripts, functions, command, argv)
        if command.name == "exec":
            for queued in session.queued or ():
                flags |= flags_of(scripts, functions, require_command(queued), queued)
        return flags

    def _make_room(self, session: Session, command: Command) -> None:
        """Let keys go where memory is short, before a command runs or is queued."""
        is_hungry = (
            bool(command.flags & Flag.DENYOOM)
            or command.group == "scripting"
            or session.queued is not None
        )
        self._memory_limit.make_room(is_hungry=is_hungry)

    def _why_not_of_replica(self, command: Command, flags: Flag) -> bytes | None:
        """Return why a server that follows another does not run a command, or None."""
        replication = self._context.server.replication
        if replication.is_read_only and _writes(command, flags):
            leader = self._context.server.cluster.leader
            if leader is not None:
                return errors.READ_ONLY + b" " + errors.led_by(leader)
            return errors.READ_ONLY
        if replication.is_stale and not flags & Flag.STALE:
            return errors.STALE
        return None

    def _why_not_stored(self, reason: bytes, flags: Flag) -> bytes | None:
        """Return why a command does not run while the store of the log takes none."""
        if flags & Flag.WRITE:
            return errors.NO_QUORUM + reason
        serves_stale = self._context.server.config.replica_serve_stale_data
        return None if serves_stale or flags & Flag.STALE else errors.STALE

    def _why_not_exec(self, session: Session) -> bytes | None:
        """Return why one of the queued commands may not run any more, or None."""
        if not self._alarm.is_on and not session.is_monitor:
            return None
        for argv in session.queued or ():
            text = self._why_not(session, require_command(argv), argv)
            if text is not None:
                return text
        return None

    def reject(self, session: Session, error: CommandError, argv: Argv) -> CommandError:
        """Count a command that does not run; it also breaks or ends a transaction."""
        found = find_command(argv)
        if found is not None:
            self._context.server.counts[found.number].rejected += 1
        if session.queued is not None:
            session.is_broken = True
        if argv[0].upper() == b"EXEC":
            error = self._transactions.abort(session, error)
            if self._context.server.monitors:
                self._monitors.feed(session, argv)  # so that the MULTI has an end
        self._context.server.count_error(error)
        self._tracking.end_caching(session, found)
        return error

    def turn_away(self, session: Session) -> NoReplyType:
        """Close a connection that speaks HTTP, before the commands in its body run."""
        steady_ms = self._context.steady_ms
        if steady_ms >= self._tell_from_ms:
            self._tell_from_ms = steady_ms + _TELL_AGAIN_MS
            logger.warning(
                "client id=%d address=%s closed: it speaks HTTP; a web page may be "
                "trying to reach this server by way of somebody's browser",
                session.id,
                session.address,
            )
        session.is_closing = True
        session.update_special()
        return NO_REPLY


def _writes(command: Command, flags: Flag) -> bool:
    """Say whether a call of such flags counts as a write; sums of flags are slow."""
    return command.is_write if flags is command.flags else bool(flags & Flag.WRITE)


def _reaches_keys(session: Session, command: Command) -> bool:
    """Say whether a command may read or write keys, or an EXEC a queued one."""
    flags = command.flags
    if command.name == "exec":
        flags |= session.queued_flags()
    return bool(flags & _REACHES_KEYS)


def _why_not_subscribed(command: Command) -> bytes | None:
    """Return why a command does not run for a RESP2 client with subscriptions, or None.

    Such a client could not tell a reply from a message.
    """
    if command.flags & Flag.WHILE_SUBSCRIBED:
        return None
    return errors.not_while_subscribed(command.name.encode())
