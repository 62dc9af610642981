"""The commands that a script calls: which it may, and how one runs.

A command of a script runs as a client's does, only that less is looked at: its effects
go to the unit of the script. Its time counts as its own and as the script's.

Source: Redis 7.2; see tests/parity/test_scripting.py.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.engine.access import Door
from joblog.app.engine.lua_callbacks import CommandCaller
from joblog.app.engine.redaction import carries_secrets, is_like_carrier
from joblog.app.engine.script_text import SCRIPT_ADDRESS
from joblog.app.errors import CommandError, ErrorKind
from joblog.app.state.alarm import LONELY, MEMORY, PAST, REPLICA
from joblog.app.state.session import Session
from joblog.app.table.table import (
    LOOKUP,
    Command,
    Flag,
    find_command,
    require_command,
)

if TYPE_CHECKING:
    from joblog.app.engine.access import Access
    from joblog.app.engine.monitors import Monitors
    from joblog.app.engine.notifications import Notifications
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.slow_commands import SlowCommands
    from joblog.app.engine.tracking import Tracking
    from joblog.app.engine.uses import Uses
    from joblog.app.state.context import Context
    from joblog.app.state.server_state import CallCounts
    from joblog.app.words import Argv

_DEBUGGING: Final = frozenset(("acl", "config", "debug", "latency"))
_WRITES: Final = Flag.WRITE | Flag.MAY_REPLICATE
_TIMED_FIRST: Final = 256
_UNTIMED_MOST: Final = 7
_FEW_WORDS: Final = 8
"""To look at the clock twice takes a quarter of a short command's time. So those that
cannot take long are timed at each call until there were some, then at one of eight."""


class ScriptCommands(CommandCaller):
    """Runs the commands of scripts.

    Attributes:
        session: the scripts' own, with the number of the client that calls one.
    """

    def __init__(
        self,
        context: Context,
        outbox: Outbox,
        access: Access,
        slow_commands: SlowCommands,
        notifications: Notifications,
        tracking: Tracking,
        monitors: Monitors,
        uses: Uses,
    ) -> None:
        """Make the commands of an engine's scripts.

        Args:
            context: the engine's.
            outbox: knows who runs the script, and what it must not show.
            access: says what the script's caller may do.
            slow_commands: keep those that took long.
            notifications: are told of each command, before it runs.
            tracking: is told of what it has read.
            monitors: show it.
            uses: are told of its keys, before it runs.
        """
        self._context = context
        self._outbox = outbox
        self._access = access
        self._slow_commands = slow_commands
        self._notifications = notifications
        self._tracking = tracking
        self._monitors = monitors
        self._uses = uses
        self._server = context.server
        self._alarm = context.server.alarm
        self._now_ns = perf_counter_ns  # see `Engine`
        self.session = Session(0, context.keyspace.databases[0], address=SCRIPT_ADDRESS)
        # Sums of flags are slow: which commands may be called is looked up instead.
        self._all: dict[bytes, Command] = {}
        self._reading: dict[bytes, Command] = {}
        self._allowed = self._all
        self._allows_oom = False
        self._can_write = True
        self._has_written = False

    def allow(self, *, can_write: bool, allows_oom: bool) -> None:
        """Say whether the next script may write, and whether beyond `maxmemory`."""
        self._allows_oom = allows_oom
        self._can_write = can_write
        self._has_written = False
        if not self._all:
            self._all = _without(Flag.NOSCRIPT)
            self._reading = _without(Flag.NOSCRIPT | _WRITES)
        self._allowed = self._all if can_write else self._reading

    def look_at_each(self) -> None:
        """Ask about each command of the next script: its caller is limited."""
        self._allowed = {}

    def call(self, argv: Argv) -> Any:
        """Run one command of a script; it is what the time of a script is spent in.

        Args:
            argv: the command; it is kept where it is recorded.

        Returns:
            A reply value, or the CommandError.
        """
        alarm, server = self._alarm, self._server
        command = self._allowed.get(argv[0])
        words = len(argv)
        if (
            command is None
            or words < command.least
            or words > command.most
            or alarm.is_on
        ):
            try:
                command = self._require_allowed(argv)
            except CommandError as error:
                return self._reject(error.with_traceback(None), argv)
        context = self._context
        counts = server.counts[command.number]
        context.db = self.session.db
        keyspace = context.keyspace
        changes = keyspace.changes
        is_timed = counts.untimed >= counts.untimed_most or words > _FEW_WORDS
        started = self._now_ns() if is_timed else 0
        try:
            reply = command.apply(context, argv)
        except CommandError as error:
            reply = error.with_traceback(None)
            counts.failed += 1
            server.note_failure(error, argv)
        counts.calls += 1
        if is_timed:
            self._note_time(command, counts, argv, self._now_ns() - started)
        else:
            counts.untimed += 1
        if keyspace.changes != changes:
            self._set_aside(argv)
        elif context.effects is not None:
            context.effects = None
        if alarm.is_on:
            self._tell(command, argv)
        return reply

    def _note_time(
        self, command: Command, counts: CallCounts, argv: Argv, nanoseconds: int
    ) -> None:
        slow_commands = self._slow_commands
        counts.note_time(nanoseconds, is_tracked=slow_commands.is_timing)
        if command.is_fast and counts.calls >= _TIMED_FIRST:
            counts.untimed_most = 0 if slow_commands.is_timing_all else _UNTIMED_MOST
        if nanoseconds > slow_commands.above_ns:
            slow_commands.note(self.session, command, argv, nanoseconds)

    def _set_aside(self, argv: Argv) -> None:
        """Give the script's unit the effects of a command that has just run."""
        context = self._context
        effects, unit = context.effects, context.unit
        context.effects = None
        assert unit is not None
        if effects is None:
            unit.add_one(context.db.index, argv)
        else:
            unit.add(context.db.index, effects)

    def _tell(self, command: Command, argv: Argv) -> None:
        """Tell who wants to know of each command of one that has run."""
        if self._server.monitors:
            self._monitors.show(self.session, command, argv)
        if self._tracking.clients:
            self._tracking.note_command(self._outbox.running, command, argv)

    def _reject(self, error: CommandError, argv: Argv) -> CommandError:
        """Count a command that does not run."""
        command = find_command(argv)
        if command is not None:
            self._server.counts[command.number].rejected += 1
        self._server.count_error(error)
        return error

    def _require_allowed(self, argv: Argv) -> Command:
        """Return the command that a script calls.

        Raises:
            CommandError: it may not, or there is no such command.
        """
        try:
            command = require_command(argv)
        except CommandError as error:
            self._note_secrets(argv, is_known=False)
            if error.kind is ErrorKind.WRONG_ARITY:
                raise CommandError(errors.SCRIPT_WRONG_ARITY) from None
            raise CommandError(errors.SCRIPT_UNKNOWN_COMMAND) from None
        self._note_secrets(argv, is_known=True)
        if command.flags & Flag.NOSCRIPT and not self._is_admitted(command):
            raise CommandError(errors.SCRIPT_COMMAND_NOT_ALLOWED)
        why = self._access.why_not(self.session, command, argv, Door.SCRIPT)
        if why is not None:
            raise CommandError(why)
        if not self._can_write and command.flags & _WRITES:
            raise CommandError(errors.SCRIPT_WRITES_NOT_ALLOWED)
        alarm = self._alarm
        if alarm.disk_error is not None and command.is_write:
            raise CommandError(errors.MISCONF + alarm.disk_error)
        if alarm.store_error is not None and command.is_write:
            raise CommandError(errors.NO_QUORUM + alarm.store_error)
        if alarm.has(PAST) and command.is_write:
            raise CommandError(errors.READ_ONLY)
        if alarm.has(REPLICA):
            self._require_of_replica(command)
        elif alarm.has(LONELY) and command.is_write:
            raise CommandError(errors.TOO_FEW_REPLICAS)
        if alarm.has(MEMORY) and command.flags & Flag.DENYOOM:
            self._require_memory()
        self._has_written = self._has_written or command.is_write
        if self._notifications.wants_misses:
            self._notifications.note_misses(self.session.db, command, argv)
        if self._uses.is_on:
            self._uses.note(self._outbox.running, self.session.db, command, argv)
        return command

    def _require_memory(self) -> None:
        """Refuse memory, but to whom has written: half of the work would be left.

        Raises:
            CommandError: above `maxmemory` there is none for the script.
        """
        if not (self._allows_oom or self._has_written):
            raise CommandError(errors.OUT_OF_MEMORY)

    def _require_of_replica(self, command: Command) -> None:
        """Refuse what a server that follows another does not run.

        Raises:
            CommandError: that is so.
        """
        replication = self._server.replication
        if replication.is_stale and not command.flags & Flag.STALE:
            raise CommandError(errors.STALE_IN_SCRIPT)
        if command.is_write and replication.is_read_only:
            raise CommandError(errors.READ_ONLY)

    def may_call(self, argv: tuple[bytes, ...]) -> bool | None:
        """Answer redis.acl_check_cmd: say whether the script's caller may do something.

        Returns:
            None where there is no such command. What speaks against it in any script,
            or its number of words, does not count.
        """
        command = find_command(list(argv))
        if command is None:
            return None
        return self._access.may_call(self.session, command, list(argv))

    def _is_admitted(self, command: Command) -> bool:
        """Say whether DEBUG SET-DISABLE-DENY-SCRIPTS lets scripts call a command."""
        container = command.name.partition("|")[0]
        return self._server.admits_debugging_scripts and container in _DEBUGGING

    def _note_secrets(self, argv: Argv, *, is_known: bool) -> None:
        """Have what may be passwords left out of the script's record."""
        name = argv[0].upper()
        if carries_secrets(name) or (not is_known and is_like_carrier(name)):
            self._outbox.secrets.note(self._context.unit, argv, is_known=is_known)


def _without(flags: Flag) -> dict[bytes, Command]:
    """Return the commands that have none of some flags, by the names of LOOKUP.

    Those that may have a password in them are not there: they are looked at each time.
    """
    return {
        name: found
        for name, found in LOOKUP.items()
        if not (found.flags & flags or carries_secrets(name.upper()))
    }
