"""Mailboxes: the clients' connections, as the keyspace mails to them.

Replies go to whoever sent the batch. Here is the rest: what is pushed, who is closed,
and the batches that are postponed until the engine says that they may go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.actors.messages import Admit, ClientWaits, Close, Limits, Push
from joblog.actors.traffic import Batch
from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.actors.inbox import Inbox, Replies
    from joblog.actors.messages import Backlog
    from joblog.app.engine.engine import Engine
    from joblog.app.state.session import Session

_WAITS: Final = ClientWaits()


class Mailboxes:
    """Where each client's mail goes, and what of its commands is postponed."""

    def __init__(
        self, engine: Engine, inbox: Inbox, later: Callable[[float, Replies], None]
    ) -> None:
        """Begin without clients.

        Args:
            engine: says who is pushed what, who is closed and who wakes.
            inbox: the keyspace's own, where batches go on.
            later: commits replies after so many seconds.
        """
        self._outbox, self._server = engine.outbox, engine.server
        self._sessions = engine.server.sessions
        self._inbox = inbox
        self._mailboxes: dict[int, Inbox] = {}
        self._postponed: dict[int, Batch] = {}
        self._listening: set[int] = set()
        self._admitted: set[int] = set()
        self._later = later

    def open(self, client_id: int, mailbox: Inbox) -> None:
        """Mail to a client from now on."""
        self._mailboxes[client_id] = mailbox

    def note_backlog(self, message: Backlog) -> None:
        """Note what waits for a client, and of it."""
        session = self._sessions.get(message.client_id)
        if session is not None:
            if message.query or message.size < session.backlog_bytes:
                # It sends, or reads: not idle, though no command ends.
                session.last_ms = self._server.steady_ms()
            session.backlog_bytes = message.size
        self._server.note_buffers(message.query, message.size)

    def find(self, client_id: int) -> Inbox | None:
        """Return where a client's mail goes; None for one that is gone."""
        return self._mailboxes.get(client_id)

    def close(self, client_id: int) -> None:
        """Forget a client that is gone, and what it had sent."""
        self._mailboxes.pop(client_id, None)
        self._postponed.pop(client_id, None)
        self._listening.discard(client_id)
        self._admitted.discard(client_id)

    def deliver_pushes(self, replies: Replies) -> None:
        """Send what is pushed: all that one client gets in one piece, in order.

        Never while a script runs, from which the loop may be re-entered: what it says
        leaves with the end of it, behind what it wrote.
        """
        pushes: dict[int, list[bytes]] = {}
        for client_id, data in self._outbox.pushes:
            pushes.setdefault(client_id, []).append(data)
        self._outbox.pushes.clear()
        for client_id, pieces in pushes.items():
            mailbox = self._mailboxes.get(client_id)
            session = self._sessions.get(client_id)
            if mailbox is None:
                continue
            if session is not None and session.unsent is not None:
                # Nothing comes in the middle of a reply: the rest of it goes in front.
                pieces.insert(0, self._outbox.end_long(session))
                if session.is_closing:  # there was no memory for it
                    replies.append((mailbox, Close(at_once=True)))
                    continue
            replies.append((mailbox, Push(b"".join(pieces))))

    def deliver_broadcasts(self, replies: Replies) -> None:
        """Send what is told once of a whole turn: as in Redis, before its replies.

        Only behind what the turn has for the same client.
        """
        told: Replies = []
        self.deliver_pushes(told)
        served = {mailbox for mailbox, _ in replies}
        behind = [mail for mail in told if mail[0] in served]
        replies[:0] = [mail for mail in told if mail[0] not in served]
        replies += behind

    def deliver_closings(self, replies: Replies) -> None:
        """Close the connections of those who are to go."""
        for client_id in self._outbox.closings:
            mailbox = self._mailboxes.get(client_id)
            if mailbox is not None:
                replies.append((mailbox, Close(at_once=True)))
        self._outbox.closings.clear()

    def resume(self) -> None:
        """Run what was postponed, but not for clients that wait for a key."""
        for batch in list(self._postponed.values()):
            session = self._sessions.get(batch.client_id)
            if session is not None and session.waiter is None:
                session.postponed = None
                self._inbox.post(self._postponed.pop(batch.client_id))

    def deliver_woken(self, replies: Replies) -> None:
        """Answer clients that wait no longer, and run what they sent behind."""
        woken, self._outbox.woken = self._outbox.woken, []
        for client_id, data in woken:
            batch = self._postponed.pop(client_id, None)
            session = self._sessions.get(client_id)
            if batch is None or session is None:
                continue
            session.postponed = None
            mailbox = self._mailboxes[client_id]
            if session.is_closing:
                replies += [(mailbox, Push(data)), (mailbox, Close())]
            elif batch.commands or batch.error is not None:
                replies.append((mailbox, Push(data)))
                self._inbox.post(batch)
            else:
                replies.append((mailbox, data))

    def postpone(
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
        self._postponed[batch.client_id] = Batch(
            batch.client_id, batch.inbox, session.postponed, batch.error
        )
        mailbox.post(_WAITS)
        self._admit(session, mailbox)
        if data:
            replies.append((mailbox, Push(data)))

    def _hold_back(self, session: Session, mailbox: Inbox, replies: Replies) -> None:
        """Hold back the last replies, a client's whose login has failed.

        They go with what is left of its batch, which was cut there.
        """
        mailbox.post(_WAITS)
        self._later(session.held_ms / 1000, [replies.pop()])
        session.held_ms = 0
        session.update_special()

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
        if session.held_ms:
            self._hold_back(session, mailbox, replies)
        is_listening = session.subscriptions is not None
        if is_listening != (session.id in self._listening):
            self._listening ^= {session.id}
            mailbox.post(Limits("pubsub" if is_listening else "normal"))
        if batch.error is not None:
            error = CommandError(batch.error.text)
            self._server.count_error(error)
            replies.append((mailbox, Push(encode(error, session.resp))))
            session.is_closing = True
        if session.is_closing:
            replies.append((mailbox, Close()))
        else:
            self._admit(session, mailbox)

    def _admit(self, session: Session, mailbox: Inbox) -> None:
        """Let a client send more than a stranger may, once it is known."""
        if session.is_authenticated and session.id not in self._admitted:
            self._admitted.add(session.id)
            mailbox.post(Admit())
