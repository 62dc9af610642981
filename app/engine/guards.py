"""Guards: what speaks against running a command, and who is told that it runs.

The engine asks only where something is out of the ordinary: a client in a special
state, or a server that loads, cannot write, is watched by MONITOR or is paused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.engine.redaction import gives_secrets, hide_arguments, redact
from joblog.app.engine.script_flags import flags_of
from joblog.app.engine.script_text import SCRIPT_ADDRESS
from joblog.app.engine.shown_words import abbreviate, quote
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode
from joblog.app.reply import NO_REPLY, POSTPONED, QUEUED, RESP2, NoReplyType, Replies
from joblog.app.state.server_state import SlowCommand
from joblog.app.table.table import Command, Flag, find_command, require_command

if TYPE_CHECKING:
    from joblog.app.engine.engine import Engine
    from joblog.app.state.context import Argv, Session

logger = logging.getLogger(__name__)

_REACHES_KEYS = Flag.READONLY | Flag.WRITE | Flag.MAY_REPLICATE
_SILENT = ("off", "skip")
# CLIENT REPLY inside of a transaction: the reply to EXEC itself is still sent.
_LATER = {"off later": "off", "skip later": "skip"}
SLOW_NS = 1_000_000
"""After a command that took longer the clock is read anew in any case."""


HTTP_WORDS = frozenset({b"POST", b"HOST:"})
"""Commands that only a web page sends, which has a browser talk to this server."""

_TELL_AGAIN_MS = 60_000
_CODE_BYTES_MAX = 31
_CODES_MAX = 128
_OTHER_CODES = b"ERRORSTATS_OVERFLOW"


class Guards:
    """Decides what is refused.

    Attributes:
        is_watchful: whether any guard has reason to look at every command.
        disk_error: why the log cannot be written, or None.
        is_out_of_memory: the process is larger than `maxmemory` allows.
        looks_until_given_back: see `upkeep.compare_memory`.
        is_read_only: the keyspace is a moment of the past, which stands still.
    """

    def __init__(self, engine: Engine) -> None:
        """Make the guards of an engine that is at peace."""
        self._engine = engine
        self.is_watchful = False
        self.disk_error: bytes | None = None
        self.is_out_of_memory = False
        self.is_read_only = False
        self.looks_until_given_back = 0
        self._tell_from_ms = 0

    def update_watchful(self) -> None:
        """Set `is_watchful` anew; call it after changing what it depends on."""
        server = self._engine.server
        self.is_watchful = self._engine.is_watchful = bool(
            server.is_loading
            or self.disk_error is not None
            or self.is_out_of_memory
            or self.is_read_only
            or server.monitors
            or self._engine.pause.is_on
            or self._engine.scripts.is_busy
            or self._engine.notifications.wants_misses
            or self._engine.tracking.clients
        )

    def stop_monitoring(self, session: Session) -> None:
        """Show a client in MONITOR no more commands."""
        session.is_monitor = False
        self._engine.server.monitors.discard(session.id)
        self.update_watchful()

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
        text = self._engine.access.why_not(session, command, argv, door)
        if text is None:
            text = self._why_not(session, command, argv)
        if text is None and session.subscriptions is not None and session.resp == RESP2:
            text = _why_not_subscribed(command)
        if text is None and command.name == "exec":
            text = self._why_not_exec(session)
        if text is not None:
            return self.reject(session, CommandError(text), argv)
        if self._engine.pause.is_on and self._engine.pause.postpones(session, command):
            session.has_news = True
            return POSTPONED
        if queued is not None and not command.is_never_queued:
            queued.append(argv)
            return QUEUED
        return None

    def _why_not(self, session: Session, command: Command, argv: Argv) -> bytes | None:
        """Return why no client may run a command in the state that the server is in."""
        flags = flags_of(self._engine, command, argv)
        if self._engine.scripts.is_busy and not command.flags & Flag.ALLOW_BUSY:
            return self._engine.scripts.busy_text
        if self.is_out_of_memory and flags & Flag.DENYOOM:
            return errors.OUT_OF_MEMORY
        if self.disk_error is not None and (
            flags & Flag.WRITE or command.name == "ping"
        ):
            return errors.MISCONF + self.disk_error
        if self.is_read_only and command.is_write:
            return errors.READ_ONLY
        if self._engine.server.is_loading and not command.flags & Flag.LOADING:
            return errors.LOADING
        if session.is_monitor and self._reaches_keys(session, command):
            return errors.MONITOR_READS_NO_KEYS
        return None

    def _reaches_keys(self, session: Session, command: Command) -> bool:
        """Say whether a command may read or write keys, or an EXEC a queued one."""
        flags = command.flags
        if command.name == "exec":
            flags |= self._engine.transactions.flags(session)
        return bool(flags & _REACHES_KEYS)

    def _why_not_exec(self, session: Session) -> bytes | None:
        """Return why one of the queued commands may not run any more, or None."""
        for argv in session.queued or ():
            text = self._why_not(session, require_command(argv), argv)
            if text is not None:
                return text
        return None

    def reject(self, session: Session, error: CommandError, argv: Argv) -> CommandError:
        """Count a command that does not run; it also breaks or ends a transaction."""
        found = find_command(argv)
        if found is not None:
            self._engine.server.counts[found.number].rejected += 1
        if session.queued is not None:
            session.is_broken = True
        if argv[0].upper() == b"EXEC":
            error = self._engine.transactions.abort(session, error)
            if self._engine.server.monitors:
                self._feed_monitors(session, argv)  # so that the MULTI has an end
        self.count_error(error)
        self._engine.tracking.end_caching(session, found)
        return error

    def turn_away(self, session: Session) -> NoReplyType:
        """Close a connection that speaks HTTP, before the commands in its body run."""
        steady_ms = self._engine.context.steady_ms
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

    def count_error(self, error: CommandError) -> None:
        """Count an error reply, by its code too.

        Scripts choose codes as they like, so only so many are told from each other.
        """
        if error.is_counted:
            return
        error.is_counted = True
        server = self._engine.server
        server.statistics["total_error_replies"] += 1
        code, space, _ = error.text[:_CODE_BYTES_MAX].partition(b" ")
        if not space:
            code = b"ERR"
        codes = server.error_codes
        if code not in codes and len(codes) >= _CODES_MAX:
            code = _OTHER_CODES
        codes[code] = codes.get(code, 0) + 1

    def note_failure(self, error: CommandError, argv: Argv) -> None:
        """Count the error of a command that ran; put it in the words of the call."""
        if not error.is_counted:  # else a script passes it on, in words of its own
            error.put_in_words_of(argv)
        self.count_error(error)

    def what_is_sent(self, session: Session, reply: Any) -> bytes:
        """Return what to send for a reply, where it may be more or less than that."""
        is_withheld = session.reply_mode != "on" and self.withholds(session)
        if is_withheld and type(reply) is not Replies:
            data = b""
        else:
            data = encode(reply, session.resp)
        engine = self._engine
        early, pushes = engine.tracking.early, engine.own_pushes
        if early or pushes:
            data = b"".join([*early, data, *pushes])
            early.clear()
            pushes.clear()
        return data

    def withholds(self, session: Session) -> bool:
        """Say whether CLIENT REPLY keeps the reply to the command just run."""
        if session.reply_mode == "skip":
            session.reply_mode = "on"
            session.update_special()
            return True
        if session.reply_mode == "skip next":
            session.reply_mode = "skip"
            return True
        if session.reply_mode in _LATER:
            session.reply_mode = _LATER[session.reply_mode]
            return False
        return True

    def slow_above_ns(self) -> int:
        """Return after how long a command is looked at, in nanoseconds."""
        config = self._engine.server.config
        looks = [SLOW_NS]
        if config.slowlog_log_slower_than >= 0:
            looks.append(config.slowlog_log_slower_than * 1000 - 1)
        if config.latency_monitor_threshold > 0:
            looks.append(config.latency_monitor_threshold * 1_000_000 - 1)
        return min(looks)

    def note_slow(
        self, session: Session, command: Command, argv: Argv, nanoseconds: int
    ) -> None:
        """Keep a slow command for SLOWLOG, and its delay for LATENCY.

        That of a script has no address there, as in Redis 8.
        One that waits is kept when it has ended, with the time that it has run in all.
        """
        if session.waiter is not None:
            session.waiter.spent_ns = nanoseconds
            return
        server = self._engine.server
        config = server.config
        now_seconds = self._engine.context.now_ms // 1000
        threshold_ms = config.latency_monitor_threshold
        if 0 < threshold_ms <= nanoseconds // 1_000_000:
            event = b"fast-command" if command.flags & Flag.FAST else b"command"
            server.note_latency(event, now_seconds, nanoseconds // 1_000_000)
        threshold_us = config.slowlog_log_slower_than
        if threshold_us < 0 or nanoseconds < threshold_us * 1000:
            return
        if command.flags & Flag.SKIP_SLOWLOG:
            return
        server.slow_commands.appendleft(
            SlowCommand(
                server.slow_commands_seen,
                now_seconds,
                nanoseconds // 1000,
                abbreviate(self._shown(argv)),
                b"" if session.address == SCRIPT_ADDRESS else session.address.encode(),
                session.name,
            )
        )
        server.slow_commands_seen += 1
        while len(server.slow_commands) > config.slowlog_max_len:
            server.slow_commands.pop()

    def _shown(self, argv: Argv) -> Argv:
        """Return a command as people may see it, by the text of what it runs too."""
        name = argv[0].upper()
        if len(argv) > 1 and name.startswith((b"EVALSHA", b"FCALL")):
            source: bytes | None = None
            if name.startswith(b"FCALL"):
                source = self._engine.functions.find_source(argv[1])
            else:
                script = self._engine.scripts.find(argv[1])
                source = None if script is None else script.source
            if source is not None and gives_secrets(source):
                return hide_arguments(argv, 2)
        return redact(argv)

    def note_script_call(self, session: Session, command: Command, argv: Argv) -> None:
        """Tell who wants to know of each command of one that a script has called.

        Args:
            session: the script's own.
            command: what it called.
            argv: the same, with its arguments.
        """
        engine = self._engine
        if engine.server.monitors:
            self.show_to_monitors(session, command, argv)
        if engine.tracking.clients:
            engine.tracking.note_command(engine.running, command, argv)

    def call_shown(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run a command and return its reply, while clients are in MONITOR.

        It is shown when it has run, and a script before what it calls.
        """
        is_shown_first = bool(command.flags & Flag.SKIP_MONITOR)
        if is_shown_first:
            self.show_to_monitors(session, command, argv)
        reply = self._engine.call(session, command, argv)
        if not is_shown_first:
            self.show_to_monitors(session, command, argv)
        return reply

    def show_to_monitors(self, session: Session, command: Command, argv: Argv) -> None:
        """Send a command to the clients in MONITOR, unless it is not to be shown."""
        if not command.flags & Flag.ADMIN:
            self._feed_monitors(session, argv)

    def _feed_monitors(self, session: Session, argv: Argv) -> None:
        engine = self._engine
        now_us = engine.server.time_ns() // 1000
        address = session.address.encode()
        if address.endswith(b":0"):  # a Unix socket's, which MONITOR alone writes so
            address = b"unix:" + address[:-2]
        words = b" ".join(quote(argument) for argument in self._shown(argv))
        line = b"+%d.%06d [%d %b] %b\r\n" % (
            now_us // 1_000_000,
            now_us % 1_000_000,
            session.db.index,
            address,
            words,
        )
        sessions = engine.server.sessions
        for client_id in engine.server.monitors:
            if sessions[client_id].reply_mode not in _SILENT:
                engine.pushes.append((client_id, line))


def _why_not_subscribed(command: Command) -> bytes | None:
    """Return why a command does not run for a RESP2 client with subscriptions, or None.

    Such a client could not tell a reply from a message.
    """
    if command.flags & Flag.WHILE_SUBSCRIBED:
        return None
    return errors.not_while_subscribed(command.name.encode())
