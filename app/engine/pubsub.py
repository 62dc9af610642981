"""Publish and subscribe: who listens to which channel.

    publish -> the client of each subscription to the channel, in RESP2 or RESP3
            -> the client of each pattern that matches it
            -> Outbox.push: to others with the end of the turn, so that nobody hears of
               a write before it is as safe as the fsync policy promises; to the client
               that runs just now, behind the reply to its command

Nothing of it is in the log, and nothing is kept for those who come later.

Source: Redis 7.2; see tests/parity/test_pubsub.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.keyspace.glob import compile_glob
from joblog.app.protocol.encoder import encode_bulks
from joblog.app.reply import RESP3, Push, Replies
from joblog.app.state.subscriptions import CHANNEL, PATTERN, Kind, Subscriptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from joblog.app.engine.outbox import Outbox
    from joblog.app.keyspace.glob import Matcher
    from joblog.app.state.session import Session


Subscribers = dict["Session", None]
"""Clients, in the order in which they subscribed."""


class PubSub:
    """The subscriptions of all clients.

    Attributes:
        subscribers: for each kind (channel, pattern, shard channel): name -> clients.
        clients: how many clients are subscribed to anything.
    """

    def __init__(self, outbox: Outbox) -> None:
        """Make the subscriptions of an engine; there are none yet."""
        self._outbox = outbox
        self.subscribers: tuple[dict[bytes, Subscribers], ...] = ({}, {}, {})
        self.clients = 0
        self._matchers: dict[bytes, Matcher] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens to a channel or pattern."""
        return not (self.subscribers[0] or self.subscribers[1])

    def subscribe(
        self, session: Session, kind: Kind, names: Iterable[bytes]
    ) -> Replies:
        """Let a client listen; return the confirmations, one for each name."""
        subscriptions = session.subscriptions
        if subscriptions is None:
            subscriptions = session.subscriptions = Subscriptions({}, {}, {})
            self.clients += 1
            session.update_special()
        mine, subscribers = subscriptions[kind.place], self.subscribers[kind.place]
        word = kind.prefix + b"subscribe"
        confirmations = Replies()
        for name in names:
            if name not in mine:
                mine[name] = None
                subscribers.setdefault(name, {})[session] = None
                if kind is PATTERN and name not in self._matchers:
                    self._matchers[name] = compile_glob(name)
            confirmations.append(Push([word, name, subscriptions.count(kind)]))
        return confirmations

    def unsubscribe(
        self, session: Session, kind: Kind, names: Sequence[bytes]
    ) -> Replies:
        """Let a client listen no longer, to anything of the kind where none is named.

        Returns:
            The confirmations: one for each name, subscribed to or not.
        """
        subscriptions = session.subscriptions or Subscriptions({}, {}, {})
        word = kind.prefix + b"unsubscribe"
        confirmations = Replies()
        for name in names or list(subscriptions[kind.place]):
            if name in subscriptions[kind.place]:
                self._remove(session, subscriptions, kind, name)
            confirmations.append(Push([word, name, subscriptions.count(kind)]))
        if not confirmations:
            confirmations.append(Push([word, None, subscriptions.count(kind)]))
        if session.subscriptions is not None and subscriptions.is_empty:
            self._forget(session)
        return confirmations

    def forget(self, session: Session) -> None:
        """End all subscriptions of a client, and tell it nothing of it."""
        subscriptions = session.subscriptions
        if subscriptions is None:
            return
        for place, names in enumerate(subscriptions):
            for name in list(names):
                self._remove(session, subscriptions, Kind(b"", place), name)
        self._forget(session)

    def _remove(
        self, session: Session, subscriptions: Subscriptions, kind: Kind, name: bytes
    ) -> None:
        del subscriptions[kind.place][name]
        subscribers = self.subscribers[kind.place][name]
        del subscribers[session]
        if not subscribers:
            del self.subscribers[kind.place][name]
            if kind.place == PATTERN.place:
                del self._matchers[name]

    def _forget(self, session: Session) -> None:
        session.subscriptions = None
        self.clients -= 1
        session.update_special()

    # --- messages ------------------------------------------------------------------

    def publish(self, channel: bytes, message: bytes, kind: Kind = CHANNEL) -> int:
        """Send a message to all who listen to a channel, or to a shard channel.

        Returns:
            How many messages that makes: a client may have several subscriptions
            that match.
        """
        count = 0
        subscribers = self.subscribers[kind.place].get(channel)
        if subscribers:
            count += len(subscribers)
            self._send(subscribers, (kind.prefix + b"message", channel, message))
        if kind is CHANNEL and self._matchers:
            for pattern, matches in self._matchers.items():
                if matches(channel):
                    subscribers = self.subscribers[PATTERN.place][pattern]
                    count += len(subscribers)
                    self._send(subscribers, (b"pmessage", pattern, channel, message))
        return count

    def _send(self, subscribers: Subscribers, words: tuple[bytes, ...]) -> None:
        data = encode_bulks(words)
        pushed = b">" + data[1:]
        push = self._outbox.push
        for session in subscribers:
            push(session, pushed if session.resp == RESP3 else data)
