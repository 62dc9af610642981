"""Client tracking: clients that cache what they read are told when it changes.

    default     reads of a tracking client -> table: key -> clients
                touch of a key in it -> notice to each, who are then forgotten
    BCAST       touch of a key with a prefix -> noted, and told at the end of the turn,
                all keys of a prefix in one notice, in order
    a database loses all keys -> a notice without keys: all that was cached is void
    more keys in the table than `tracking-table-max-keys` -> the oldest are forgotten
                before the next command, with a notice

A client that changes keys itself is told behind the reply, that of its EXEC or script.

A notice is a push in RESP3. A RESP2 client redirects it to another connection, which
listens to the channel `__redis__:invalidate`. Keys are noted without their database, as
in Redis: a key of the same name in another database invalidates it too.

Source: Redis 7.2; see tests/parity/test_tracking.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from joblog.app.engine.observers import UNSEEN_BY_WATCH
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode
from joblog.app.reply import RESP3, Push
from joblog.app.state.alarm import TRACKING
from joblog.app.table.table import Command, Flag

if TYPE_CHECKING:
    from joblog.app.engine.observers import Observers
    from joblog.app.engine.outbox import Outbox
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.state.tracking_modes import TrackingMode
    from joblog.app.words import Argv

INVALIDATE_CHANNEL: Final = b"__redis__:invalidate"
_EXPIRIES: Final = (b"expired", b"hexpired")
_EVICTED_AT_ONCE: Final = 100


class Tracking:
    """Who has cached what.

    Attributes:
        clients: the tracking clients, in the order in which they began.
        table: key -> clients that have read it since they were last told.
        changed: prefix -> the keys to tell of, and the client that changed each last.
    """

    def __init__(self, context: Context, observers: Observers, outbox: Outbox) -> None:
        """Make the tracking of an engine; no client is tracked yet.

        Args:
            context: the engine's.
            observers: tell of changes.
            outbox: where notices go.
        """
        self._context = context
        self._observers = observers
        self._outbox = outbox
        self.clients: dict[Session, None] = {}
        self.table: dict[bytes, dict[Session, None]] = {}
        self.changed: dict[bytes, dict[bytes, int]] = {}
        self._is_void = False
        self._evictions = 0
        self._prefixes: dict[bytes, dict[Session, None]] = {}

    @property
    def items(self) -> int:
        """How many notes of a key and a client there are."""
        return sum(map(len, self.table.values()))

    @property
    def prefixes(self) -> int:
        """How many prefixes are broadcast."""
        return len(self._prefixes)

    # --- clients -------------------------------------------------------------------

    def start(self, session: Session, mode: TrackingMode) -> None:
        """Track a client, or go on with another mode; prefixes add to what there is."""
        if session.tracking is not None:
            mode.prefixes = session.tracking.prefixes | mode.prefixes
        for prefix in mode.prefixes:
            self._prefixes.setdefault(prefix, {})[session] = None
        if not self.clients:
            self._observers.add_observer(self._note_change, self._note_replaced)
        self.clients[session] = None
        self._set(session, mode)

    def stop(self, session: Session) -> None:
        """Track a client no longer."""
        if session.tracking is None:
            return
        for prefix in session.tracking.prefixes:
            sessions = self._prefixes[prefix]
            del sessions[session]
            if not sessions:
                del self._prefixes[prefix]
        del self.clients[session]
        if not self.clients:
            # Notes of clients that track no longer stay until their keys change.
            self.table.clear()
            self._observers.remove_observer(self._note_change, self._note_replaced)
        self._set(session, None)

    def _set(self, session: Session, mode: TrackingMode | None) -> None:
        session.tracking = mode
        session.update_special()
        self._context.server.alarm.note(TRACKING, holds=bool(self.clients))

    # --- reads ---------------------------------------------------------------------

    def note_command(
        self, session: Session | None, command: Command, argv: Argv
    ) -> None:
        """Note the keys that a client has just read; tell whom a flush concerns.

        Args:
            session: the client that gave the command, or runs the script that did.
            command: the command, which has run.
            argv: the same, with its arguments.
        """
        if self._is_void:
            self._tell_void()
        if session is None or session.tracking is None:
            return
        if (
            command.flags & Flag.READONLY
            and session.tracking.notes_reads
            and command.group != "scripting"  # what it calls is noted itself
        ):
            try:
                positions = command.key_positions(argv)
            except CommandError:
                return  # its handler has said what is wrong
            for position in positions:
                self.table.setdefault(argv[position], {})[session] = None

    def end_caching(self, session: Session, command: Command | None) -> None:
        """Let what CLIENT CACHING said end with the next command, be it refused."""
        mode = session.tracking
        if mode is not None and session.queued is None:
            is_about_client = command is not None and command.name.startswith("client")
            mode.is_caching = mode.is_caching and is_about_client

    def evict(self) -> None:
        """Forget the oldest keys, with a notice, where there are too many.

        It is called before each command, and forgets some keys only; more each time,
        while there are still too many.
        """
        keys_max = self._context.server.config.tracking_table_max_keys
        excess = len(self.table) - keys_max if keys_max else 0
        if excess <= 0:
            self._evictions = 0
            return
        self._evictions += 1
        outbox = self._outbox
        behind, outbox.own_pushes = outbox.own_pushes, []
        oldest = islice(self.table, min(excess, _EVICTED_AT_ONCE * self._evictions))
        for key in list(oldest):
            self._invalidate(key)
        outbox.early_pushes += outbox.own_pushes
        outbox.own_pushes = behind

    # --- changes -------------------------------------------------------------------

    def _note_change(self, _: Database, key: bytes, event: bytes) -> None:
        if event in UNSEEN_BY_WATCH:
            return
        context, running = self._context, self._outbox.running
        by = met_by = context.session.id
        if event == b"evicted":
            by = met_by = 0  # it happens before somebody's command, to nobody's ends
        elif event in _EXPIRIES:
            # Nobody changes what expires; only that whoever met it knows already.
            by, met_by = 0, 0 if running is None else running.id
        elif context.scripts.is_running:
            by = 0  # a broadcast tells a client also of what its own script changed
        if key in self.table:
            self._invalidate(key, met_by)
        for prefix in self._prefixes:
            if key.startswith(prefix):
                self.changed.setdefault(prefix, {})[key] = by
                self._outbox.is_broadcast_due = True

    def _note_replaced(self, _: Database, other: Database | None) -> None:
        if other is None:
            self._is_void = True

    def _invalidate(self, key: bytes, by: int = 0) -> None:
        for session in self.table.pop(key):
            mode = session.tracking
            if mode is None or mode.is_broadcasting:
                continue
            if not (mode.is_without_own and session.id == by):
                self._tell(session, mode, [key])

    def finish_turn(self) -> None:
        """Tell of what is told once in a turn; the driver calls it at its end."""
        changed, self.changed = self.changed, {}
        self._outbox.is_broadcast_due = False
        for prefix in sorted(changed):
            keys = changed[prefix]
            for session in self._prefixes.get(prefix, ()):
                mode = session.tracking
                assert mode is not None, "a client with a prefix is tracked"
                told = sorted(keys)
                if mode.is_without_own:
                    told = [key for key in told if keys[key] != session.id]
                if told:
                    self._tell(session, mode, told)

    def _tell_void(self) -> None:
        self._is_void = False
        self.table.clear()
        for session in list(self.clients):
            if session.tracking is not None:
                self._tell(session, session.tracking, None)

    def _tell(
        self, session: Session, mode: TrackingMode, keys: list[bytes] | None
    ) -> None:
        push = self._outbox.push
        target: Session | None = session
        if mode.redirect:
            target = self._context.server.sessions.get(mode.redirect)
        if target is None:
            mode.is_broken = True
            if session.resp == RESP3:
                broken = Push([b"tracking-redir-broken", mode.redirect])
                push(session, encode(broken, RESP3))
        elif target.resp == RESP3:
            push(target, encode(Push([b"invalidate", keys]), RESP3))
        elif mode.redirect and target.subscriptions is not None:
            message = [b"message", INVALIDATE_CHANNEL, keys]
            push(target, encode(message, target.resp))
