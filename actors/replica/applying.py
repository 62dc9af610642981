"""Applying: the keyspace's part in following a master.

The keyspace actor owns it. What comes is applied a slice at a time, between which
clients are served:

    a stretch of the stream     unit by unit, each a record
    a dataset                   read beside what there is, and compared with that; then
                                what differs goes into the log; then memory changes

While a dataset's records are written, the log is ahead of memory: nobody may write, no
digest is taken, no snapshot begins.
"""

from __future__ import annotations

import contextlib
import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Final

from joblog.actors.messages import Order
from joblog.actors.replica.link import Link
from joblog.actors.replica.mail import (
    Applied,
    Closed,
    Durable,
    Follow,
    FromLink,
    LinkNews,
    LogStretch,
    Opened,
    Parts,
    Refused,
    Stretch,
    Synchronized,
    Taken,
    TellDurable,
    WentBack,
)
from joblog.actors.replica.taking import Taking
from joblog.app.engine.replicated import Replicated, ReplicatedError
from joblog.app.errors import CommandError
from joblog.app.history.datasets import Dataset
from joblog.app.history.positions import open_dataset
from joblog.app.history.rdb_items import RdbError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pykka

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.loop import Loop
    from joblog.actors.mailboxes import Mailboxes
    from joblog.actors.replica.dialer import Reach, Reached
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine
    from joblog.app.state.session import Session
    from joblog.app.words import Argv

logger = logging.getLogger(__name__)

_SLICE_NS: Final = 4_000_000
_DATASET_SLICE_NS: Final = 2_000_000
_AGAIN_SECONDS: Final = 0.05
_DATASET: Final = "the master's dataset"
_COMMANDS_A_RECORD: Final = 200
_WORDS_A_RECORD: Final = 2000


