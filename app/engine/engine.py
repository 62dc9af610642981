"""The engine: from a session and an argv to a reply, with the effects set aside.

It owns the keyspace and all that commands may change. Effects gather in `entries`,
which whoever drives the engine takes away and appends to the log, before it lets the
replies go.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from joblog.app import clock, errors
from joblog.app.clock import NEAR_MS
from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.engine.access import Access
from joblog.app.engine.blocking import Blocking
from joblog.app.engine.effects import Entry, Unit, client_note, record_expired
from joblog.app.engine.functions import Functions
from joblog.app.engine.guards import HTTP_WORDS, SLOW_NS, Guards
from joblog.app.engine.notifications import Notifications
from joblog.app.engine.observers import Observers
from joblog.app.engine.pause import Pause
from joblog.app.engine.pubsub import PubSub
from joblog.app.engine.redaction import Secrets, redact
from joblog.app.engine.scripts import Scripts
from joblog.app.engine.tracking import Tracking
from joblog.app.engine.transactions import Transactions
from joblog.app.engine.upkeep import heed_memory_settings, look_after
from joblog.app.engine.visits import run_in_past
from joblog.app.errors import CommandError
from joblog.app.keyspace.keyspace import Keyspace
from joblog.app.protocol.encoder import encode, join
from joblog.app.reply import BLOCKED, POSTPONED
from joblog.app.state.context import Argv, Context, Session
from joblog.app.state.server_state import ServerState
from joblog.app.state.visits import is_of_present
from joblog.app.table.table import LOOKUP, Command, Flag, require_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config
    from joblog.app.state.inquiries import Inquiry

_now_ns: Final = perf_counter_ns
_BLOCKED: Final = BLOCKED  # what is Final is found without a look at a table


class Engine:
    """Applies commands, one after the other.

    Attributes:
        keyspace: all databases.
        server: settings, statistics and clients.
        entries: what is to be appended to the log, in order. Its driver empties it.
        pushes: what to send to clients besides replies: (client id, bytes), in order.
            Its driver empties it.
        closings: ids of clients to disconnect. Its driver empties it.
        is_recording: False while the server keeps no log.
        is_check_due: the log is to be folded and compared (DEBUG RELOAD); the driver
            does it and sets this back.
        is_log_synced: tells whether all that was appended is durable.
        is_watchful: whether any guard has reason to look at every command.
        unit: gathers the effects of the EXEC or the script under way, or None.
        running: the client whose batch runs, or None.
        secrets: the passwords that scripts gave to commands.
        inquiries: what clients ask of the log on disk. Its driver empties it, and calls
            `blocking.retry` once there is an answer.
        log_facts: tells how far the log goes, what is not appended yet included; None
            while the server keeps no log.
        slow_above_ns: a command that takes longer may be slow; see `guards`.
        is_timing: whether delays are counted (`latency-tracking`); is_timing_all:
            whether a command is slow already where most take less than that.
        slice_ns, slice_bytes: a batch that takes or answers more is cut.
        rest: what is left of it then, or None. Its driver takes it.
        is_resuming: whether clients whose batches wait may go on (CLIENT PAUSE); the
            driver runs what is left of their batches, and sets it back.
    """

    rest: list[Argv] | None = None

    def __init__(
        self,
        config: Config,
        keyspace: Keyspace | None = None,
        now_ms: Callable[[], int] = clock.now_ms,
        steady_ms: Callable[[], int] | None = None,
    ) -> None:
        """Make an engine over an empty keyspace, or over one that was recovered.

        Args:
            config: the settings.
            keyspace: what was recovered, or None.
            now_ms: the wall clock, which deadlines and records go by.
            steady_ms: one that nobody sets, which those who wait go by; without it that
                is `now_ms` too.
        """
        self.keyspace = keyspace or Keyspace(config.databases)
        self._now_ms, self._steady_ms = now_ms, steady_ms or now_ms
        self.server = ServerState(config, now_ms, self._steady_ms)
        self.context = Context(self.keyspace, self.server, self)
        self.entries: list[Entry] = []
        self.pushes: list[tuple[int, bytes]] = []
        self.closings: list[int] = []
        self.inquiries: list[Inquiry] = []
        self.log_facts: Callable[[], dict[str, int | bytes]] | None = None
        self.is_recording = True
        self.is_log_synced: Callable[[], bool] = lambda: False
        self.is_check_due = self.is_watchful = self.is_resuming = False
        self.unit: Unit | None = None
        self.secrets = Secrets()
        self.slice_ns = self.slice_bytes = 1 << 60  # never
        self.access = Access(self.server)
        self.pause, self.guards = Pause(self), Guards(self)
        self.scripts = self.context.scripts = Scripts(self)
        self.functions = Functions(self)
        self._look_above_ns = self.slow_above_ns = self._spent_ns = 0
        self.is_timing = self.is_timing_all = False
        self._choose_look_above()
        config.on_change(
            self._choose_look_above,
            "slowlog_log_slower_than",
            "latency_monitor_threshold",
            "latency_tracking",
        )
        heed_memory_settings(self)
        self.observers = Observers(self.keyspace)
        self.transactions = Transactions(self)
        self.blocking = Blocking(self)
        self.pubsub = PubSub(self)
        self.running: Session | None = None
        self.own_pushes: list[bytes] = []
        self.tracking = Tracking(self)
        self.notifications = Notifications(self)
        self.notifications.choose()
        self.keyspace.on_expired = partial(record_expired, self)
        self.read_clock()

    def read_clock(self) -> None:
        """Let the time go on; it stands still between two calls.

        The driver calls it before it runs batches; a slow command does after it ran.
        """
        now_ms, steady_ms = self._now_ms(), self._steady_ms()
        jumps = self.server.jumps
        if not -NEAR_MS <= now_ms - steady_ms - jumps.ahead_ms <= NEAR_MS:
            jumps.look()
        if self.keyspace.is_expiring or now_ms > self.keyspace.now_ms:
            # What a pause hides stays hidden, also where the clock is set back.
            self.keyspace.now_ms = now_ms
        self.context.now_ms = now_ms
        self.context.steady_ms = steady_ms

    def run(self, session: Session, commands: list[Argv]) -> bytes:
        """Run a batch, but for what `rest` or `postponed` has then; return replies."""
        if session.past is not None and not (
            len(commands) == 1 and is_of_present(commands[0])
        ):
            return run_in_past(self, session, commands)
        context = self.context
        context.session = session
        interrupted, self.running = self.running, session
        replies: list[bytes] = []
        size = self._spent_ns = 0
        for argv in commands:
            command = LOOKUP.get(argv[0])
            if (
                command is None
                or session.is_special
                or self.is_watchful
                or not command.least <= len(argv) <= command.most
            ):
                reply = self.execute(session, argv)
            else:
                context.db = session.db
                reply = self.call(session, command, argv)
            if session.is_special or session.has_news:
                session.has_news = False
                if reply is POSTPONED or reply is BLOCKED:
                    self.tracking.put_off(session, commands, argv)
                    break
                data = self.guards.what_is_sent(session, reply)
            else:
                data = encode(reply, session.resp)
            replies.append(data)
            if session.is_closing:
                break
            size += len(data)
            if self._spent_ns > self.slice_ns or size > self.slice_bytes:
                self.rest = commands[len(replies) :] or None
                break
        self.running = interrupted
        session.last_ms = context.steady_ms
        session.note_words(argv if commands else session.last_words)
        return replies[0] if len(replies) == 1 else join(replies)

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
        if self.notifications.wants_misses:
            self.notifications.note_misses(session.db, command, argv)
        call = self.guards.call_shown if self.server.monitors else self.call
        reply = call(session, command, argv)
        if tracking.clients:
            tracking.note_command(session, command, argv)
            tracking.end_caching(session, command)
        return reply

    def call(self, session: Session, command: Command, argv: Argv) -> Any:
        """Run one command that nothing speaks against, and set its effects aside."""
        context = self.context
        keyspace = self.keyspace
        changes = keyspace.changes
        hits, misses = keyspace.hits, keyspace.misses
        counts = self.server.counts[command.number]
        started = _now_ns()
        try:
            reply = command.apply(context, argv)
        except CommandError as error:
            # A traceback would hold this frame, and the frame the error: a circle.
            reply = error.with_traceback(None)
            counts.failed += 1
            self.guards.note_failure(error, argv)
        except MemoryError:
            if not command.flags & Flag.READONLY or keyspace.changes != changes:
                raise  # memory may be other than the log says
            reply = CommandError(errors.NO_MEMORY)
            counts.failed += 1
            self.guards.note_failure(reply, argv)
        if keyspace.changes != changes:
            self.record(session, argv)
        elif context.effects is not None:
            context.effects = None
        if not command.is_reading:
            keyspace.hits, keyspace.misses = hits, misses
        elapsed = _now_ns() - started
        counts.nanoseconds += elapsed
        if reply is not _BLOCKED:  # who waits is counted at the end
            counts.calls += 1
            if self.is_timing:
                counts.note_delay(elapsed)
        self._spent_ns += elapsed
        if elapsed > self._look_above_ns:
            self._look_after(session, command, argv, elapsed)
        return reply

    def look_after_command(self) -> None:
        """Look at the command that runs once it has ended: it wakes waiters."""
        self._look_above_ns = -1

    def serve_waiters(self) -> None:
        """Serve those who wait for what is ready; see `joblog.app.engine.blocking`."""
        self.blocking.serve()
        if not self.blocking.ready:
            self._look_above_ns = self._rest_above_ns

    def _look_after(
        self, session: Session, command: Command, argv: Argv, elapsed: int
    ) -> None:
        if elapsed > self.slow_above_ns:
            if self.unit is None:
                self.read_clock()
            self.guards.note_slow(session, command, argv, elapsed)
        if self.unit is None:
            self.serve_waiters()

    def adopt(self, keyspace: Keyspace) -> None:
        """Take a keyspace in place of the one there is: what a fold recovered."""
        keyspace.on_new = self.keyspace.on_new
        keyspace.freeing = self.keyspace.freeing
        keyspace.counted_besides += self.keyspace.count_changes()
        self.keyspace = keyspace
        self.context.keyspace = keyspace
        self.context.db = keyspace.databases[0]
        keyspace.on_expired = partial(record_expired, self)
        keyspace.hits = keyspace.misses = 0
        self.observers.attach(keyspace)
        for session in self.server.sessions.values():
            session.db = keyspace.databases[session.db.index]
        self.read_clock()

    def cron(self, limit: int) -> None:
        """Do what is due some ten times a second; see `upkeep.look_after`."""
        if not self.scripts.is_running:
            look_after(self, limit)

    def _choose_look_above(self) -> None:
        """Note from how long on a command is looked at, by what the settings ask."""
        self.slow_above_ns = self.guards.slow_above_ns()
        self.is_timing_all = self.slow_above_ns < SLOW_NS
        self.is_timing = self.server.config.latency_tracking
        self._rest_above_ns = self._look_above_ns = self.slow_above_ns

    def is_durable(self) -> bool:
        """Say whether all that was written so far is surely durable."""
        return not self.entries and self.is_log_synced()

    def record(self, session: Session, argv: Argv) -> None:
        """Set aside the effects of a command that has just run for a client."""
        context = self.context
        effects = context.effects
        if not self.is_recording:
            context.effects = None
        elif self.unit is not None:
            context.effects = None
            self.unit.add(context.db.index, [argv] if effects is None else effects)
        else:
            if not session.is_described:
                self.describe(session)
            origin: Any = session.id
            if effects is None:
                effects = [argv]
            else:
                context.effects = None
                if not effects:
                    return  # a unit, whose record is there already
                origin = [session.id, redact(argv), None]
            self.entries.append((context.now_ms, context.db.index, effects, origin))

    def record_unit(
        self, session: Session, unit: Unit, argv: Argv, note: dict[str, Any] | None
    ) -> None:
        """Record what an EXEC or a script did, as one; call it inside of its handler.

        Args:
            session: the client.
            unit: the effects; without any there is no record.
            argv: the command that ran the unit.
            note: what people want to know of it (see `joblog.storage.notes`), or None.
        """
        self.context.effects = []
        if unit.db is not None and self.is_recording:
            if not session.is_described:
                self.describe(session)
            origin = [session.id, argv, note]
            if unit is self.secrets.unit:
                origin = [session.id, *self.secrets.blot(unit, [argv, note])]
            self.entries.append((self.context.now_ms, unit.db, unit.effects, origin))

    def describe(self, session: Session) -> None:
        """Record once who a client is, before its first write."""
        session.is_described = True
        self.note(session, client_note(session))

    def note(self, session: Session, note: dict[str, Any]) -> None:
        """Record what people want to know, with nothing changed."""
        origin = [session.id, None, note]
        self.entries.append((self.context.now_ms, session.db.index, [], origin))

    def open_session(self, client_id: int, **known: Any) -> Session:
        """Make the session of a client that has just connected."""
        database = self.keyspace.databases[0]
        session = Session(client_id, database, steady_ms=self._steady_ms(), **known)
        self.access.begin(session)
        self.server.sessions[client_id] = session
        self.server.statistics["total_connections_received"] += 1
        return session

    def close_session(self, session: Session) -> None:
        """Forget a client that is gone."""
        self.server.sessions.pop(session.id, None)
        session.past = None
        self.transactions.discard(session)
        self.blocking.forget(session)
        self.pubsub.forget(session)
        self.tracking.stop(session)
        self.guards.stop_monitoring(session)
        session.let_go()

    def push(self, session: Session, data: bytes) -> None:
        """Send a client something besides its replies, behind the one under way."""
        if session is self.running:
            self.own_pushes.append(data)
            session.has_news = True
        else:
            self.pushes.append((session.id, data))

    def disconnect(self, session: Session) -> None:
        """Close a client's connection and forget the client, at once."""
        self.closings.append(session.id)
        self.close_session(session)
