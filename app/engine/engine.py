"""The engine: from a session and an argv to a reply, with the effects set aside.

It owns the keyspace and all that commands may change. What it has for others gathers in
its outbox, which whoever drives the engine takes away: entries are appended to the log
before the replies go.
"""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app import clock
from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.engine.access import Access
from joblog.app.engine.access_records import AccessRecords
from joblog.app.engine.blocking import Blocking
from joblog.app.engine.candidates import Candidates
from joblog.app.engine.client_limit import ClientLimit
from joblog.app.engine.clients import Clients
from joblog.app.engine.functions import Functions
from joblog.app.engine.guards import HTTP_WORDS, Guards
from joblog.app.engine.memory_limit import MemoryLimit
from joblog.app.engine.monitors import Monitors
from joblog.app.engine.notifications import Notifications
from joblog.app.engine.observers import Observers
from joblog.app.engine.outbox import Outbox
from joblog.app.engine.pause import Pause
from joblog.app.engine.pubsub import PubSub
from joblog.app.engine.revocations import Revocations
from joblog.app.engine.rows import ROW_MOST, Rows, failure
from joblog.app.engine.script_commands import ScriptCommands
from joblog.app.engine.scripts import Scripts
from joblog.app.engine.shown_commands import ShownCommands
from joblog.app.engine.slow_commands import SlowCommands
from joblog.app.engine.tracking import Tracking
from joblog.app.engine.transactions import Transactions
from joblog.app.engine.upkeep import Upkeep
from joblog.app.engine.uses import Uses
from joblog.app.engine.visits import Visits
from joblog.app.errors import CommandError
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.protocol.encoder import encode, join
from joblog.app.reply import BLOCKED, POSTPONED, is_long
from joblog.app.state.context import Context
from joblog.app.state.server_state import ServerState
from joblog.app.state.visits import is_of_present
from joblog.app.table.table import LOOKUP, Command, require_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

_BLOCKED: Final = BLOCKED  # what is Final is found without a look at a table


