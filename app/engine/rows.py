"""Rows: commands of one kind, one behind the other, as most pipelines are.

    SET a 1, SET b 2, SET c 3     -> a row of three
    LPUSH q x, HSET h f v         -> two rows of one

`Engine.call` runs one command: it looks at the clock before and after it, and counts
it, its time and its hits. For a row that is done once. The handlers are the very same,
and so are records and replies: each command has its own.

`joblog.app.table.table` says which commands may stand in rows: they are quick, work on
keys, and change nothing that the next command would have to ask for. The engine runs no
rows where somebody wants to know of each command or key: see `Rows.may_run`.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, final

from librt.strings import BytesWriter

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.protocol.writing import write_reply
from joblog.app.reply import is_long
from joblog.app.table.table import Flag

if TYPE_CHECKING:
    from joblog.app.engine.outbox import Outbox
    from joblog.app.engine.slow_commands import SlowCommands
    from joblog.app.state.context import Context
    from joblog.app.state.server_state import CallCounts
    from joblog.app.state.session import Session
    from joblog.app.table.table import Command
    from joblog.app.users.gate import KeyRule
    from joblog.app.words import Argv

ROW_MOST: Final = 64
"""So many commands at the most: then the engine looks whether others have to run."""

_WORDS_MOST: Final = 16
"""Calls of more words may take long each; their time is counted one by one."""


@final
class Rows:
    """Runs commands of one kind in a row.

    Attributes:
        ran: how many commands the last row had.
        spent_ns: how long it took.
    """

    __slots__ = ("_context", "_now_ns", "_outbox", "_slow_commands", "ran", "spent_ns")

    def __init__(
        self, context: Context, outbox: Outbox, slow_commands: SlowCommands
    ) -> None:
        """Run rows for an engine."""
        self._context = context
        self._outbox = outbox
        self._slow_commands = slow_commands
        self._now_ns = perf_counter_ns
        self.ran = self.spent_ns = 0

    def may_run(self, session: Session, command: Command, argv: Argv) -> bool:
        """Say whether a command may stand in a row that a client has sent.

        Not where a key that changes is told to somebody at once (who waits for it, has
        watched it, or listens), nor where any command may be slow enough to be noted.
        """
        return (
            command.is_in_rows
            and len(argv) <= _WORDS_MOST
            and not session.db.is_observed
            and not self._slow_commands.is_timing_all
        )

    def call(
        self,
        session: Session,
        command: Command,
        commands: list[Argv],
        replies: list[bytes],
        bytes_max: int,
    ) -> int:
        """Run the row at the front of some commands.

        Args:
            session: the client.
            command: what the row is of; nothing speaks against it.
            commands: those of the batch that have not run.
            replies: gets the encoded replies to those of the row.
            bytes_max: no command runs behind so many bytes of replies.

        Returns:
            How many bytes of replies there are.
        """
        context, outbox = self._context, self._outbox
        keyspace = context.keyspace
        rule = None if session.gate is None else session.gate.rule_of(command)
        hits, misses = keyspace.hits, keyspace.misses
        counts = context.server.counts[command.number]
        is_own_effect = session.is_described and context.server.is_recording
        entries, index = outbox.entries, context.db.index
        # Objects, so that they are not made anew for each entry.
        at_ms: Any = context.now_ms
        client_id: Any = session.id
        name, words = commands[0][0], len(commands[0])
        ran = size = 0
        written, started = BytesWriter(), self._now_ns()
        for argv in commands:
            if argv[0] != name or len(argv) != words or shuts(rule, argv):
                break
            changes = keyspace.changes
            try:
                reply = command.apply(context, argv)
            except (CommandError, MemoryError) as error:
                has_changed = keyspace.changes != changes
                reply = failure(context, command, counts, argv, error, has_changed)
            if keyspace.changes != changes:
                if is_own_effect and context.effects is None:
                    entries.append((at_ms, index, [argv], client_id))
                else:
                    outbox.record(session, argv)
            elif context.effects is not None:
                context.effects = None
            size += self._answer(session, reply, written, replies, bytes_max)
            ran += 1
            if size + len(written) > bytes_max or session.is_closing:
                break
        replies.append(written.getvalue())
        size += len(written)
        if not command.is_reading:
            keyspace.hits, keyspace.misses = hits, misses
        self._count(session, command, commands, ran, started)
        return size

    def _answer(
        self,
        session: Session,
        reply: Any,
        written: BytesWriter,
        replies: list[bytes],
        bytes_max: int,
    ) -> int:
        """Write a reply behind others; what is long goes apart, and is not copied.

        Returns:
            How many bytes went into `replies`.
        """
        if isinstance(reply, list) and is_long(reply):
            data = self._outbox.begin_long(session, reply, bytes_max)
        else:
            data = write_reply(written, reply, session.resp)
        if not data:
            return 0
        size = len(written) + len(data)
        replies += (written.getvalue(), data)
        written.truncate(0)
        return size

    def _count(
        self,
        session: Session,
        command: Command,
        row: list[Argv],
        ran: int,
        started: int,
    ) -> None:
        """Count the commands of a row that have run, each with its part of the time."""
        elapsed = self._now_ns() - started
        self.ran, self.spent_ns = ran, elapsed
        counts = self._context.server.counts[command.number]
        counts.nanoseconds += elapsed
        counts.calls += ran
        slow_commands = self._slow_commands
        if slow_commands.is_timing:
            counts.note_delays(elapsed // ran, ran)
        if elapsed > slow_commands.above_ns:
            # Which of them it was is not known; together they are hardly ever so slow.
            self._context.read_clock()
            slow_commands.note(session, command, row[ran - 1], elapsed)


def shuts(rule: KeyRule | None, argv: Argv) -> bool:
    """Say whether the rule of a limited client leaves a command to be asked about."""
    return rule is not None and not rule.lets(argv)


def failure(
    context: Context,
    command: Command,
    counts: CallCounts,
    argv: Argv,
    error: CommandError | MemoryError,
    has_changed: bool,  # noqa: FBT001 - of a hot call
) -> CommandError:
    """Return the reply to a command that has failed, and count that.

    Raises:
        MemoryError: memory may be other than the log says.
    """
    if isinstance(error, CommandError):
        # A traceback would hold the caller's frame, and that the error: a circle.
        reply = error.with_traceback(None)
    elif not command.flags & Flag.READONLY or has_changed:
        raise error
    else:
        reply = CommandError(errors.NO_MEMORY)
    counts.failed += 1
    context.server.note_failure(reply, argv)
    return reply
