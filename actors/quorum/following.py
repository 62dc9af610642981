"""Following: the keyspace's part in what the store of the log says.

    Came -> log writer (files, durably) -> memory -> read on
    Led  -> the log is this server's own, behind its claim

The keyspace actor's loop calls it. As where a joblog follows a joblog
(docs/decisions/0057), nothing is applied before it is durable here, and no record is
made while another server leads.
"""

from __future__ import annotations

import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final, Protocol

from joblog.actors.messages import SyncFailed
from joblog.actors.quorum.mail import Came, FromStore, Heard, InTouch, Led, LedAgain
from joblog.actors.replica.mail import Take, Taken
from joblog.app.engine.replicated import Replicated, ReplicatedError
from joblog.app.history.notes import ClaimNote, LeadsNote, encode_note, read_note
from joblog.app.state.cluster import SWITCH
from joblog.app.state.replicas import STREAM_KIND
from joblog.app.state.replication import Address, LinkFacts
from joblog.app.state.session import Session
from joblog.storage.copier import Copier
from joblog.storage.cutting import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.actors.command_log import LogThatTakes
    from joblog.actors.inbox import Replies
    from joblog.actors.loop import Loop
    from joblog.actors.quorum.publisher import Publisher
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine
    from joblog.app.words import Argv
    from joblog.storage.cutting import LogPlace
    from joblog.storage.record import Record

logger = logging.getLogger(__name__)

_SLICE_NS: Final = 4_000_000
_AGAIN_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.5
_TOUCH_MS: Final = 2000
"""For so long the stream may not be read before the link counts as down."""

_PASSED_OVER: Final = frozenset((b"PING", b"REPLCONF"))


class Store(Copier, Protocol):
    """The store, as this part knows it; see `joblog.actors.quorum.keeping`.

    Attributes:
        leader: who led when this server began to follow; None where it leads.
        epoch: the epoch that is known.
    """

    leader: Address | None
    epoch: int

    def greet(self, loop: Loop, /) -> None:
        """Say hello, and hear the others."""

    def begin_following(self, place: LogPlace, /) -> None:
        """Read on where the files end."""

    def lead(self, publisher: Publisher, /) -> None:
        """Publish behind this server's claim."""