class Engine:
    """Applies commands, one after the other.

    Its parts know what they are given, and not the engine; handlers reach them as
    `joblog.app.state.engine_parts` says.

    Attributes:
        keyspace: all databases.
        server: settings, statistics and clients.
        context: what handlers are given.
        outbox: what the driver of the engine takes away.
        slice_ns, slice_bytes: a batch that takes or answers more is cut.
    """

    def __init__(
        self,
        config: Config,
        keyspace: Keyspace | None = None,
        now_ms: Callable[[], int] = clock.now_ms,
        steady_ms: Callable[[], int] | None = None,
        now_ns: Callable[[], int] = perf_counter_ns,
    ) -> None:
        """Make an engine over an empty keyspace, or over one that was recovered.

        Args:
            config: the settings.
            keyspace: what was recovered, or None.
            now_ms: the wall clock, which deadlines and records go by.
            steady_ms: one that nobody sets, which those who wait go by; without it that
                is `now_ms` too.
            now_ns: one that tells how long commands take.
        """
        self.keyspace = keyspace or Keyspace(config.databases)
        self.server = ServerState(config, now_ms, steady_ms or now_ms)
        self.context = Context(self.keyspace, self.server, self)
        self._alarm = self.server.alarm
        self.slice_ns: int = 1 << 60  # never
        self.slice_bytes: int = 1 << 60
        self._now_ns = now_ns  # faster than to look for a global each time
        self._spent_ns = 0
        self._make_parts(self.context, now_ns)
        self._make_keepers(self.context)
        self.keyspace.on_expired = self.outbox.record_expired
        self.context.read_clock()

    def _make_parts(self, context: Context, now_ns: Callable[[], int]) -> None:
        """Make each part from those that it needs; none knows one that comes later."""
        self.outbox = outbox = Outbox(context)
        self.observers = observers = Observers(self.keyspace)
        self.access = access = Access(self.server, AccessRecords(context, outbox))
        self.clients = Clients(context, outbox, access)
        self.revocations = Revocations(self.server, outbox, access, self.clients)
        self.pubsub = PubSub(outbox)
        self.notifications = Notifications(context, observers, self.pubsub)
        self.tracking = Tracking(context, observers, outbox)
        self.uses = Uses(context, observers)
        self.functions = Functions(context)
        shown = ShownCommands(context, self.functions)
        self.slow_commands = SlowCommands(context, shown)
        self.rows = Rows(context, outbox, self.slow_commands)
        self.monitors = Monitors(context, outbox, shown)
        tellers = self.notifications, self.tracking, self.monitors, self.uses
        script_commands = ScriptCommands(
            context, outbox, access, self.slow_commands, *tellers
        )
        self.scripts = context.scripts = Scripts(context, outbox, script_commands)
        self.pause = Pause(context, outbox)
        self.blocking = Blocking(
            context, observers, outbox, access, self.clients, self.slow_commands
        )
        self.scripts.on_abandoned.append(self.blocking.forget_ready)
        ways = self.pause, self.scripts, self.call_told, now_ns
        self.transactions = Transactions(context, observers, outbox, access, *ways)
        self.visits = Visits(outbox, self.blocking, access, self.server.users)
        on_gone = self.clients.on_gone
        on_gone += [self.transactions.discard, self.blocking.forget]
        on_gone += [self.pubsub.forget, self.tracking.stop, self.monitors.remove]

    def _make_keepers(self, context: Context) -> None:
        """Make the parts that keep what there is within bounds."""
        outbox = self.outbox
        candidates = Candidates(context, self.uses)
        self.memory_limit = MemoryLimit(
            context, outbox, self.pause, self.uses, candidates
        )
        self.guards = Guards(
            context,
            self.access,
            self.pause,
            self.functions,
            self.transactions,
            self.tracking,
            self.monitors,
            self.memory_limit,
        )
        self.upkeep = Upkeep(
            context,
            outbox,
            self.pause,
            self.blocking,
            self.tracking,
            self.uses,
            self.memory_limit,
            ClientLimit(context, self.clients),
        )

    def run(self, session: Session, commands: list[Argv]) -> bytes:
        """Run a batch and return its replies.

        What did not run is then in the outbox (`rest`), or postponed with the session.
        """
        if session.past is not None and not (
            len(commands) == 1 and is_of_present(commands[0], session.past)
        ):
            return self.visits.run(session, commands, self.run)
        if session.unsent is not None:
            return self.outbox.go_on(session, commands, self.slice_bytes)
        self.context.session = session
        return self._run_commands(session, commands)

    def _run_commands(self, session: Session, commands: list[Argv]) -> bytes:
        context, outbox, rows = self.context, self.outbox, self.rows
        interrupted, outbox.running = outbox.running, session
        replies: list[bytes] = []
        ran = size = self._spent_ns = 0
        most, argv = self.slice_bytes, session.last_words
        while ran < len(commands) and not (ran and session.is_closing):
            if self._spent_ns > self.slice_ns or size > most:
                outbox.leave(session, commands[ran:])
                break
            argv = commands[ran]
            command = self._find_open(session, argv)
            if command is None:
                reply = self.execute(session, argv)
            else:
                if len(commands) > 1 and rows.may_run(session, command, argv):
                    row = commands[ran : ran + ROW_MOST]
                    size += rows.call(session, command, row, replies, most)
                    ran += rows.ran
                    self._spent_ns += rows.spent_ns
                    continue
                reply = self.call(session, command, argv)
            if session.is_special or session.has_news:
                if reply is POSTPONED or reply is BLOCKED:
                    outbox.put_off(session, commands, argv)
                    break
                data = outbox.what_is_sent(session, reply, most)
                if session.held_ms:
                    size = most + 1  # nothing more of it runs now
            elif isinstance(reply, list) and is_long(reply):
                data = outbox.begin_long(session, reply, most)
            else:
                data = encode(reply, session.resp)
            replies.append(data)
            size += len(data)
            ran += 1
        else:
            outbox.leave(session, [])  # of a long reply there may be more
        outbox.running = interrupted
        session.note_end(argv, context.steady_ms)
        return replies[0] if len(replies) == 1 else join(replies)

    def _find_open(self, session: Session, argv: Argv) -> Command | None:
        """Return the command that a client calls where nothing speaks against it.

        Its database is then the one that the handler works on.
        """
        self.context.db = session.db
        command = LOOKUP.get(argv[0])
        if (
            command is None
            or session.is_special
            or self._alarm.is_on
            or not command.least <= len(argv) <= command.most
        ):
            return None
        gate = session.gate
        return command if gate is None or gate.opens(command, argv) else None

    def execute(self, session: Session, argv: Argv) -> Any:
        """Run one command of a client and return its reply; errors are replies too.

        It looks at everything that may speak against the command; `run` comes here
        only where something may.
        """
        try:
            command = require_command(argv)
        except CommandError as error:
            if argv[0].upper() in HTTP_WORDS:
                return self.guards.turn_away(session)
            return self.guards.reject(session, error.with_traceback(None), argv)
        tracking = self.tracking
        if tracking.clients:
            tracking.evict()
        refusal = self.guards.refuse(session, command, argv)
        if refusal is not None:
            return refusal
        self.context.db = session.db
        reply = self.call_told(session, command, argv)
        if tracking.clients:
            tracking.end_caching(session, command)
        return reply

    def call_told(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run one command as `call` does, and tell of it who wants to know."""
        if self.notifications.wants_misses:
            self.notifications.note_misses(session.db, command, argv)
        if self.uses.is_on:
            self.uses.note(session, session.db, command, argv)
        if self.server.monitors:
            reply = self.monitors.call(session, command, argv, self.call)
        else:
            reply = self.call(session, command, argv)
        if self.tracking.clients:
            self.tracking.note_command(session, command, argv)
        return reply

    def call(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run one command that nothing speaks against, and set its effects aside."""
        context, slow_commands = self.context, self.slow_commands
        keyspace = self.keyspace
        changes = keyspace.changes
        hits, misses = keyspace.hits, keyspace.misses
        counts = self.server.counts[command.number]
        started = self._now_ns()
        try:
            reply = command.apply(context, argv)
        except (CommandError, MemoryError) as error:
            has_changed = keyspace.changes != changes
            reply = failure(context, command, counts, argv, error, has_changed)
        if keyspace.changes != changes:
            self.outbox.record(session, argv)
        elif context.effects is not None:
            context.effects = None
        if not command.is_reading:
            keyspace.hits, keyspace.misses = hits, misses
        elapsed = self._now_ns() - started
        counts.nanoseconds += elapsed
        if reply is not _BLOCKED:  # who waits is counted at the end
            counts.calls += 1
            if slow_commands.is_timing:
                counts.note_delays(elapsed, 1)
        self._spent_ns += elapsed
        if self.outbox.untimed is not None:
            self.outbox.tell_time(elapsed)
        if elapsed > slow_commands.above_ns or self.blocking.ready:
            self._look_back(session, command, argv, elapsed)
        return reply

    def _look_back(
        self, session: Session, command: Command, argv: Argv, elapsed: int
    ) -> None:
        """Look at a command that took long, or that has something for who waits."""
        is_outermost = self.context.unit is None
        if elapsed > self.slow_commands.above_ns:
            if is_outermost:
                self.context.read_clock()
            self.slow_commands.note(session, command, argv, elapsed)
        if is_outermost:
            self.blocking.serve()

    def adopt(self, keyspace: Keyspace) -> None:
        """Take a keyspace in place of the one there is: what a fold recovered."""
        keyspace.on_new = self.keyspace.on_new
        keyspace.freeing = self.keyspace.freeing
        keyspace.counted_besides += self.keyspace.count_changes()
        if self.keyspace.databases[0].opened is not None:
            keyspace.pack_hashes()
        self.keyspace = keyspace
        self.context.keyspace = keyspace
        self.context.db = keyspace.databases[0]
        keyspace.on_expired = self.outbox.record_expired
        keyspace.hits = keyspace.misses = 0
        self.observers.attach(keyspace)
        for session in self.server.sessions.values():
            session.db = keyspace.databases[session.db.index]
        self.context.read_clock()
