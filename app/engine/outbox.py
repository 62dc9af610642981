"""Outbox: what the engine has for others, which whoever drives it takes away.

Effects gather here as entries for the log. An entry is what the log appends:
`(at_ms, db, effects, origin)`. The origin is the client's id where the effect is the
command as it was given, or `[client id, command, note]` where it is not; see
`joblog.storage.record`. Besides there is what clients get other than replies, what they
ask of the log, and what the driver is to do.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, final

from joblog.app.engine.redaction import Secrets, redact
from joblog.app.engine.script_text import MICROSECONDS
from joblog.app.protocol.encoder import encode, encode_in_parts
from joblog.app.reply import Replies, is_long

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context
    from joblog.app.state.inquiries import Inquiry
    from joblog.app.state.script_runner import Script
    from joblog.app.state.session import Session
    from joblog.app.state.units import Unit
    from joblog.app.words import Argv

Entry = tuple[int, int, list[list[bytes]], Any]

SERVER_ID: Final = 0
"""The client id of what the server does of its own accord."""

_ALL: Final = 1 << 60


@final
class Outbox:
    """What the driver of an engine takes away.

    Attributes:
        entries: what is to be appended to the log, in order.
        pushes: what to send to clients besides replies: (client id, bytes), in order.
        early_pushes: to the running client, in front of its next reply.
        own_pushes: to the running client, behind its next reply.
        closings: ids of clients to disconnect.
        woken: (client id, encoded reply) of those who wait no longer.
        inquiries: what clients ask of the log on disk. Once there is an answer the
            driver calls `Blocking.retry`.
        rest: what is left of a batch that was cut, or None.
        running: the client whose batch runs, or None.
        secrets: the passwords that scripts gave to commands.
        untimed: the origin of a script's record that does not say yet how long it took;
            the engine, which knows, calls `tell_time`. Else None.
        discard: told of a database and effects, to undo them, where writes are only
            answered (`joblog.app.history.discarding`); else None.
        is_resuming: whether the batches that CLIENT PAUSE postponed may go on: the
            driver runs them, and sets this back.
        is_check_due: the log is to be folded and compared (DEBUG RELOAD); the driver
            does it and sets this back.
        is_timer_due: somebody waits for a time that the driver does not know of: it
            looks at `Blocking.timeouts`, and sets this back.
        is_broadcast_due: something is told at the end of the turn, with
            `Tracking.finish_turn`, which sets this back.
    """

    def __init__(self, context: Context) -> None:
        """Make the outbox of an engine; there is nothing in it."""
        self._context = context
        self.entries: list[Entry] = []
        self.pushes: list[tuple[int, bytes]] = []
        self.early_pushes: list[bytes] = []
        self.own_pushes: list[bytes] = []
        self.closings: list[int] = []
        self.woken: list[tuple[int, bytes]] = []
        self.inquiries: list[Inquiry] = []
        self.rest: list[Argv] | None = None
        self.running: Session | None = None
        self.secrets = Secrets()
        self.untimed: list[Any] | None = None
        self.discard: Callable[[int, list[Argv]], None] | None = None
        self.is_resuming = False
        self.is_check_due = False
        self.is_timer_due = False
        self.is_broadcast_due = False

    def has_news(self) -> bool:
        """Say whether there is more to do than to append entries and send replies."""
        server = self._context.server
        return bool(
            self.pushes
            or self.closings
            or self.inquiries
            or self.woken
            or self.is_timer_due
            or self.is_broadcast_due
            or self.is_resuming
            or self.is_check_due
            or server.saves.is_due
            or server.replication.is_due
            or server.stop_requested
        )

    def is_durable(self) -> bool:
        """Say whether all that was written so far is surely durable."""
        return not self.entries and self._context.server.is_log_synced()

    def ask(self, inquiry: Inquiry) -> None:
        """Have a question of a client answered."""
        self.inquiries.append(inquiry)

    def ask_for_check(self) -> None:
        """Have the log folded, and compared with memory."""
        self.is_check_due = True

    # --- batches that are cut --------------------------------------------------------

    def leave(self, session: Session, commands: list[Argv]) -> None:
        """Set aside what is left of a batch, behind what is left of a reply.

        Of a client that is held back (`Session.held_ms`) also where that is nothing:
        it may have sent what is no command behind it.
        """
        if commands or session.unsent is not None or session.held_ms:
            self.rest = commands

    def begin_long(self, session: Session, reply: list[Any], bytes_max: int) -> bytes:
        """Return the first bytes of a long array; the session has the others.

        Others have their turn between its parts, and a client that does not read has
        to before more of it is encoded.

        Args:
            session: the client.
            reply: the array, which nobody changes any more.
            bytes_max: no part begins behind so many bytes.
        """
        session.unsent = encode_in_parts(reply, session.resp)
        return self._next_parts(session, bytes_max)

    def go_on(self, session: Session, commands: list[Argv], bytes_max: int) -> bytes:
        """Return more of a long array; a batch behind it waits for its end.

        See `begin_long` for the arguments.
        """
        data = self._next_parts(session, bytes_max)
        self.leave(session, commands)
        return data

    def end_long(self, session: Session) -> bytes:
        """Return all that is left of a long array; see `begin_long`."""
        return self._next_parts(session, _ALL)

    def _next_parts(self, session: Session, bytes_max: int) -> bytes:
        parts = []
        size = 0
        assert session.unsent is not None
        try:
            for part in session.unsent:
                parts.append(part)
                size += len(part)
                if size > bytes_max:
                    break
            else:
                session.unsent = None
            return b"".join(parts)
        except MemoryError:
            # Half of a reply was sent perhaps: nothing else may follow.
            session.unsent = None
            session.is_closing = True
            return b""

    # --- records -------------------------------------------------------------------

    def record(self, session: Session, argv: Argv) -> None:
        """Set aside the effects of a command that has just run for a client."""
        context = self._context
        effects = context.effects
        unit = context.unit
        if not context.server.is_recording:
            context.effects = None
            if self.discard is not None:
                self.discard(context.db.index, [argv] if effects is None else effects)
        elif unit is not None:
            context.effects = None
            if effects is None:
                unit.add_one(context.db.index, argv)
            else:
                unit.add(context.db.index, effects)
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
            note: what people want to know of it, or None (`joblog.app.history.notes`).
        """
        context = self._context
        context.effects = []
        if unit.db is not None and context.server.is_recording:
            if not session.is_described:
                self.describe(session)
            origin = [session.id, argv, note]
            if unit is self.secrets.unit:
                origin = [session.id, *self.secrets.blot(unit, [argv, note])]
            self.untimed = origin
            self.entries.append((context.now_ms, unit.db, unit.effects, origin))
        elif unit.db is not None and self.discard is not None:
            self.discard(unit.db, unit.effects)

    def tell_time(self, nanoseconds: int) -> None:
        """Add to the record that has just been made how long its script took.

        Where there is no note, that is a number in its place: a map would cost more
        than all the rest (`joblog.storage.record`).
        """
        origin, self.untimed = self.untimed, None
        assert origin is not None
        note, microseconds = origin[2], nanoseconds // 1000
        origin[2] = (
            microseconds if note is None else {**note, MICROSECONDS: microseconds}
        )

    def record_expired(
        self, database: Database, key: bytes, fields: list[bytes]
    ) -> None:
        """Count and record that a key expired, or that fields of a hash did."""
        context = self._context
        server, unit = context.server, context.unit
        name = "expired_fields" if fields else "expired_keys"
        server.statistics[name] += len(fields) or 1
        effect = [b"HDEL", key, *fields] if fields else [b"DEL", key]
        if unit is not None:
            # In its place: an earlier effect of the unit may have brought the key here.
            unit.add(database.index, [effect])
            unit.expired += 1
        elif server.is_recording:
            origin = [SERVER_ID, None, {"kind": "expired"}]
            now_ms = context.keyspace.now_ms
            self.entries.append((now_ms, database.index, [effect], origin))

    def record_evicted(self, database: Database, key: bytes, policy: str) -> None:
        """Count and record that a key had to go for want of memory.

        Args:
            database: where it was.
            key: the key.
            policy: the setting that chose it.
        """
        context = self._context
        server = context.server
        server.statistics["evicted_keys"] += 1
        if server.is_recording:
            origin = [SERVER_ID, None, {"kind": "evicted", "policy": policy}]
            effects = [[b"DEL", key]]
            self.entries.append((context.now_ms, database.index, effects, origin))

    def describe(self, session: Session) -> None:
        """Record once who a client is, before its first write."""
        session.is_described = True
        self.note(session, client_note(session))

    def describe_script(self, session: Session, unit: Unit, script: Script) -> None:
        """Record the text of a script before the first record that comes of it."""
        if not session.is_described:
            self.describe(session)
        source = self.secrets.blot(unit, script.source)
        sha = script.sha.decode()
        self.note(session, {"kind": "script_source", "sha": sha, "source": source})

    def note(self, session: Session, note: dict[str, Any]) -> None:
        """Record what people want to know, with nothing changed."""
        if not self._context.server.is_recording:
            return
        origin = [session.id, None, note]
        self.entries.append((self._context.now_ms, session.db.index, [], origin))

    def note_of_server(self, note: dict[str, Any]) -> None:
        """Record what the server itself has to say, with nothing changed."""
        if not self._context.server.is_recording:
            return
        self.entries.append((self._context.now_ms, 0, [], [SERVER_ID, None, note]))

    # --- what clients get --------------------------------------------------------

    def push(self, session: Session, data: bytes) -> None:
        """Send a client something besides its replies, behind the one under way."""
        if session is self.running:
            self.own_pushes.append(data)
            session.has_news = True
        else:
            self.pushes.append((session.id, data))

    def what_is_sent(self, session: Session, reply: Any, bytes_max: int) -> bytes:
        """Return what to send for a reply, where it may be more or less than that.

        See `begin_long` for the arguments.
        """
        session.has_news = False
        is_withheld = session.reply_mode != "on" and session.withholds()
        if is_withheld and type(reply) is not Replies:
            data = b""
        elif isinstance(reply, list) and is_long(reply):
            data = self.begin_long(session, reply, bytes_max)
        else:
            data = encode(reply, session.resp)
        early, pushes = self.early_pushes, self.own_pushes
        if early or pushes:
            if session.unsent is not None:
                session.unsent = chain(session.unsent, pushes[:])
                pushes.clear()
            data = b"".join([*early, data, *pushes])
            early.clear()
            pushes.clear()
        return data

    def put_off(self, session: Session, commands: list[Argv], argv: Argv) -> None:
        """Keep what is left of a batch; push what was to go with the reply."""
        session.has_news = False
        session.put_off(commands, argv)
        waiting = [*self.early_pushes, *self.own_pushes]
        self.pushes += [(session.id, data) for data in waiting]
        self.early_pushes.clear()
        self.own_pushes.clear()


def client_note(session: Session) -> dict[str, Any]:
    """Return the note that tells who a client is."""
    return {
        "kind": "client",
        "address": session.address,
        "name": session.name,
        "user": session.user,
        "library": session.library_name,
        "library_version": session.library_version,
    }