class Applying:
    """Applies what a master sends to an engine.

    Attributes:
        is_taken: the log is the master's; it has no records of this server.
    """

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        mailboxes: Mailboxes,
        commit: Callable[[Replies], None],
        inbox: Inbox,
        reach: Reach | None,
        on_taking: Callable[[], None],
    ) -> None:
        """Follow nobody yet.

        Args:
            loop: the loop of the engine's actor.
            engine: the engine.
            turn: tells whether a bug showed, after which nothing is applied any more.
            mailboxes: those of the clients, of whom the master is one.
            commit: mails what was made to the log writer.
            inbox: the keyspace's.
            reach: connects to a server; None where nobody can be followed.
            on_taking: called where the log becomes the master's, or is no longer.
        """
        self._on_taking = on_taking
        self._loop = loop
        self._engine = engine
        self._turn = turn
        self._mailboxes = mailboxes
        self._commit = commit
        self._inbox = inbox
        self._reach = reach
        self._replicated = Replicated(engine)
        self._taking = Taking(engine, turn, self._replicated, inbox)
        self.is_taken = False
        self._state = engine.server.replication
        self._link: pykka.ActorRef[Link] | None = None
        self._to_link: Inbox = inbox
        self._session: Session | None = None
        self._number = self._serial = 0
        self._work: Iterator[int] | None = None

    # --- whom to follow --------------------------------------------------------------

    def follow(self) -> None:
        """Have the link follow whom the engine was told to follow."""
        state, engine = self._state, self._engine
        if self._reach is None or engine.server.is_loading or state.is_swapping:
            return  # it comes back to this
        state.is_due = state.is_staging = False
        self._work = None
        engine.pause.hide_expired()
        if self._link is None:
            if state.master is None:
                return
            self._link = Link.start(
                *(self._loop, engine.server.config, self._inbox, self._reach),
                self._object_to,
                self._taking.place,
            )
            self._to_link = self._link.actor_inbox  # type: ignore[assignment]  # ours
        if state.master is None and self.is_taken:
            self._leave_log("master")
        if state.master is None and self._session is not None:
            self._replicated.note(self._session, "master", id=state.id)
            logger.warning("this server follows nobody any more: it is a master")
        elif state.master is not None:
            logger.warning("this server follows %s", state.master)
            self._free_waiting()
        self._serial += 1
        place = state.master, state.position(), self._serial
        self._to_link.post(Follow(*place, is_handover=state.failover.is_on))

    def _object_to(self, reached: Reached) -> str:
        """Say why a server is not to be followed, or ""."""
        server = self._engine.server
        for session in server.sessions.values():
            if session.address == reached.local_address:
                return "this server cannot follow itself"
        if self._state.failover.is_on:
            return ""  # it follows this server until it is told to be the master
        for one in server.replicas.attached():
            if f"{one.address}:{one.port}" == reached.address:
                return "a ring: the master follows this server itself"
        return ""

    def _free_waiting(self) -> None:
        """Let clients go that wait for what a replica cannot give."""
        engine = self._engine
        for session in list(engine.server.sessions.values()):
            waiter = session.waiter
            if waiter is not None and waiter.command is not None:
                engine.blocking.change_part(session)

    def stop(self) -> None:
        """Stop the link."""
        if self._link is not None:
            self._link.stop(block=False)

    # --- mail ------------------------------------------------------------------------

    def take(self, message: FromLink) -> None:
        """Take mail of the link."""
        if isinstance(message, LinkNews):
            self._state.link = message.facts
        elif isinstance(message, Opened):
            self._open(message)
        elif isinstance(message, Taken):
            self._begin(self._taking.apply(message, self._post))
        elif isinstance(message, WentBack):
            self._begin(self._taking.go_on(message))
        elif isinstance(message, Stretch | LogStretch | Parts | Synchronized):
            session = self._session
            if message.number != self._number or session is None:
                return  # of a server that is followed no longer
            if isinstance(message, Stretch):
                self._begin(self._apply(session, message))
            elif isinstance(message, LogStretch):
                self._taking.take(session, message)
            elif isinstance(message, Parts):
                self._begin(self._taking.part(session, message, self._post))
            else:
                self._begin(self._synchronize(session, message))
        elif isinstance(message, TellDurable):
            self._tell_durable(message.number)
        elif isinstance(message, Closed):
            self._close(message)

    def _open(self, message: Opened) -> None:
        if message.serial != self._serial:
            return
        self._drop_session()
        self._number = message.number
        server = self._engine.server
        session = self._session = self._replicated.open(
            next(server.client_ids),
            message.address,
            message.local_address,
            message.fd,
        )
        self._mailboxes.open(session.id, self._to_link)
        if message.is_log:
            assert message.continued is not None
            if message.is_parting or not self.is_taken:
                self._on_taking()
            self.is_taken = True
            history = message.continued.id
            self._taking.begin(history, is_parting=message.is_parting)
            return
        if self.is_taken or self._state.is_taking:
            self._leave_log("left")
        if message.continued is not None:
            # What is applied twice, or not at all, is another history.
            assert message.continued.offset == self._state.offset
            self._engine.context.read_clock()
            self._replicated.take_position(session, message.continued)
            self._replicated.note(session, "continued", master=message.address)
            self._commit([])

    def _close(self, message: Closed) -> None:
        if message.number == self._number:
            self._drop_session()

    def _drop_session(self) -> None:
        session, self._state.client_id = self._session, 0
        if session is not None and session.id in self._engine.server.sessions:
            self._mailboxes.close(session.id)
            self._engine.clients.close(session)

    def _tell_durable(self, number: int) -> None:
        offset = self._state.offset
        self._turn.orders.append(Order(lambda: self._post(Durable(number, offset))))
        self._commit([])

    def _post(self, mail: Applied | Durable | Refused) -> None:
        if self._link is not None:
            self._to_link.post(mail)

    # --- work, a slice at a time -----------------------------------------------------

    def _begin(self, work: Iterator[int]) -> None:
        self._work = work
        self._step(work)

    def _step(self, work: Iterator[int]) -> None:
        """Go on with what was begun, for a slice; each step says how long it may be."""
        engine = self._engine
        if work is not self._work or self._turn.has_failed:
            return
        is_busy = engine.context.unit is not None or engine.scripts.is_running
        if is_busy or engine.server.alarm.disk_error is not None:
            # The script has its hands on the data; or the disk would have to take more.
            self._loop.call_later(_AGAIN_SECONDS, lambda: self._step(work))
            return
        engine.context.read_clock()
        started = perf_counter_ns()
        for slice_ns in work:
            if perf_counter_ns() - started > slice_ns:
                self._loop.call_soon(lambda: self._step(work))
                break
        else:
            self._work = None
        self._commit([])

    def _apply(self, session: Session, stretch: Stretch) -> Iterator[int]:
        units, replicated, at = stretch.units, self._replicated, 0
        while at < len(units):
            try:
                at = replicated.apply_some(session, units, at)
            except ReplicatedError as error:
                logger.error("what the master sent cannot be applied: %s", error)  # noqa: TRY400 - it says all
                self._post(Refused(stretch.number, str(error)))
                return
            yield _SLICE_NS
        last = next((unit[-1] for unit, _ in reversed(units) if unit), [b"PING"])
        session.note_end(last, self._engine.context.steady_ms)
        position = self._state.position()
        if position is not None:
            self._post(Applied(stretch.number, position))

    def _leave_log(self, what: str) -> None:
        """Have the log be this server's own again."""
        self.is_taken = False
        self._on_taking()
        self._taking.end(what)

    def _synchronize(self, session: Session, message: Synchronized) -> Iterator[int]:
        """Let a dataset take the place of what there is."""
        dataset = Dataset(self._engine.keyspace)
        self._state.is_staging = True
        try:
            file, steps = open_dataset(message.path, message.key_file)
            with file:
                for _ in steps:
                    yield _DATASET_SLICE_NS
                if dataset.is_first:
                    self._note_begin(session, message)
                    found = dataset.read_first(file, _DATASET)
                    yield from self._record(session, found)
                else:
                    for _ in dataset.read(file, _DATASET):
                        yield _DATASET_SLICE_NS
        except (RdbError, CommandError, OSError) as error:
            why = str(error)
            if isinstance(error, CommandError):
                why = f"a library of functions: {error.text.decode(errors='replace')}"
            self._take_back(session)
            self._post(Refused(message.number, why))
            return
        if not dataset.is_first:
            self._note_begin(session, message)
            yield from self._record(session, dataset.differences())
        self._exchange(session, message, dataset)

    def _note_begin(self, session: Session, message: Synchronized) -> None:
        """Note that the log is ahead of memory from here on."""
        self._state.is_swapping = True
        of = message.position.id
        self._replicated.note(session, "begin", master=session.address, of=of)

    def _take_back(self, session: Session) -> None:
        """Have the log be as it was before a dataset that is none."""
        if self._state.is_swapping:
            # It was written at once: there was nothing before.
            nothing = [[b"FLUSHALL"], [b"FUNCTION", b"FLUSH"]]
            self._replicated.record_difference(session, 0, nothing)
            self._replicated.note(session, "taken back")
        self._state.is_swapping = self._state.is_staging = False

    def _exchange(
        self, session: Session, message: Synchronized, dataset: Dataset
    ) -> None:
        """Have memory be what the log is."""
        engine, replicated, master = self._engine, self._replicated, session.address
        dataset.take_place()
        engine.functions.forget()
        engine.blocking.serve()
        replicated.take_position(session, message.position)
        self._state.is_swapping = self._state.is_staging = False
        counts = {"keys": dataset.keys, "changed": dataset.changed}
        replicated.note(
            session, "synchronized", master=master, removed=dataset.removed, **counts
        )
        logger.info(
            "the dataset of %s is whole: %d keys, of which %d are new or other than "
            "they were here, and %d keys are gone",
            master,
            dataset.keys,
            dataset.changed,
            dataset.removed,
        )
        self._turn.orders.append(Order(lambda: _remove(message)))
        self._post(Applied(message.number, message.position))

    def _record(
        self, session: Session, steps: Iterator[tuple[int, list[Argv]]]
    ) -> Iterator[int]:
        """Record what differs, several keys in each record."""
        begun: list[Argv] = []
        begun_db = words = 0
        for db, commands in steps:
            is_full = len(begun) >= _COMMANDS_A_RECORD or words >= _WORDS_A_RECORD
            if begun and (db != begun_db or is_full):
                self._replicated.record_difference(session, begun_db, begun)
                begun, words = [], 0
            begun_db = db
            begun += commands
            words += sum(map(len, commands))
            yield _DATASET_SLICE_NS
        if begun:
            self._replicated.record_difference(session, begun_db, begun)


def _remove(message: Synchronized) -> None:
    """Remove the file of a dataset that is in the log, durably."""
    with contextlib.suppress(OSError):
        message.path.unlink()
