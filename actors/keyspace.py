"""KeyspaceActor: owns the engine.

It runs the batches that connections mail, in the order in which they came, and mails
one commit for each turn to the log writer: all entries, and all replies, which the log
writer lets go when the entries are safe. Reads go the same road, so that nobody is
shown a write before it is as safe as the fsync policy promises.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope

from actors.cooperative import CooperativeActor, CooperativeInbox
from actors.messages import (
    Admit,
    Answered,
    Backlog,
    Batch,
    ClientClosed,
    ClientOpened,
    ClientWaits,
    Close,
    Commit,
    HeldReply,
    Inquire,
    Limits,
    LogTrouble,
    Neighbours,
    Push,
    SnapshotEnded,
    SnapshotProgress,
    Status,
)
from actors.saving import Saving
from app.errors import CommandError
from app.protocol.encoder import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from actors.loop import Loop, Timer
    from app.commands.context import Session
    from app.engine.engine import Engine
    from app.keyspace.keyspace import Keyspace

logger = logging.getLogger(__name__)

CRON_SECONDS = 0.1
EXPIRED_A_TURN = 1000


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
        self._log_writer: CooperativeInbox | None = None
        self._historian: CooperativeInbox | None = None
        self._mailboxes: dict[int, CooperativeInbox] = {}
        self._held: dict[int, Batch] = {}
        self._listening: set[int] = set()
        self._replies: list[tuple[CooperativeInbox, Any]] = []
        self._waiting: list[HeldReply] = []
        self._waiter_timer: Timer | None = None
        self._waiter_due_ms = 0
        self._has_failed = False

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
        if self._replies:
            # Those of the batches before the script's, which this turn has run.
            before = self._replies[:]
            self._replies.clear()
            self._commit(before)
        if not self.inbox.empty():
            self.inbox.drain()  # what came with the script waits behind it
        self.loop.run_once(0.0)

    def receive_all(self, mail: deque[Any]) -> None:
        """Take all mail, then commit what it made."""
        replies: list[tuple[CooperativeInbox, Any]] = []
        interrupted, self._replies = self._replies, replies
        mailboxes = self._mailboxes
        sessions = self._engine.server.sessions
        run = self._engine.run
        received = sent = reads = 0
        self._engine.read_clock()
        while mail:
            message = mail.popleft()
            if type(message) is not Batch:
                self._take(message)
                continue
            session = sessions.get(message.client_id)
            if session is None or self._has_failed:
                continue
            was_special = session.is_special
            if was_special and self._engine.pushes and self._engine.unit is None:
                # What was pushed to the client before comes before these replies.
                self._deliver_pushes(replies)
            try:
                data = run(session, message.commands)
            except Exception:  # noqa: BLE001 - any bug: memory may differ from the log
                self._stop_for_bug(session, message.commands)
                return
            if session.postponed is not None:
                self._hold(session, message, data, replies)
                continue
            mailbox = mailboxes.get(message.client_id)
            if mailbox is None:
                continue  # gone while its script let others be served
            replies.append((mailbox, data))
            received += message.size
            sent += len(data)
            reads += 1
            if was_special or session.is_special or session.is_closing or message.error:
                self._follow_up(session, message, replies)
        if reads:
            self._engine.server.count_traffic(received, sent, reads)
        self._replies = interrupted
        self._commit(replies)

    def _commit(self, replies: list[tuple[CooperativeInbox, Any]]) -> None:
        engine = self._engine
        if engine.blocking.woken:
            self._deliver_woken(replies)
        if engine.unit is None:
            if engine.tracking.changed or engine.tracking.is_void:
                engine.tracking.finish_turn()
            if engine.pushes:
                self._deliver_pushes(replies)
        if engine.closings:
            self._deliver_closings(replies)
        if engine.server.saves.is_due:
            self._waiting.append(self._saving.order())
        if engine.entries or replies or self._waiting:
            assert self._log_writer is not None
            self._log_writer.post(Commit(engine.entries, replies, self._waiting))
            engine.entries = []
            if self._waiting:
                self._waiting = []
        for inquiry in engine.inquiries:
            # Behind the commit: a client is to find what it has written itself.
            assert self._historian is not None
            self._historian.post(Inquire(inquiry))
            engine.inquiries = []
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

    def _deliver_pushes(self, replies: list[tuple[CooperativeInbox, Any]]) -> None:
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

    def _deliver_closings(self, replies: list[tuple[CooperativeInbox, Any]]) -> None:
        for client_id in self._engine.closings:
            mailbox = self._mailboxes.get(client_id)
            if mailbox is not None:
                replies.append((mailbox, Close()))
        self._engine.closings.clear()

    def _resume_held(self) -> None:
        """Run what was held back, but not for clients that wait for a key."""
        for batch in list(self._held.values()):
            session = self._engine.server.sessions.get(batch.client_id)
            if session is not None and session.waiter is None:
                session.postponed = None
                self.inbox.post(self._held.pop(batch.client_id))

    def _deliver_woken(self, replies: list[tuple[CooperativeInbox, Any]]) -> None:
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
            if batch.commands or batch.error is not None:
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
        seconds = (due_ms - self._engine.context.now_ms) / 1000
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
        self._commit([])

    def _check_log(self) -> None:
        """Save and load, or load, as DEBUG asks; stop where memory is another state."""
        writer = self._log_writer
        if self._engine.entries or writer is None or not writer.empty():
            # What memory has and the log has not would look like a difference.
            self.loop.call_soon(self._check_log)
            return
        if not self._saving.reload():
            self._has_failed = True
            self._stop_server()

    def _hold(
        self,
        session: Session,
        batch: Batch,
        data: bytes,
        replies: list[tuple[CooperativeInbox, Any]],
    ) -> None:
        """Keep what is left of a batch until the engine says that it may go on.

        The connection gets the replies so far as a push, which does not let it read on.
        """
        assert session.postponed is not None
        self._held[batch.client_id] = batch._replace(commands=session.postponed)
        mailbox = self._mailboxes[batch.client_id]
        mailbox.post(ClientWaits())
        if session.is_authenticated:
            mailbox.post(Admit())
        if data:
            replies.append((mailbox, Push(data)))

    def _follow_up(
        self,
        session: Session,
        batch: Batch,
        replies: list[tuple[CooperativeInbox, Any]],
    ) -> None:
        """Do what a batch asks for besides its replies."""
        mailbox = self._mailboxes[batch.client_id]
        if session.hold is not None:
            held = HeldReply(mailbox, replies.pop()[1], session.hold)
            is_saved = session.hold.awaited_save
            (self._saving.waiting if is_saved else self._waiting).append(held)
            session.hold = None
            session.update_special()
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

    def _take(self, message: Any) -> None:
        """Take mail that is no batch."""
        if isinstance(message, Envelope):
            if isinstance(message.message, Neighbours):
                self._log_writer, self._historian = message.message
            elif isinstance(message.message, SnapshotProgress | SnapshotEnded):
                self._commit(self._saving.take(message.message, self._log_writer))
            else:
                super().receive_all(deque([message]))
        elif isinstance(message, ClientOpened):
            self._mailboxes[message.client_id] = message.mailbox
            self._engine.open_session(
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
            session = self._engine.server.sessions.get(message.client_id)
            if session is not None:
                self._engine.close_session(session)
        elif isinstance(message, Backlog):
            session = self._engine.server.sessions.get(message.client_id)
            if session is not None:
                session.backlog_bytes = message.size
                session.backlog_items = message.items
        elif isinstance(message, Answered):
            session = self._engine.server.sessions.get(message.client_id)
            if session is not None:
                self._engine.blocking.retry(session)
        elif isinstance(message, LogTrouble):
            self._engine.guards.disk_error = message.reason
            self._engine.guards.update_watchful()
        elif isinstance(message, Status):
            self._saving.note_log(message.fields)
        else:
            self.on_receive(message)

    def _stop_for_bug(self, session: Session, commands: list[list[bytes]]) -> None:
        """Stop the server: memory may no longer equal the log."""
        logger.exception(  # noqa: LOG004 - called where the exception is caught
            "internal error in a command of client id=%d (one of %s); the server "
            "stops, and recovers its state from the log at the next start",
            session.id,
            b" ".join(argv[0] for argv in commands[:20]).decode(errors="replace"),
        )
        self._has_failed = True
        mailbox = self._mailboxes[session.id]
        mailbox.post(b"-ERR internal error\r\n")
        # What ran before the bug is whole: its records go to the log.
        self._commit([])
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
        except Exception:
            logger.exception("the log cannot be loaded")
            self._engine.server.exit_code = 1
            self._stop_server()
        else:
            self.loop.call_soon(self._load)

    def _cron(self) -> None:
        if self._loading is None and not self._has_failed:
            self._engine.cron(EXPIRED_A_TURN)
            self._saving.prove()
            self._commit([])
        self.loop.call_later(CRON_SECONDS, self._cron)
