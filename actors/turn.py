"""Turn: how the keyspace goes through its mail, batch by batch.

    inbox -> batch -> engine -> (inbox of the client, encoded replies) -> one commit

A batch that takes long, or whose replies are many, is cut: the rest goes back to the
connection with the first replies, and comes again when all others had a turn and the
client has taken its replies (`joblog.actors.wire`).

The keyspace actor owns it, and is asked whatever is not the same for every batch. It is
a class of its own so that mypyc makes it native: every request comes through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from joblog.actors.inbox import Inbox, Receiver, Replies
from joblog.actors.master.held_replies import let_pass, passes
from joblog.actors.traffic import Batch, Commit, Portion

if TYPE_CHECKING:
    from joblog.actors.mailboxes import Mailboxes
    from joblog.actors.messages import Order
    from joblog.app.engine.engine import Engine
    from joblog.app.state.session import Session

SLICE_NS: Final = 4_000_000
SLICE_BYTES: Final = 256 * 1024
"""A batch that took longer, or made more bytes of replies, is cut there: others go
first, and a client that does not read has to before the rest of it runs."""


@final
class Turn(Receiver):
    """Runs batches, in the order in which they came.

    Attributes:
        replies: those of the turn under way that were not committed yet. Empty between
            turns; a script that runs for long lets them go before its own.
        log_writer: where commits go.
        orders: what waits for the log to be durable, for the next commit.
        has_failed: a bug showed; nothing runs any more.
        is_holding: replies may have to wait for replicas: some are to pass.
    """

    __slots__ = (
        "_actor",
        "_engine",
        "_mailboxes",
        "_outbox",
        "has_failed",
        "is_holding",
        "log_writer",
        "orders",
        "replies",
    )

    def __init__(self, engine: Engine, actor: Any, mailboxes: Mailboxes) -> None:
        """Make the turns of an engine.

        Args:
            engine: applies the commands.
            actor: the keyspace actor.
            mailboxes: those of the clients.
        """
        self._engine = engine
        self._outbox = engine.outbox
        self._actor = actor
        self._mailboxes = mailboxes
        engine.slice_ns, engine.slice_bytes = SLICE_NS, SLICE_BYTES
        self.replies: Replies = []
        self.orders: list[Order] = []
        self.has_failed = self.is_holding = False
        self.log_writer: Inbox | None = None

    def receive_all(self, inbox: Inbox) -> None:
        """Take all mail, then commit what it made."""
        replies: Replies = []
        interrupted, self.replies = self.replies, replies
        engine = self._engine
        sessions = engine.server.sessions
        engine.context.read_clock()
        while not inbox.empty():
            message = inbox.take()
            if not isinstance(message, Batch):
                self._actor.receive(message)
                continue
            session = sessions.get(message.client_id)
            if session is None or self.has_failed:
                continue
            try:
                self._run(session, message, replies)
            except Exception as error:  # noqa: BLE001 - any bug: see `on_failure`
                self.has_failed = True
                self._actor.stop_for_command(message, error)
                break
        if self._outbox.woken and not self.has_failed:
            self._mailboxes.deliver_woken(replies)
        if self.has_failed:
            self._actor.commit_what_is_whole(replies)
        elif self._outbox.has_news():
            self._actor.commit(replies)
        else:
            self.post_commit(replies)
        self.replies = interrupted

    def on_failure(self, error: Exception) -> bool:  # noqa: ARG002 - the loop has it
        """Run nothing more: memory may no longer be what the log says.

        What ran before is whole: its records go to the log, and its replies out.
        """
        self.has_failed = True
        self._actor.commit_what_is_whole(self.replies)
        return False

    def _run(self, session: Session, batch: Batch, replies: Replies) -> None:
        """Run a batch, and add its replies to those of the turn."""
        engine = self._engine
        was_special = session.is_special
        outbox = self._outbox
        if was_special and outbox.pushes and engine.context.unit is None:
            # What was pushed to the client before comes before these replies.
            self._mailboxes.deliver_pushes(replies)
        if self.is_holding and outbox.pushes and engine.context.unit is None:
            self._mailboxes.deliver_pushes(replies)  # of those before, which may wait
        first, given = len(replies), batch
        data = engine.run(session, batch.commands)
        if session.postponed is not None:
            self._mailboxes.postpone(session, batch, data, replies)
            return
        if outbox.rest is None:
            replies.append((batch.inbox, data))
        else:
            batch = self._cut(batch, data, replies)
        if (
            was_special
            or session.is_special
            or session.is_closing
            or batch.error is not None
        ):
            self._mailboxes.follow_up(session, batch, replies)
        if self.is_holding and passes(given, data):
            if outbox.pushes and engine.context.unit is None:
                self._mailboxes.deliver_pushes(replies)
            let_pass(replies, first)

    def _cut(self, batch: Batch, data: bytes, replies: Replies) -> Batch:
        """Give the connection what is left of a batch; return the part that has run."""
        rest, self._outbox.rest = self._outbox.rest, None
        assert rest is not None
        client_id, inbox = batch.client_id, batch.inbox
        left = Batch(client_id, inbox, rest, batch.error)
        replies.append((inbox, Portion(data, left)))
        return Batch(client_id, inbox, [], None)

    def post_commit(self, replies: Replies) -> None:
        """Mail what was made to the log writer, if it is anything."""
        outbox = self._outbox
        entries, orders = outbox.entries, self.orders
        if (entries or replies or orders) and self.log_writer is not None:
            outbox.entries = []
            self.orders = []
            self.log_writer.post(Commit(entries, replies, orders))
            if replies is self.replies:
                self.replies = []
