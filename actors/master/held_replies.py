"""Held replies: what clients are told once replicas have what it tells of.

The log writer owns them, where `reply-after-replicas` asks for it. A reply waits for
the last record before it that changed something, whoever wrote that, so nobody is shown
what a failover might lose. Replies that tell nothing of the data pass.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.actors.inbox import Inbox, deliver
from joblog.actors.master.mail import Hold, Reached, Release
from joblog.actors.messages import ClientWaits, Close, Push
from joblog.actors.quorum.mail import StoreTrouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.actors.inbox import Replies
    from joblog.actors.messages import Mailbox
    from joblog.actors.traffic import Batch
    from joblog.app.engine.outbox import Entry

logger = logging.getLogger(__name__)

_PASSING: Final = frozenset(
    b"ACL AUTH CLIENT COMMAND CONFIG DISCARD ECHO FAILOVER HELLO INFO LATENCY MULTI "
    b"PING PSUBSCRIBE PSYNC PUBLISH PUBSUB PUNSUBSCRIBE QUIT REPLCONF REPLICAOF ROLE "
    b"SELECT SENTINEL SLAVEOF SLOWLOG SPUBLISH SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC "
    b"TIME UNSUBSCRIBE UNWATCH".split()
)
"""What tells nothing of the data: replicas, Sentinel and people need it meanwhile."""


class Passing(NamedTuple):
    """Mail that goes before what is held, but not before what its client is to get."""

    mail: Any


def passes(batch: Batch, data: bytes) -> bool:
    """Say whether what a batch was answered tells nothing of the data."""
    commands = batch.commands
    if len(commands) == 1 and data.startswith(b"-NOREPLICAS"):
        return True
    begun = False
    for argv in commands:
        word = argv[0].upper()
        begun = begun or word == b"MULTI"
        if word not in _PASSING and not (begun and word == b"EXEC"):
            return False
    return True


def let_pass(replies: Replies, first: int) -> None:
    """Let replies pass, from one on."""
    replies[first:] = [(inbox, Passing(mail)) for inbox, mail in replies[first:]]


class _Held(NamedTuple):
    seq: int
    inbox: Inbox
    mail: Any


class HeldReplies:
    """Replies in the order in which they were made, and what they wait for.

    Attributes:
        deliver: takes the replies that go; who owns this sets it.
    """

    WAITING = "%d replies wait for replicas (reply-after-replicas)"
    GOING = "replicas have what was written: replies go out again"
    LOST = "%d clients are closed whose writes not enough replicas had"

    def __init__(self) -> None:
        """Begin with none; nothing is held before `begin`."""
        self.deliver: Callable[[Replies], None] = deliver
        self._is_on = False
        self._changed = self._reached = 0
        self._waiting: deque[_Held] = deque()
        self._behind: dict[Inbox, int] = {}
        self._has_warned = False
        self._first_seq = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def begin(self) -> None:
        """Hold replies from now on; what was written before is not waited for."""
        self._is_on = True
        self._reached = max(self._reached, self._changed)

    def note(self, entries: Sequence[Entry], last_seq: int) -> None:
        """Note which of the records that were appended changes something, if one does.

        Args:
            entries: of the records, in order.
            last_seq: the number of the last.
        """
        for back, entry in enumerate(reversed(entries)):
            if entry[2]:
                self._changed = last_seq - back
                return

    def take(self, seq: int, replies: Replies) -> None:
        """Deliver replies, or hold them.

        Args:
            seq: the last record before them.
            replies: in order.
        """
        due = min(seq, self._changed)
        is_held = self._is_on and due > self._reached
        behind, going = self._behind, list[tuple[Inbox, Any]]()
        for inbox, mail in replies:
            if isinstance(mail, Passing):
                is_late, mail = inbox in behind, mail.mail  # noqa: PLW2901 - what it holds
            else:
                is_late = is_held or inbox in behind
            if is_late:
                self._waiting.append(_Held(due, inbox, mail))
                behind[inbox] = behind.get(inbox, 0) + 1
            else:
                going.append((inbox, mail))
        self.deliver(going)

    def reach(self, seq: int) -> None:
        """Deliver what waited for records that enough replicas have."""
        self._reached = max(self._reached, seq)
        going = list[tuple[Inbox, Any]]()
        while self._waiting and self._waiting[0].seq <= self._reached:
            going.append(self._let_go())
        self.deliver(going)

    def release(self) -> None:
        """Deliver all, and hold nothing more."""
        self._is_on = False
        self.deliver([self._let_go() for _ in range(len(self._waiting))])

    def _let_go(self) -> tuple[Inbox, Any]:
        held = self._waiting.popleft()
        left = self._behind[held.inbox] - 1
        if left:
            self._behind[held.inbox] = left
        else:
            del self._behind[held.inbox]
        return held.inbox, held.mail

    def note_store(
        self, news: StoreTrouble, unsynced: deque[tuple[int, Replies]], told: Mailbox
    ) -> None:
        """Note that a store takes nothing, or all again: for those that have one."""
        raise AssertionError((news, unsynced, told))

    def abandon(self, unsynced: deque[tuple[int, Replies]]) -> None:
        """Close the connections of all who wait: it is not known if writes stay.

        Args:
            unsynced: those that wait for this server's disk too.
        """
        waiting = dict.fromkeys(self._behind)
        for _, replies in unsynced:
            lost = [one[0] for one in replies if not isinstance(one[1], Passing)]
            waiting |= dict.fromkeys(lost)
            replies[:] = [one for one in replies if isinstance(one[1], Passing)]
        if waiting:
            logger.warning(self.LOST, len(waiting))
        for inbox in waiting:
            inbox.post(Close(at_once=True))
        self._waiting.clear()
        self._behind.clear()
        self._is_on = False

    def look(self) -> None:
        """See who has hung up; say it once if replies wait for long. Each second."""
        waiting = self._waiting
        if not waiting:
            if self._has_warned:
                logger.warning("%s", self.GOING)
            self._has_warned = False
            return
        kept: deque[_Held] = deque()
        for held in waiting:
            if held.inbox.is_closed():
                self._behind.pop(held.inbox, None)
                continue
            kept.append(held)
            if not isinstance(held.mail, Push | Close):
                held.inbox.post(ClientWaits())
        self._waiting = kept
        first_seq, self._first_seq = self._first_seq, waiting[0].seq
        if first_seq == self._first_seq and not self._has_warned:
            self._has_warned = True
            logger.warning(self.WAITING, len(kept))


def take_news(
    appender: Any, news: Hold | Release | Reached | StoreTrouble, keyspace: Mailbox
) -> None:
    """Let replies wait, or let them go.

    Args:
        appender: the log writer's; it gets who holds them where nobody does yet.
        news: what they are to do.
        keyspace: is told of trouble with a store.
    """
    sieve: HeldReplies | None = appender.sieve
    if sieve is None:
        sieve = HeldReplies()
        appender.hold_by(sieve)
    if isinstance(news, StoreTrouble):
        sieve.note_store(news, appender.held, keyspace)
    elif isinstance(news, Hold):
        sieve.begin()
    elif isinstance(news, Reached):
        sieve.reach(news.seq)
    elif news.is_lost:
        sieve.abandon(appender.held)
    else:
        sieve.release()
