"""KeyspaceActor: owns the engine.

It runs the batches that connections mail, in the order in which they came, and mails
one commit for each turn to the log writer: entries, and replies, which that lets go
when the entries are safe. Reads go the same road: nobody is shown a write before that.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope

from joblog.actors.beside import Threaded, take_note
from joblog.actors.cooperative import CooperativeActor
from joblog.actors.data_lines import DataLines
from joblog.actors.mailboxes import Mailboxes
from joblog.actors.messages import (
    Answered,
    ArchiveStatus,
    Backlog,
    ClientClosed,
    ClientOpened,
    Counted,
    Inquire,
    LogTrouble,
    Neighbours,
    Order,
    PastEnded,
    PastStatus,
    SegmentSealed,
    SnapshotEnded,
    SnapshotProgress,
    Status,
)
from joblog.actors.quorum.mail import StoreTrouble
from joblog.actors.reloading import Reloading
from joblog.actors.replicating import Replicating
from joblog.actors.saving import Saving
from joblog.actors.service.log_levels import VERBOSE
from joblog.actors.slices import Slices
from joblog.actors.turn import Turn
from joblog.app import errors
from joblog.app.state.inquiries import AwaitDurable, AwaitReload, AwaitSave
from joblog.app.state.operator_lines import describe
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.loop import Loop, Timer
    from joblog.actors.quorum.following import Following
    from joblog.actors.replica.dialer import Reach
    from joblog.actors.traffic import Batch
    from joblog.app.engine.engine import Engine
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.app.state.inquiries import Inquiry

logger = logging.getLogger(__name__)

CRON_SECONDS = 0.1
EXPIRED_AT_ONCE = 20


def _go_on() -> None:
    """Go on; nobody waits for the data."""


class KeyspaceActor(CooperativeActor):
    """Applies commands, serially."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        stop_server: Callable[[], None],
        loading: Iterator[float] | None = None,
        reload: Callable[[bool], Keyspace] | None = None,
        begin_snapshot: Callable[[tuple[str, ...]], None] | None = None,
        on_ready: Callable[[], None] = _go_on,
        reach: Reach | None = None,
        store: Following | None = None,
    ) -> None:
        """Take over an engine.

        Args:
            loop: the loop to run on.
            engine: the engine; nothing else may touch it from now on.
            stop_server: called when the server is to stop (SHUTDOWN, or a bug).
            loading: recovery, a slice at each step, which says how many seconds to wait
                then; commands are refused until it ends.
            reload: gives the state that is on disk, for DEBUG; None without a log.
            begin_snapshot: has a snapshot made of what is durable; None without a log.
            on_ready: called once all clients are served: nothing is left to load.
            reach: connects to a server to follow; None where none can be followed.
            store: takes what a store of the log has; None without one.
        """
        super().__init__(loop)
        self._engine = engine
        self._stop_server = stop_server
        self._loading = loading
        self._on_ready = on_ready
        self._saving = Saving(engine, begin_snapshot, reload)
        self._historian: Inbox | None = None
        self._mailboxes = Mailboxes(engine, self.inbox, self._commit_later)
        self._waiter_timer: Timer | None = None
        self._waiter_due_ms = 0
        self._data_lines = DataLines(engine)
        self._turn = Turn(engine, self, self._mailboxes)
        self._reloading = Reloading(
            loop, engine, self._turn, self._saving, self._end_reload
        )
        self._slices = Slices(loop, engine, self._turn, self.commit)
        beside = self._turn, self._mailboxes
        mine = self.commit, self.inbox
        self._replicating = Replicating(loop, engine, *beside, *mine, reach, store)
        self.actor_inbox.bind(self._turn, loop)

    def on_start(self) -> None:
        """Begin to load, and to remove what is due."""
        if self._loading is not None:
            self._engine.server.set_loading(is_loading=True)
            self.loop.call_soon(self._load)
        else:
            self.loop.call_soon(self._on_ready)
        self.loop.call_later(CRON_SECONDS, self._cron, self._turn)
        self.loop.on_bug = self.stop_for_bug
        self._engine.scripts.meanwhile = self._serve_meanwhile
        self._engine.scripts.on_abandoned.append(self._run_no_more)

    def on_stop(self) -> None:
        """Follow nobody any more, and serve no replicas."""
        self._replicating.stop()

    def _run_no_more(self) -> None:
        """Run nothing behind a script that was broken off since the server stops."""
        self._turn.has_failed = True

    def _serve_meanwhile(self) -> None:
        """Serve the other clients while a script runs for long: a tick in the tick."""
        if self._turn.replies:
            # Those of the batches before the script's, which this turn has run.
            before = self._turn.replies[:]
            self._turn.replies.clear()
            self.commit(before)
        if not self.inbox.empty():
            self.inbox.drain()  # what came with the script waits behind it
        self.loop.run_once(0.0)

    def commit(self, replies: Replies) -> None:
        """Mail what a turn made to the log writer; see to what else it asked for."""
        engine, outbox = self._engine, self._engine.outbox
        if outbox.woken:
            self._mailboxes.deliver_woken(replies)
        if engine.context.unit is None:
            if outbox.pushes:
                self._mailboxes.deliver_pushes(replies)
            if outbox.is_broadcast_due:
                engine.tracking.finish_turn()
                self._mailboxes.deliver_broadcasts(replies)
        if outbox.closings:
            self._mailboxes.deliver_closings(replies)
        replication = engine.server.replication
        if replication.is_due:
            self._replicating.follow()
        if engine.server.saves.is_due and not replication.is_swapping:
            self._turn.orders.append(self._saving.order())
        inquiries, outbox.inquiries = outbox.inquiries, []
        of_history = [one for one in inquiries if not self._takes_on(one)]
        self._turn.post_commit(replies)
        for inquiry in of_history:
            # Behind the commit: a client is to find what it has written itself.
            assert self._historian is not None
            self._historian.post(Inquire(inquiry))
        if outbox.is_resuming:
            outbox.is_resuming = False
            self._mailboxes.resume()
        if outbox.is_check_due:
            outbox.is_check_due = False
            self._reloading.begin()
        if outbox.is_timer_due:
            outbox.is_timer_due = False
            self._watch_timeouts()
        if engine.server.stop_requested:
            self._stop_server()

    def _commit_later(self, seconds: float, replies: Replies) -> None:
        self.loop.call_later(
            seconds, partial(self._turn.post_commit, replies), self._turn
        )

    def _takes_on(self, inquiry: Inquiry) -> bool:
        """Take on an inquiry that asks nothing of the history; say whether it does."""
        if isinstance(inquiry, AwaitSave):
            self._saving.waiting.append(inquiry)
        elif isinstance(inquiry, AwaitReload):
            self._reloading.waiting.append(inquiry)
        elif isinstance(inquiry, AwaitDurable):
            self._answer_when_durable(inquiry)
        else:
            return self._replicating.takes_on(inquiry)
        return True

    def _answer_when_durable(self, inquiry: Inquiry) -> None:
        def answer() -> None:
            inquiry.answer = True
            self.inbox.post(Answered(inquiry.session.id))

        self._turn.orders.append(Order(answer))

    def _watch_timeouts(self) -> None:
        """Be there when the first waiter's time is over."""
        timeouts = self._engine.blocking.timeouts
        if not timeouts:
            return  # those whose it was wait no longer
        due_ms = timeouts[0][0]
        if self._waiter_timer is not None:
            if self._waiter_due_ms <= due_ms:
                return
            self._waiter_timer.cancel()
        self._waiter_due_ms = due_ms
        seconds = (due_ms - self._engine.context.steady_ms) / 1000
        self._waiter_timer = self.loop.call_later(
            seconds, self._expire_waiters, self._turn
        )

    def _expire_waiters(self) -> None:
        self._waiter_timer = None
        engine = self._engine
        if engine.context.unit is not None:
            # The loop was re-entered while a script runs, for which time stands still.
            self._waiter_timer = self.loop.call_later(
                CRON_SECONDS, self._expire_waiters, self._turn
            )
            return
        engine.context.read_clock()
        engine.blocking.expire()
        self.commit([])

    def _end_reload(self, waiting: list[AwaitReload] | None) -> None:
        """Tell who asked for it that the state was loaded again, or stop (None)."""
        if waiting is None:
            self._turn.has_failed = True
            self._stop_server()
            return
        for inquiry in waiting:
            self._answer_when_durable(inquiry)
        self.commit([])

    def receive(self, message: Any) -> None:
        """Take mail that is no batch."""
        if self._replicating.takes(message):
            return
        if type(message) is not Envelope:
            # A bug in it is not caught: the server stops, as it does in a command.
            self.on_receive(message)
        elif isinstance(message.message, Neighbours):
            self._turn.log_writer, self._historian = message.message
        elif isinstance(message.message, ArchiveStatus):
            self._saving.note_archive(message.message.fields)
        elif isinstance(message.message, Threaded):
            take_note(self._engine, message.message)
        elif isinstance(message.message, SnapshotProgress | SnapshotEnded):
            news = message.message
            for session in self._saving.take(news, self._turn.log_writer):
                self._engine.blocking.retry(session)
        else:
            super().receive(message)

    def on_receive(self, message: Any) -> None:
        """Note what connections, the log writer and the historian report."""
        engine = self._engine
        sessions = engine.server.sessions
        if isinstance(message, ClientOpened):
            self._open_client(message)
        elif isinstance(message, ClientClosed):
            self._close_client(message)
        elif isinstance(message, Counted):
            engine.server.statistics[message.statistic] += 1
        elif isinstance(message, Backlog):
            self._mailboxes.note_backlog(message)
            self._replicating.note_backlog(message.client_id)
        elif isinstance(message, Answered):
            session = sessions.get(message.client_id)
            if session is not None:
                engine.blocking.retry(session)
        elif isinstance(message, PastEnded | PastStatus):
            self._note_past(message)
        elif isinstance(message, LogTrouble):
            engine.server.alarm.note_disk(message.reason)
            self._saving.note_disk()
        elif isinstance(message, StoreTrouble):
            engine.server.alarm.note_store(message.reason)
        elif isinstance(message, SegmentSealed):
            self._saving.begin_segment()
            self._replicating.begin_segment()
        elif isinstance(message, Status):
            self._saving.note_log(message.fields)
        else:
            super().on_receive(message)

    def _open_client(self, message: ClientOpened) -> None:
        self._mailboxes.open(message.client_id, message.mailbox)
        text = "client id=%d address=%s connected"
        logger.log(VERBOSE, text, message.client_id, message.address)
        self._engine.clients.open(
            message.client_id,
            address=message.address,
            local_address=message.local_address,
            fd=message.fd,
            has_hung_up=message.has_hung_up,
            buffers=message.buffers,
        )

    def _close_client(self, message: ClientClosed) -> None:
        self._mailboxes.close(message.client_id)
        self._replicating.note_gone(message.client_id)
        server = self._engine.server
        if message.cut_off:
            server.statistics[message.cut_off] += 1
        session = server.sessions.get(message.client_id)
        if session is not None:
            logger.log(VERBOSE, "%s is gone", describe(session))
            self._engine.clients.close(session)

    def _note_past(self, message: PastEnded | PastStatus) -> None:
        if isinstance(message, PastEnded):
            self._engine.visits.end(message.visits, message.text)
        else:
            self._engine.server.past_status = message.fields

    def stop_for_command(self, batch: Batch, error: Exception) -> None:
        """Stop the server for a command that had a bug; its client is told."""
        words = b" ".join(argv[0] for argv in batch.commands[:20])
        self.stop_for_bug(
            error,
            f"in a command of client id={batch.client_id} "
            f"(one of {words.decode(errors='replace')})",
        )
        batch.inbox.post(b"-%b\r\n" % errors.INTERNAL)

    def stop_for_bug(self, error: Exception, place: str = "in the server") -> None:
        """Stop the server: memory may no longer be what the log says."""
        logger.critical(
            "internal error %s; the server stops, and recovers its state from the log "
            "at the next start",
            place,
            exc_info=error,
        )
        self._turn.has_failed = True
        server = self._engine.server
        server.exit_code = 1
        # Also ends a script under way, in which others were served.
        server.stop_requested = True
        self._stop_server()

    def commit_what_is_whole(self, replies: Replies) -> None:
        """Commit what ran before a bug showed: records and replies are whole."""
        try:
            self.commit(replies)
        except Exception:
            logger.exception("internal error in what commands asked for besides")
            self._turn.post_commit(replies)

    def _load(self) -> None:
        assert self._loading is not None
        try:
            seconds = next(self._loading)
        except StopIteration:
            self._loading = None
            self._engine.server.set_loading(is_loading=False)
            self._on_ready()
            self._replicating.begin()
            self._engine.clients.introduce_all()
            self.commit([])
        except StorageError as error:
            logger.critical("the log cannot be loaded: %s", error)
            self._engine.server.exit_code = error.exit_code
            self._stop_server()
        except Exception:
            logger.exception("the log cannot be loaded")
            self._engine.server.exit_code = 1
            self._stop_server()
        else:
            if seconds:
                self.loop.call_later(seconds, self._load)
            else:
                self.loop.call_soon(self._load)

    def _cron(self) -> None:
        if self._loading is None and not self._turn.has_failed:
            self._engine.upkeep.look_after(EXPIRED_AT_ONCE)
            self._saving.prove()
            self.commit([])
            self._slices.look_after()
            self._data_lines.tell()
        self.loop.call_later(CRON_SECONDS, self._cron, self._turn)