class Following:
    """Takes what the stream has, and changes the part that this server plays.

    It stands in for an inbox: of the log writer's answers and of the link's mail.
    """

    def __init__(self, quorum: Store, me: Address) -> None:
        """Take nothing yet.

        Args:
            quorum: the store, as the log writer knows it.
            me: where clients reach this server.
        """
        self._quorum = quorum
        self._me = me
        self._came: Came | None = None
        self._touched_ms = 0

    # --- the beginning -----------------------------------------------------------

    def open(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        commit: Callable[[Replies], None],
    ) -> None:
        """Be the part of a keyspace.

        Args:
            loop: the loop of the engine's actor.
            engine: the engine.
            turn: tells whether a bug showed; knows the log writer.
            commit: takes on what was made.
        """
        self._loop, self._engine, self._turn = loop, engine, turn
        self._commit = commit
        self._replicated = Replicated(engine)
        self._state = engine.server.replication
        engine.server.cluster.me = self._me

    def use(self, log: LogThatTakes) -> None:
        """Note which log it is, as soon as it is open; it is not folded yet."""
        self._log = log
        leader = self._quorum.leader
        if leader is not None:
            log.follows_store = True
            self._state.follow_store(leader)
            self._engine.pause.hide_expired()

    def begin(self) -> None:
        """Begin to follow, or to lead: what was there is loaded."""
        engine, quorum = self._engine, self._quorum
        server = engine.server
        database = engine.keyspace.databases[0]
        self._session = Session(0, database, steady_ms=server.steady_ms())
        self._session.is_master = True
        self._state.offset = self._log.last_seq
        self._note_leader(quorum.leader or self._me, quorum.epoch)
        quorum.greet(self._loop)
        if quorum.leader is not None:
            logger.warning("this server follows %s", quorum.leader)
            quorum.begin_following(self._log.place)
            self._look()

    def hello(self) -> dict[str, object]:
        """Return what others are told of this server."""
        server = self._engine.server
        return {
            "id": server.run_id,
            "host": self._me.host,
            "port": self._me.port,
            "leads": not self._state.is_replica,
            "epoch": server.cluster.epoch,
            "seq": self._log.last_seq,
            "priority": server.config.replica_priority,
        }

    def _look(self) -> None:
        """See whether the stream was read of late."""
        if not self._state.is_replica:
            return
        now_ms = self._engine.server.steady_ms()
        link = self._state.link
        if self._came is not None and link.is_up:
            self._touched_ms = now_ms  # it is being applied
        is_up = now_ms - self._touched_ms <= _TOUCH_MS and self._touched_ms > 0
        if is_up:
            link = LinkFacts("connected", self._touched_ms)
        elif link.is_up:
            link = LinkFacts("connect", self._touched_ms, now_ms)
        self._state.link = link
        self._loop.call_later(_LOOK_SECONDS, self._look)

    # --- mail --------------------------------------------------------------------

    def post(self, message: FromStore | Taken) -> None:
        """Take mail."""
        if isinstance(message, Came):
            self._take(message)
        elif isinstance(message, Taken):
            work = self._apply(message)
            self._loop.call_soon(lambda: self._step(work))
        elif isinstance(message, InTouch):
            is_first = not self._state.link.is_up
            self._touched_ms = self._engine.server.steady_ms()
            if is_first and self._state.is_replica:
                self._state.link = LinkFacts("connected", self._touched_ms)
        elif isinstance(message, Led):
            self._lead(message)
        elif isinstance(message, LedAgain):
            self._write_note()
        elif isinstance(message, Heard):
            self._engine.server.cluster.note_node(message.node)

    def _take(self, message: Came) -> None:
        """Have the log writer take what has come."""
        assert self._turn.log_writer is not None
        self._came = message
        self._state.is_swapping = True  # the log is about to be ahead of memory
        self._turn.log_writer.post(Take(message.cuts, self, message.number))

    def _step(self, work: Iterator[None]) -> None:
        """Go on with what was begun, for a slice."""
        engine = self._engine
        if self._turn.has_failed:
            return
        if self._is_amid():
            self._loop.call_later(_AGAIN_SECONDS, lambda: self._step(work))
            return
        engine.context.read_clock()
        started = perf_counter_ns()
        for _ in work:
            if perf_counter_ns() - started > _SLICE_NS:
                self._loop.call_soon(lambda: self._step(work))
                break
        self._commit([])

    def _is_amid(self) -> bool:
        """Say whether a transaction or a script is under way."""
        engine = self._engine
        return engine.context.unit is not None or engine.scripts.is_running

    def _apply(self, taken: Taken) -> Iterator[None]:
        """Apply what the log has taken, and have more of it read."""
        came = self._came
        assert came is not None
        why = taken.why
        try:
            for cut in came.cuts:
                for record in cut.records if isinstance(cut, Piece) else ():
                    if record.seq > taken.last_seq:
                        break
                    self._apply_record(record)
                    yield
        except ReplicatedError as error:
            why = str(error)
            self._state.is_broken = True
        if why:
            assert self._turn.log_writer is not None
            text = f"what the stream has cannot be applied: {why}"
            self._turn.log_writer.post(SyncFailed(text))
            return
        self._state.is_swapping, self._came = False, None
        self._state.offset = taken.last_seq
        self._touched_ms = self._engine.server.steady_ms()
        came.done()

    def _apply_record(self, record: Record) -> None:
        raw = record.origin.note
        commands: list[Argv] = record.effects
        if not commands and raw is not None:
            if raw.get("kind") == STREAM_KIND:
                told = raw["commands"]
                commands = [one for one in told if one[0] not in _PASSED_OVER]
            else:
                note = read_note(record.origin)
                if isinstance(note, ClaimNote):
                    self._note_claim(note)
        if commands:
            self._replicated.apply_effects(
                self._session, record.db, commands, record.seq
            )

    # --- who leads ---------------------------------------------------------------

    def _note_claim(self, note: ClaimNote) -> None:
        address = read_address(note.node)
        self._note_leader(address, note.epoch)
        if self._state.is_replica and address != self._me:
            self._state.master = address
            logger.warning("%s leads, in epoch %d", address, note.epoch)

    def _note_leader(self, leader: Address, epoch: int) -> None:
        """Note who leads; tell clients that listen for it."""
        server = self._engine.server
        before = server.cluster.note_leader(leader, epoch, server.steady_ms())
        if before is not None:
            name = server.config.log_store_master_name
            ends = f"{before.host} {before.port} {leader.host} {leader.port}"
            self._engine.pubsub.publish(SWITCH, f"{name} {ends}".encode())

    def _lead(self, message: Led) -> None:
        """Lead: what is written from now on goes behind this server's claim."""
        log = self._log
        log.follows_store, log.copier = False, self._quorum
        self._quorum.lead(message.publisher)
        self._state.follow_store(None)
        self._engine.pause.hide_expired()
        self._engine.clients.introduce_all()
        logger.warning("this server leads, in epoch %d", self._quorum.epoch)
        self._commit([])

    def _write_note(self) -> None:
        """Have something appended: taken by the stream, nobody has led meanwhile."""
        if self._turn.has_failed:
            return
        if self._is_amid():
            self._loop.call_later(_AGAIN_SECONDS, self._write_note)
            return
        self._engine.context.read_clock()
        note = encode_note(LeadsNote(self._quorum.epoch))
        self._engine.outbox.note_of_server(note)
        self._commit([])


def read_address(text: str) -> Address:
    """Return an address that a server has said of itself, as host:port."""
    host, _, port = text.rpartition(":")
    return Address(host.strip("[]"), int(port) if port.isdecimal() else 0)
