"""Serving: the keyspace's part in being followed.

The keyspace actor owns it. From the first replica on, the log writer tells what it has
appended (`Appended`): that is sent to all who have come so far, at once, though it may
not be durable yet (decision 41). Everybody else is fed from the log.
"""

from __future__ import annotations

import logging
import secrets
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from joblog.actors.master.beginning import Beginning
from joblog.actors.master.datasets import Datasets
from joblog.actors.master.feeder import Feeder
from joblog.actors.master.histories import Mark, Standing, find_mark
from joblog.actors.master.log_feeder import LogFeeder, LogGiving
from joblog.actors.master.place import Place
from joblog.actors.master.reaching import Reaching
from joblog.actors.master.stepping import find_silent, step_all
from joblog.actors.master.steps import SLICE_SECONDS, run_steps
from joblog.actors.master.waits import Waits
from joblog.actors.messages import Appended, Limits, Tapped
from joblog.app import errors
from joblog.app.history.propagation import stream_of, young_of
from joblog.app.state.alarm import LONELY
from joblog.app.state.replicas import (
    LOG_ANEW,
    PING,
    STREAM_KIND,
    Acknowledged,
    AwaitReplicas,
    ServeReplica,
)
from joblog.storage.disk import open_disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.loop import Loop
    from joblog.actors.mailboxes import Mailboxes
    from joblog.actors.master.feeder import Dataset
    from joblog.actors.master.mail import Made
    from joblog.actors.turn import Turn
    from joblog.app.engine.engine import Engine
    from joblog.app.state.inquiries import Inquiry

logger = logging.getLogger(__name__)

_TICK_SECONDS: Final = 1.0


