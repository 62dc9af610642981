"""KeyspaceActor: owns the engine.

It runs the batches that connections mail, in the order in which they came, and mails
one commit for each turn to the log writer: entries, and replies, which that lets go
when the entries are safe. Reads go the same road: nobody is shown a write before that.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope

from actors.cooperative import CooperativeActor
from actors.messages import (
    Admit,
    Answered,
    Backlog,
    ClientClosed,
    ClientOpened,
    ClientWaits,
    Close,
    Inquire,
    Limits,
    LogTrouble,
    Neighbours,
    Order,
    PastEnded,
    PastStatus,
    Push,
    SegmentSealed,
    SnapshotEnded,
    SnapshotProgress,
    Status,
)
from actors.saving import Saving
from actors.slices import Slices
from actors.traffic import Batch
from actors.turn import Turn
from app.commands.inquiries import AwaitDurable, AwaitSave
from app.engine.visits import end_visits
from app.errors import CommandError
from app.protocol.encoder import encode
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.inbox import Inbox, Replies
    from actors.loop import Loop, Timer
    from app.commands.context import Session
    from app.commands.inquiries import Inquiry
    from app.engine.engine import Engine
    from app.keyspace.keyspace import Keyspace

logger = logging.getLogger(__name__)

CRON_SECONDS = 0.1
EXPIRED_AT_ONCE = 20


class KeyspaceActor(CooperativeActor):
    """Applies commands, serially."""

    def __init__(
        self,
        loop: Loop,
        engine: Engine,
        stop_server: Callable[[], None],
        loading: Iterator[None] | None = None,
        reload: Callable[[bool], Keyspace] | None = None,
        begin_snapshot: Callable[[tuple[str, ...]], None] | None = None,
    ) -> None:
        """Take over an engine.

        Args:
            loop: the loop to run on.
            engine: the engine; nothing else may touch it from now on.
            stop_server: called when the server is to stop (SHUTDOWN, or a bug).
            loading: recovery, a slice at each step; commands are refused until it ends.
            reload: gives the state that is on disk, for DEBUG; None without a log.
            begin_snapshot: has a snapshot made of what is durable; None without a log.
        """
        super().__init__(loop)
        self._engine = engine
        self._stop_server = stop_server
        self._loading = loading
        self._saving = Saving(engine, begin_snapshot, reload)
        self._historian: Inbox | None = None
        self._mailboxes: dict[int, Inbox] = {}
        self._held: dict[int, Batch] = {}
        self._listening: set[int] = set()
        self._waiter_timer: Timer | None = None
        self._waiter_due_ms = 0
        self._turn = Turn(engine, self)
        self._slices = Slices(loop, engine, self._turn, self.commit)
        self.actor_inbox.bind(self._turn, loop)

    def on_start(self) -> None:
        """Begin to load, and to look after deadlines."""
        if self._loading is not None:
            self._engine.server.is_loading = True
            self._engine.guards.update_watchful()
            self.loop.call_soon(self._load)
        self.loop.call_later(CRON_SECONDS, self._cron)
        self._engine.scripts.meanwhile = self._serve_meanwhile

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
        engine = self._engine
        if engine.blocking.woken:
            self._deliver_woken(replies)
        if engine.unit is None:
            if engine.tracking.changed or engine.tracking.is_void:
                engine.tracking.finish_turn()
            if engine.pushes:
                self.deliver_pushes(replies)
        if engine.closings:
            self._deliver_closings(replies)
        if engine.server.saves.is_due:
            self._turn.orders.append(self._saving.order())
        inquiries, engine.inquiries = engine.inquiries, []
        of_history = [one for one in inquiries if not self._looks_after(one)]
        self._turn.post_commit(replies)
        for inquiry in of_history:
            # Behind the commit: a client is to find what it has written itself.
            assert self._historian is not None
            self._historian.post(Inquire(inquiry))
        if engine.is_resuming:
            engine.is_resuming = False
            self._resume_held()
        if engine.is_check_due:
            engine.is_check_due = False
            self.loop.call_soon(self._check_log)
        if engine.blocking.timeouts:
            self._watch_timeouts()
        if engine.server.stop_requested:
            self._stop_server()

    def _looks_after(self, inquiry: Inquiry) -> bool:
        """Take on an inquiry that asks nothing of the history; say whether it does."""
        if isinstance(inquiry, AwaitSave):
            self._saving.waiting.append(inquiry)
            return True
        if not isinstance(inquiry, AwaitDurable):
            return False

        def answer() -> None:
            inquiry.answer = True
            self.inbox.post(Answered(inquiry.session.id))

        self._turn.orders.append(Order(answer))
        return True

    def deliver_pushes(self, replies: Replies) -> None:
        """Send what is pushed: all that one client gets in one piece, in order.

        Never while a script runs, from which the loop may be re-entered: what it says
        leaves with the end of it, behind what it wrote.
        """
        pushes: dict[int, list[bytes]] = {}
        for client_id, data in self._engine.pushes:
            pushes.setdefault(client_id, []).append(data)
        self._engine.pushes.clear()
        for client_id, pieces in pushes.items():
            mailbox = self._mailboxes.get(client_id)
            if mailbox is not None:
                replies.append((mailbox, Push(b"".join(pieces))))

    def _deliver_closings(self, replies: Replies) -> None:
        for client_id in self._engine.closings:
            mailbox = self._mailboxes.get(client_id)
            if mailbox is not None:
                replies.append((mailbox, Close(at_once=True)))
        self._engine.closings.clear()

    def _resume_held(self) -> None:
        """Run what was held back, but not for clients that wait for a key."""
        for batch in list(self._held.values()):
            session = self._engine.server.sessions.get(batch.client_id)
            if session is not None and session.waiter is None:
                session.postponed = None
                self.inbox.post(self._held.pop(batch.client_id))

    def _deliver_woken(self, replies: Replies) -> None:
        """Answer clients that wait no longer, and run what they sent behind."""
        engine = self._engine
        woken, engine.blocking.woken = engine.blocking.woken, []
        for client_id, data in woken:
            batch = self._held.pop(client_id, None)
            session = engine.server.sessions.get(client_id)
            if batch is None or session is None:
                continue
            session.postponed = None
            mailbox = self._mailboxes[client_id]
            if session.is_closing:
                replies += [(mailbox, Push(data)), (mailbox, Close())]
            elif batch.commands or batch.error is not None:
                replies.append((mailbox, Push(data)))
                self.inbox.post(batch)
            else:
                replies.append((mailbox, data))

    def _watch_timeouts(self) -> None:
        """Be there when the first waiter's time is over."""
        due_ms = self._engine.blocking.timeouts[0][0]
        if self._waiter_timer is not None:
            if self._waiter_due_ms <= due_ms:
                return
            self._waiter_timer.cancel()
        self._waiter_due_ms = due_ms
        seconds = (due_ms - self._engine.context.steady_ms) / 1000
        self._waiter_timer = self.loop.call_later(seconds, self._expire_waiters)

    def _expire_waiters(self) -> None:
        self._waiter_timer = None
        engine = self._engine
        if engine.unit is not None:
            # The loop was re-entered while a script runs, for which time stands still.
            self._waiter_timer = self.loop.call_later(
                CRON_SECONDS, self._expire_waiters
            )
            return
        engine.read_clock()
        engine.blocking.expire()
        self.commit([])

    def _check_log(self) -> None:
        """Save and load, or load, as DEBUG asks; stop where memory is another state."""
        log_writer = self._turn.log_writer
        if self._engine.entries or log_writer is None or not log_writer.empty():
            # What memory has and the log has not would look like a difference.
            self.loop.call_soon(self._check_log)
            return
        if not self._saving.reload():
            self._turn.has_failed = True
            self._stop_server()

    def hold(
        self,
        session: Session,
        batch: Batch,
        data: bytes,
        replies: Replies,
    ) -> None:
        """Keep what is left of a batch until the engine says that it may go on.

        The connection gets the replies so far as a push, which does not let it read on.
        """
        mailbox = self._mailboxes.get(batch.client_id)
        if mailbox is None:
            return  # gone while its script let others be served
        assert session.postponed is not None
        self._held[batch.client_id] = Batch(
            batch.client_id, batch.inbox, session.postponed, batch.error, batch.size
        )
        mailbox.post(ClientWaits())
        if session.is_authenticated:
            mailbox.post(Admit())
        if data:
            replies.append((mailbox, Push(data)))

    def follow_up(
        self,
        session: Session,
        batch: Batch,
        replies: Replies,
    ) -> None:
        """Do what a batch asks for besides its replies."""
        mailbox = self._mailboxes.get(batch.client_id)
        if mailbox is None:
            return  # gone while its script let others be served
        is_listening = session.subscriptions is not None
        if is_listening != (session.id in self._listening):
            self._listening ^= {session.id}
            mailbox.post(Limits("pubsub" if is_listening else "normal"))
        if batch.error is not None:
            error = CommandError(batch.error.text)
            replies.append((mailbox, Push(encode(error, session.resp))))
            session.is_closing = True
        if session.is_closing:
            replies.append((mailbox, Close()))
        elif session.is_authenticated:
            mailbox.post(Admit())

    def receive(self, message: Any) -> None:
        """Take mail that is no batch."""
        if type(message) is not Envelope:
            # A bug in it is not caught: the server stops, as it does in a command.
            self.on_receive(message)
        elif isinstance(message.message, Neighbours):
            self._turn.log_writer, self._historian = message.message
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
            self._mailboxes[message.client_id] = message.mailbox
            engine.open_session(
                message.client_id,
                address=message.address,
                local_address=message.local_address,
                fd=message.fd,
                has_hung_up=message.has_hung_up,
            )
        elif isinstance(message, ClientClosed):
            self._mailboxes.pop(message.client_id, None)
            self._held.pop(message.client_id, None)
            self._listening.discard(message.client_id)
            if message.cut_off:
                engine.server.statistics[message.cut_off] += 1
            session = sessions.get(message.client_id)
            if session is not None:
                engine.close_session(session)
        elif isinstance(message, Backlog):
            session = sessions.get(message.client_id)
            if session is not None:
                session.backlog_bytes = message.size
                session.backlog_items = message.items
        elif isinstance(message, Answered):
            session = sessions.get(message.client_id)
            if session is not None:
                engine.blocking.retry(session)
        elif isinstance(message, PastEnded | PastStatus):
            self._note_past(message)
        elif isinstance(message, LogTrouble):
            engine.guards.disk_error = message.reason
            engine.guards.update_watchful()
        elif isinstance(message, SegmentSealed):
            self._saving.begin_segment()
        elif isinstance(message, Status):
            self._saving.note_log(message.fields)
        else:
            super().on_receive(message)

    def _note_past(self, message: PastEnded | PastStatus) -> None:
        if isinstance(message, PastEnded):
            end_visits(self._engine, message.visits, message.text)
        else:
            self._engine.server.past_status = message.fields

    def stop_for_bug(self, batch: Batch) -> None:
        """Stop the server: memory may no longer equal the log."""
        logger.exception(  # noqa: LOG004 - called where the exception is caught
            "internal error in a command of client id=%d (one of %s); the server "
            "stops, and recovers its state from the log at the next start",
            batch.client_id,
            b" ".join(argv[0] for argv in batch.commands[:20]).decode(errors="replace"),
        )
        batch.inbox.post(b"-ERR internal error\r\n")
        # What ran before the bug is whole: its records go to the log.
        self.commit([])
        self._engine.server.exit_code = 1
        self._stop_server()

    def _load(self) -> None:
        assert self._loading is not None
        try:
            next(self._loading)
        except StopIteration:
            self._loading = None
            self._engine.server.is_loading = False
            self._engine.guards.update_watchful()
        except StorageError as error:
            logger.critical("the log cannot be loaded: %s", error)
            self._engine.server.exit_code = error.exit_code
            self._stop_server()
        except Exception:
            logger.exception("the log cannot be loaded")
            self._engine.server.exit_code = 1
            self._stop_server()
        else:
            self.loop.call_soon(self._load)

    def _cron(self) -> None:
        if self._loading is None and not self._turn.has_failed:
            self._engine.cron(EXPIRED_AT_ONCE)
            self._saving.prove()
            self.commit([])
            self._slices.expire()
        self.loop.call_later(CRON_SECONDS, self._cron)
