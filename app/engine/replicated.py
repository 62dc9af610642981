"""What a master sends, applied: its commands are run by the handlers of everybody.

They are effects already, and so they run as a fold runs them: no clock runs, nothing
expires but by a DEL, and a TIME is taken as it is said. A command or a transaction is
one record, whose note says where in the master's history it ends:

    {"kind": "replicated", "offset": n}           and "db", where another is selected
    {"kind": "client", ..., "replicates": id}     once in each segment: whose history
    {"kind": "replication", "what": ..., ...}     the link: see `Replicated.note`

From these a server that starts knows where to go on (`joblog.app.history.positions`).

Source: Redis 7.0.15 and Valkey 9.1, recorded; see
docs/decisions/0039-a-replica-records-what-its-master-sends.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.engine.outbox import client_note
from joblog.app.errors import CommandError
from joblog.app.state.session import Session
from joblog.app.state.units import Unit
from joblog.app.table.table import require_command

if TYPE_CHECKING:
    from joblog.app.engine.engine import Engine
    from joblog.app.state.replication import Position
    from joblog.app.words import Argv

_BESIDES: Final = frozenset(
    ("pfcount", "publish", "select", "spublish", "script|flush", "script|load")
)
"""What a master sends besides commands that write."""

_NEVER: Final = frozenset(("migrate",))
"""What writes, and does so by reaching other servers."""

_MARK_BYTES: Final = 64 * 1024
"""After so much of a history that changed nothing the place in it is recorded."""

_COMMANDS_A_STEP: Final = 32
_SHOWN_BYTES_MAX: Final = 60
_UNITS_MS: Final = {b"EX": 1000, b"PX": 1}
_EXPIRES: Final = {b"EXPIRE": 1000, b"PEXPIRE": 1}
_SETS: Final = {b"SETEX": 1000, b"PSETEX": 1}


class ReplicatedError(Exception):
    """What a master sent cannot be applied; the text says why."""


class Replicated:
    """Applies what the master sends."""

    def __init__(self, engine: Engine) -> None:
        """Apply to an engine."""
        self._engine = engine
        self._state = engine.server.replication
        self._recorded_offset = 0

    def open(
        self, client_id: int, address: str, local_address: str, fd: int
    ) -> Session:
        """Make the session of a master that has just answered."""
        server, state = self._engine.server, self._state
        database = self._engine.keyspace.databases[state.db]
        session = Session(
            client_id,
            database,
            address=address,
            local_address=local_address,
            fd=fd,
            steady_ms=server.steady_ms(),
        )
        session.is_master = True
        server.sessions[client_id] = session
        state.client_id = client_id
        return session

    def apply_some(
        self, session: Session, units: list[tuple[list[Argv], int]], first: int
    ) -> int:
        """Apply some units of those that came; return which of them is the next.

        Args:
            session: the master's.
            units: (the commands of a unit, the offset behind it), in order.
            first: where to begin.

        Raises:
            ReplicatedError: see `apply`; the units before it are applied.
        """
        at, left = first, _COMMANDS_A_STEP
        while at < len(units) and left > 0:
            commands, end = units[at]
            if commands:
                self.apply(session, commands, end)
            else:
                self.skip(session, end)
            left -= 1 + len(commands)
            at += 1
        return at

    def apply(self, session: Session, commands: list[Argv], end: int) -> None:
        """Apply a command, or those of a transaction.

        Args:
            session: the master's.
            commands: they are one unit.
            end: the offset behind them.

        Raises:
            ReplicatedError: one cannot be applied, with those before it left applied.
        """
        engine, context = self._engine, self._engine.context
        keyspace = context.keyspace
        now_ms, keyspace_ms = context.now_ms, keyspace.now_ms
        unit = context.unit = Unit(now_ms * 1_000_000)
        context.session = session
        context.now_ms = keyspace.now_ms = 0
        try:
            for argv in commands:
                context.db = session.db
                self._run(session, _absolute(argv, now_ms))
        except ReplicatedError as error:
            self._state.is_broken = unit.db is not None
            self._state.has_position = False
            why = {"kind": "replication", "what": "failed", "why": str(error)}
            context.now_ms = now_ms
            self._record(session, unit, why, is_kept=True)
            raise
        finally:
            context.unit = None
            context.now_ms, keyspace.now_ms = now_ms, keyspace_ms
        self._state.offset, self._state.db = end, session.db.index
        self._mark(session, unit, end)
        if engine.blocking.ready:
            engine.blocking.serve()

    def apply_effects(
        self, session: Session, db: int, effects: list[Argv], end: int
    ) -> None:
        """Apply those of a record of the master's, which start in a database.

        Raises:
            ReplicatedError: see `apply`.
        """
        session.db = self._engine.keyspace.databases[db]
        self.apply(session, effects, end)

    def skip(self, session: Session, end: int) -> None:
        """Note that a part of the history says nothing about the data."""
        self._state.offset = end
        self._mark(session, Unit(), end)

    def _run(self, session: Session, argv: Argv) -> None:
        try:
            command = require_command(argv)
        except CommandError as error:
            raise ReplicatedError(_words(argv, error)) from None
        is_writing = command.is_write and command.name not in _NEVER
        if not is_writing and command.name not in _BESIDES:
            shown = _shown(argv)
            raise ReplicatedError(f"'{shown}' is nothing that a master sends")
        reply = self._engine.call_told(session, command, argv)
        if isinstance(reply, CommandError):
            raise ReplicatedError(_words(argv, reply))

    def _mark(self, session: Session, unit: Unit, end: int) -> None:
        note: dict[str, Any] = {"kind": "replicated", "offset": end}
        is_far = end - self._recorded_offset >= _MARK_BYTES
        if unit.db is not None or is_far:
            db = session.db.index
            if db != (unit.db or 0):
                note["db"] = db
            self._record(session, unit, note, is_kept=is_far)
            self._recorded_offset = end

    def _record(
        self, session: Session, unit: Unit, note: dict[str, Any], *, is_kept: bool
    ) -> None:
        """Record what was applied; also what changed nothing, if that is to be kept."""
        engine = self._engine
        if not engine.server.is_recording or not (is_kept or unit.db is not None):
            return
        if not session.is_described:
            self._describe(session)
        origin = [session.id, None, note]
        entry = (engine.context.now_ms, unit.db or 0, unit.effects, origin)
        engine.outbox.entries.append(entry)

    def _describe(self, session: Session) -> None:
        """Record whose history it is, before the first record that comes of it."""
        session.is_described = True
        note = {**client_note(session), "replicates": self._state.id}
        self._engine.outbox.note(session, note)

    def record_difference(
        self, session: Session, db: int, commands: list[Argv]
    ) -> None:
        """Record a part of what a dataset has other than memory."""
        if not self._engine.server.is_recording:
            return
        if not session.is_described:
            self._describe(session)
        note = {"kind": "synchronized"}
        entry = (self._engine.context.now_ms, db, commands, [session.id, None, note])
        self._engine.outbox.entries.append(entry)

    def note(self, session: Session, what: str, **more: Any) -> None:
        """Record what happened to the link.

        Args:
            session: the master's.
            what: `begin` of the records that make memory's data the master's,
                `synchronized` at their end, `continued` where it went on from where it
                was, `failed` where it could not, `master` where it follows no longer.
            **more: what people want to know of it.
        """
        if not self._engine.server.is_recording:
            return
        session.is_described = False
        self._describe(session)
        note: dict[str, Any] = {"kind": "replication", "what": what, **more}
        position = self._state.position()
        if what in ("synchronized", "continued") and position is not None:
            note |= {"id": position.id, "offset": position.offset, "db": position.db}
            self._recorded_offset = position.offset
        self._engine.outbox.note(session, note)

    def take_position(self, session: Session, position: Position) -> None:
        """Go on from a place in a history."""
        self._state.take_position(position)
        session.db = self._engine.keyspace.databases[position.db]


def _words(argv: Argv, error: CommandError) -> str:
    text = error.text.decode(errors="replace")
    return f"'{_shown(argv)}' is refused: {text}"


def _shown(argv: Argv) -> str:
    return b" ".join(argv[:3])[:_SHOWN_BYTES_MAX].decode(errors="replace")


def _absolute(argv: Argv, now_ms: int) -> Argv:
    """Return a command whose times are moments, as masters before Redis 7 do not."""
    name = argv[0].upper()
    if name in _EXPIRES and len(argv) >= 3:  # noqa: PLR2004 - key and time
        moment = _moment(argv[2], _EXPIRES[name], now_ms)
        return [b"PEXPIREAT", argv[1], moment, *argv[3:]]
    if name in _SETS and len(argv) == 4:  # noqa: PLR2004 - key, time and value
        return [
            b"SET",
            argv[1],
            argv[3],
            b"PXAT",
            _moment(argv[2], _SETS[name], now_ms),
        ]
    if name in (b"SET", b"GETEX"):
        first = 3 if name == b"SET" else 2
        for at in range(first, len(argv) - 1):
            unit_ms = _UNITS_MS.get(argv[at].upper())
            if unit_ms is not None:
                moment = _moment(argv[at + 1], unit_ms, now_ms)
                return [*argv[:at], b"PXAT", moment, *argv[at + 2 :]]
    return argv


def _moment(amount: bytes, unit_ms: int, now_ms: int) -> bytes:
    try:
        return b"%d" % (int(amount) * unit_ms + now_ms)
    except ValueError:
        return amount  # the handler refuses it