class Serving:
    """Sends replicas what they are to have."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        turn: Turn,
        mailboxes: Mailboxes,
        commit: Callable[[Replies], None],
        inbox: Inbox,
    ) -> None:
        """Serve nobody yet.

        Args:
            loop: the loop of the engine's actor.
            engine: the engine.
            turn: knows the log writer, and what waits for the log to be durable.
            mailboxes: those of the clients.
            commit: mails what was made to the log writer.
            inbox: the keyspace's.
        """
        self._loop, self._engine, self._turn = loop, engine, turn
        self._mailboxes, self._commit, self._inbox = mailboxes, commit, inbox
        config = engine.server.config
        disk = open_disk(config.log_encryption_key_file)
        self._log = Path(config.dir), disk
        self._replicas = engine.server.replicas
        self._sent_ms = 0
        self._is_tapped = self._is_stepping = self._is_settling = False
        self._place = Place(self._replicas)
        self._beginning = Beginning(loop, engine.server, self._log)
        self._feeders: dict[int, Feeder] = {}
        self._asking: list[ServeReplica] = []
        beside = loop, engine.blocking, turn
        self._waits = Waits(self._replicas, *beside, self._settle_soon)
        self._reaching = Reaching(engine, turn, commit)
        self._giving = LogGiving(loop, engine, turn, commit, self._log, self.step_soon)
        made = loop, self._log[0], config, inbox
        self._datasets = Datasets(*made, self._send_dataset)
        config.on_change(self._judge, "min_replicas_to_write")
        config.on_change(self._judge, "min_replicas_max_lag")
        config.on_change(self._reaching.judge, "reply_after_replicas")
        self._judge()

    def begin(self) -> None:
        """Note what the log had when this server started; remove what a child left."""
        server = self._engine.server
        if server.log_facts is None:
            return
        last_seq = server.log_facts()["last_seq"]
        assert isinstance(last_seq, int)
        self._beginning.begun_seq = last_seq - len(self._engine.outbox.entries)
        self._datasets.remove_old()
        self._reaching.judge()
        self._loop.call_later(_TICK_SECONDS, self._tick)

    def change_part(self, *, was_taken: bool) -> None:
        """Note whom this server follows; its log may have been its master's."""
        # Behind what this turn has made: that was of the part before.
        self._loop.call_soon(self._reaching.judge)
        promoted_seq = self._engine.server.replication.promoted_seq
        if promoted_seq and not was_taken:
            known = self._place.note() if self._replicas.is_sent else None
            self._drop_all()
            if known is not None:
                self._beginning.begin_anew(promoted_seq, known)
            self._begin_to_serve()

    def begin_anew(self) -> None:
        """Begin another history: the log is taken from now on, or no longer."""
        self._drop_all()
        self._beginning.begin_anew(self._engine.server.replication.log_synced())

    def _drop_all(self) -> None:
        """Have all replicas ask again; the stream is to begin anew."""
        for client_id, feeder in list(self._feeders.items()):
            self._give_up(client_id, feeder)
        self._replicas.is_sent = self._is_tapped = False
        self._place = Place(self._replicas)
        self._beginning.break_off()

    def stop(self) -> None:
        """Stop the thread that has datasets made."""
        self._datasets.stop()
        for feeder in self._feeders.values():
            feeder.close()

    # --- mail ----------------------------------------------------------------------

    def takes_on(self, inquiry: Inquiry) -> bool:
        """Take on what replicas ask, or is asked about them; say whether it is that."""
        if isinstance(inquiry, ServeReplica):
            self._asking.append(inquiry)
            self._begin_to_serve()
        elif isinstance(inquiry, Acknowledged):
            self._reaching.take_answer()
            self._settle_soon()
        elif isinstance(inquiry, AwaitReplicas):
            self._waits.add(inquiry)
        else:
            return False
        return True

    def take(self, message: Appended | Tapped | Made) -> None:
        """Take mail of the log writer or the copier."""
        if isinstance(message, Appended):
            self._send_on(message)
        elif isinstance(message, Tapped):
            self._beginning.find(message.seq, self._begin_history)
        else:
            self._datasets.take(message)

    def note_gone(self, client_id: int) -> None:
        """Forget a client that is gone, if it is a replica."""
        feeder = self._feeders.pop(client_id, None)
        if feeder is not None:
            logger.info("%s is gone", feeder)
            feeder.close()
            self._datasets.note_gone(feeder, self._engine.server.steady_ms())
        self._replicas.known.pop(client_id, None)
        self._judge()

    def note_backlog(self, client_id: int) -> None:
        """Send a replica more that has read what it was sent."""
        feeder = self._feeders.get(client_id)
        if feeder is not None and not feeder.is_live:
            self.step_soon()

    def begin_segment(self) -> None:
        """Say in a segment that has just begun where the stream is."""
        if self._replicas.is_sent:
            self._note_history()

    # --- the stream ----------------------------------------------------------------

    def _begin_to_serve(self) -> None:
        if self._replicas.is_sent or self._giving.gives_taken(self._replicas):
            self._serve_all()
        elif not self._is_tapped:
            self._is_tapped = True
            assert self._turn.log_writer is not None
            self._beginning.ask(self._turn.log_writer, self._inbox)

    def _begin_history(self, promoted: Mark | None, standing: Standing) -> None:
        """Begin the history of this server, which goes on from those before."""
        replication = self._engine.server.replication
        # A replica has its master's id, whose offsets are others than those here.
        history = secrets.token_hex(20) if replication.is_replica else replication.id
        self._place.begin(standing, history, promoted)
        self._reaching.begin_stream()
        self._note_history()
        self._serve_all()

    def _note_history(self) -> None:
        self._engine.outbox.note_of_server(self._place.note())
        self._commit([])

    def _send_on(self, message: Appended) -> None:
        """Send what was appended to all who have come so far."""
        pieces: list[bytes] = []
        replicas, waits = self._replicas, self._waits
        offset, written, young = replicas.offset, replicas.written, set[bytes]()
        for _, db, effects, origin in message.entries:
            piece = stream_of(db, effects, origin)
            if piece:
                offset += len(piece)
                if effects:
                    replicas.written = offset
                    young.update(young_of(effects))
                else:
                    waits.look(origin, replicas.written)
                pieces.append(piece)
        data = b"".join(pieces)
        replicas.offset = offset
        first_seq, replicas.seq = self._replicas.seq + 1, message.seq
        if not replicas.is_sent:
            return
        mark = self._place.grow()
        if data:
            self._sent_ms = self._engine.server.steady_ms()
        for feeder in self._feeders.values():
            feeder.take(first_seq, mark, data, young)
            if isinstance(feeder, LogFeeder):
                self._giving.sync_soon()
            elif not feeder.is_live:
                self.step_soon()
        if replicas.written != written:
            self._reaching.note()

    # --- who asks ------------------------------------------------------------------

    def _serve_all(self) -> None:
        asking, self._asking = self._asking, []
        for inquiry in asking:
            self._serve(inquiry)

    def _serve(self, inquiry: ServeReplica) -> None:
        session = inquiry.session
        replica = self._replicas.known.get(session.id)
        mailbox = self._mailboxes.find(session.id)
        if replica is None or mailbox is None:
            return  # gone meanwhile
        mailbox.post(Limits("slave"))
        if inquiry.log is not None:
            self._giving.find(
                inquiry, replica, mailbox, partial(self._give_log, inquiry)
            )
            return
        feeder = self._feeders[session.id] = Feeder(replica, mailbox, self._log)
        feeder.is_old = inquiry.is_old
        if not self._place.has(inquiry):
            if inquiry.offset >= 0 and not inquiry.is_old:
                self._count("sync_partial_err")
            self._want_dataset(feeder)
            return
        mark = self._place.find(inquiry.offset)
        if mark is not None:
            self._go_on(feeder, inquiry, mark)
        else:
            steps = find_mark(*self._log, inquiry.offset)
            run_steps(self._loop, steps, partial(self._go_on, feeder, inquiry))

    def _give_log(self, inquiry: ServeReplica, feeder: LogFeeder | None) -> None:
        """Send a replica the log from a place on; the stream where there is none."""
        if feeder is None:
            inquiry.log = None
            self._serve(inquiry)
            return
        self._feeders[inquiry.session.id] = feeder
        feeder.begin(inquiry, self._replicas, self._engine.server.steady_ms())
        self._count("sync_partial_ok" if inquiry.log != LOG_ANEW else "sync_full")
        self._judge()
        self._giving.sync_soon()

    def _go_on(self, feeder: Feeder, inquiry: ServeReplica, mark: Mark | None) -> None:
        if feeder.replica.session.id not in self._feeders:
            return
        if mark is None:
            self._count("sync_partial_err")
            self._want_dataset(feeder)
            return
        replica, history = feeder.replica, self._replicas.id.encode()
        is_new = b"psync2" in replica.capabilities
        feeder.push(b"+CONTINUE %b\r\n" % history if is_new else b"+CONTINUE\r\n")
        feeder.go_on(mark, inquiry.offset, self._engine.server.steady_ms())
        self._count("sync_partial_ok")
        logger.info("%s goes on from offset %d", feeder, inquiry.offset)
        self._judge()
        self.step_soon()

    # --- datasets ------------------------------------------------------------------

    def _count(self, statistic: str) -> None:
        self._engine.server.statistics[statistic] += 1

    def _want_dataset(self, feeder: Feeder) -> None:
        self._count("sync_full")
        logger.info("%s is to be sent the whole dataset", feeder)
        mark, history = self._place.mark(), self._replicas.id
        if feeder.replica.filters is None:
            steady_ms = self._engine.server.steady_ms()
            self._datasets.want(feeder, mark, history, steady_ms)
            return
        has_functions = b"functions" in feeder.replica.filters
        libraries = self._engine.keyspace.libraries if has_functions else {}
        self._send_dataset(feeder, self._datasets.of_functions(libraries, mark), "")

    def _send_dataset(self, feeder: Feeder, dataset: Dataset | None, why: str) -> None:
        """Send a replica its dataset, or why there is none."""
        if self._feeders.get(feeder.replica.session.id) is not feeder:
            return  # gone meanwhile
        if dataset is not None:
            feeder.begin_dataset(dataset, self._replicas.id)
            self.step_soon()
            return
        text = errors.NO_DATASET + why.replace("\n", " ").encode()
        feeder.push(b"-%b\r\n" % text)
        feeder.end()

    # --- work, a slice at a time ---------------------------------------------------

    def step_soon(self) -> None:
        """Send some more, soon, to all who lack something."""
        if not self._is_stepping:
            self._is_stepping = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        """Send some more to all who lack something."""
        self._is_stepping = False
        steady_ms = self._engine.server.steady_ms()
        if step_all(self._feeders, self._place, steady_ms, self._give_up):
            self.step_soon()

    def _give_up(self, client_id: int, feeder: Feeder) -> None:
        feeder.close()
        self._engine.outbox.closings.append(client_id)
        self._commit([])

    # --- each second ---------------------------------------------------------------

    def _tick(self) -> None:
        self._loop.call_later(_TICK_SECONDS, self._tick)
        if self._turn.has_failed or not self._feeders:
            return
        server = self._engine.server
        config, steady_ms = server.config, server.steady_ms()
        silent = find_silent(self._feeders, self._datasets, steady_ms, config)
        self._engine.outbox.closings += silent
        is_idle = steady_ms - self._sent_ms >= config.repl_ping_replica_period * 1000
        if is_idle and not server.replication.failover.is_on:
            self._sent_ms = steady_ms
            note = {"kind": STREAM_KIND, "commands": [PING]}
            self._engine.outbox.note_of_server(note)
        self._judge()
        self.step_soon()
        self._commit([])

    def _judge(self) -> None:
        """Note whether there are enough replicas for clients to write."""
        server = self._engine.server
        lacks = self._replicas.lacks(server.config, server.steady_ms())
        server.alarm.note(LONELY, holds=lacks)

    # --- who waits for replicas ----------------------------------------------------

    def _settle_soon(self) -> None:
        if not self._is_settling:
            self._is_settling = True
            self._loop.call_soon(self._settle)

    def _settle(self) -> None:
        self._is_settling = False
        if self._engine.context.unit is not None:  # a script runs, and serves others
            self._loop.call_later(SLICE_SECONDS, self._settle_soon)
            return
        self._judge()
        self._waits.settle()
        self._reaching.settle()
        self._commit([])
