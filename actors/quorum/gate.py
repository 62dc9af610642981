"""The gate: replies wait until the quorum has what they tell of.

It is that of `reply-after-replicas`, for another kind of replica, and it knows two
more things. Reads are held too while nobody knows whether this server still leads:
without its lease, another may. And while the store takes nothing clients are closed
whose writes came too late to be refused: what becomes of them is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.actors.master.held_replies import HeldReplies, Passing
from joblog.actors.messages import Close

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence

    from joblog.actors.inbox import Replies
    from joblog.actors.messages import Mailbox
    from joblog.actors.quorum.mail import StoreTrouble
    from joblog.app.engine.outbox import Entry


class QuorumGate(HeldReplies):
    """Replies that wait for a quorum; the log writer owns it."""

    WAITING = "%d replies wait for the store of the log (log-store)"
    GOING = "the store of the log answers again: replies go out"
    LOST = "%d clients are closed: it is not known whether the store has their writes"

    def __init__(self, may_read: Callable[[], bool]) -> None:
        """Hold what comes from now on.

        Args:
            may_read: whether this server knows that it leads.
        """
        super().__init__()
        self._may_read = may_read
        self._is_shut = False
        self._written = self._told = 0
        self.begin()

    def note(self, entries: Sequence[Entry], last_seq: int) -> None:
        """Note which of the records that were appended changes something."""
        super().note(entries, last_seq)
        self._written = self._changed

    def take(self, seq: int, replies: Replies) -> None:
        """Deliver replies, or hold them; close who wrote while the gate is shut."""
        if self._is_shut:
            due = min(seq, self._written)
            if due > self._told:
                self._told = due
                replies = _close_all(replies)
        elif not self._may_read():
            self._hold(seq, replies)
            return
        super().take(seq, replies)

    def _hold(self, seq: int, replies: Replies) -> None:
        """Hold replies though the quorum may have all that they tell of."""
        reached, self._reached = self._reached, -1
        super().take(seq, replies)
        self._reached = reached

    def reach(self, seq: int) -> None:
        """Deliver what waited for records that the quorum has, if this server leads."""
        self._reached = max(self._reached, seq)
        if self._may_read():
            super().reach(seq)

    def note_store(
        self, news: StoreTrouble, unsynced: deque[tuple[int, Replies]], told: Mailbox
    ) -> None:
        """Close who waits for a store that takes nothing, or hold replies again."""
        if news.reason is None:
            self.reopen()
        else:
            self.shut(unsynced)
        told.post(news)

    def shut(self, unsynced: deque[tuple[int, Replies]]) -> None:
        """Close who waits; whoever does not write is answered at once from now on."""
        self._is_shut = True
        self._told = self._written
        self.abandon(unsynced)

    def reopen(self) -> None:
        """Hold replies again that tell of what the quorum has not."""
        self._is_shut = False
        self._is_on = True


def _close_all(replies: Replies) -> Replies:
    """Return what closes those that replies are for; what tells of no data stays."""
    kept: Replies = []
    closed = set()
    for inbox, mail in replies:
        if isinstance(mail, Passing):
            kept.append((inbox, mail))
        elif inbox not in closed:
            closed.add(inbox)
            kept.append((inbox, Close(at_once=True)))
    return kept
