"""Appender: how the log writer takes commits where nothing is out of the ordinary.

    commit -> entries to the log, one write -> replies to the clients

The log writer owns it, and sees to the rest: policy `always`, a full disk, replies that
wait. It is a class of its own so that mypyc makes it native.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, final

from joblog.actors.inbox import Inbox, Receiver, Replies, deliver
from joblog.actors.messages import Appended, Mailbox, Tapped
from joblog.actors.traffic import Commit
from joblog.storage.errors import StorageError
from joblog.storage.fsync import FsyncPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.actors.command_log import CommandLog
    from joblog.actors.master.held_replies import HeldReplies
    from joblog.app.engine.outbox import Entry


@final
class Delivery(Receiver):
    """Delivers replies that were left for it."""

    __slots__ = ()

    def receive_all(self, inbox: Inbox) -> None:
        """Leave each client its mail, in order."""
        while not inbox.empty():
            deliver(inbox.take())


@final
class Appender(Receiver):
    """Appends commits, and keeps those that cannot go on yet.

    Attributes:
        held: (sequence number, replies), in order, that wait until it is durable.
        unwritten: entries that the disk did not take, in order.
        unwritten_replies: the replies to them.
        tap: where what was appended is told; None where nobody asks. Replies go behind
            what it does with that: replicas are sent a write before its client hears
            of it, so that a kill in between costs nothing that was acknowledged.
        sieve: holds what goes out until replicas have it; None where nobody asks.
        is_closed: nothing is appended or acknowledged any more, for good.
    """

    __slots__ = (
        "_actor",
        "_behind",
        "_last_seq",
        "_log",
        "_policy",
        "_write_to",
        "held",
        "is_closed",
        "sieve",
        "tap",
        "unwritten",
        "unwritten_replies",
    )

    def __init__(
        self, log: CommandLog | None, policy: Callable[[], FsyncPolicy], actor: Any
    ) -> None:
        """Append to a log, or to none.

        Args:
            log: the open log, or None for a server that keeps none, or whose log is
                not open yet.
            policy: asked at each commit, since CONFIG SET may change it.
            actor: the log writer.
        """
        self._policy = policy
        self._actor = actor
        self.held: deque[tuple[int, Replies]] = deque()
        self.unwritten: list[Entry] = []
        self.unwritten_replies: Replies = []
        self.is_closed = False
        self.tap: Mailbox | None = None
        self._behind: Inbox | None = None
        self.sieve: HeldReplies | None = None
        self._log: CommandLog | None = None
        self._write_to: Callable[[Sequence[Entry], int], int]
        self._last_seq = 0
        if log is not None:
            self.use(log)

    def use(self, log: CommandLog) -> None:
        """Append to a log from now on; nothing was to be appended before."""
        self._log = log
        # Bound once: the call of every commit that writes.
        self._write_to = log.append
        self._last_seq = log.last_seq

    def append_unwritten(self) -> None:
        """Append what the disk did not take before.

        Raises:
            WriteFailedError: it takes it no more than before.
            StorageError: the log cannot be relied on any more.
        """
        self._last_seq = self._write_to(self.unwritten, self._last_seq)
        if self.sieve is not None:
            self.sieve.note(self.unwritten, self._last_seq)
        if self.tap is not None:
            self.tap.post(Appended(self.unwritten, self._last_seq))

    def note_taken(self, last_seq: int) -> None:
        """Note that the log has taken another's records, and how far it is now."""
        self._last_seq = last_seq

    def let_go(self, seq: int, replies: Replies) -> None:
        """Let replies go that are as safe here as the fsync policy promises.

        Args:
            seq: the last record before them.
            replies: in order.
        """
        if self.sieve is not None:
            self.sieve.take(seq, replies)
        else:
            self.deliver(replies)

    def deliver(self, replies: Replies) -> None:
        """Let replies go, behind what the tap does with its mail."""
        if self._behind is None:
            deliver(replies)
        elif replies:
            # It stands in the run queue behind the tap, which has its mail already.
            self._behind.post(replies)

    def hold_by(self, sieve: HeldReplies) -> None:
        """Let replies go as `sieve` lets them from now on."""
        sieve.deliver = self.deliver
        self.sieve = sieve

    def tell(self, tap: Mailbox) -> None:
        """Say from now on what is appended."""
        self.tap = tap
        if self._behind is None:
            self._behind = Inbox()
            self._behind.bind(Delivery(), self._actor.loop)
        tap.post(Tapped(self._last_seq))

    def receive_all(self, inbox: Inbox) -> None:
        """Take all mail: nearly always one commit."""
        while not inbox.empty():
            message = inbox.take()
            if isinstance(message, Commit):
                if not self.is_closed:
                    self._append(message)
            else:
                self._actor.receive(message)

    def on_failure(self, error: Exception) -> bool:
        """Acknowledge nothing more: what the log holds is uncertain."""
        self._actor.give_up(f"internal error of the log writer: {error!r}")
        return False

    def _append(self, commit: Commit) -> None:
        log = self._log
        if log is None:
            if commit.entries:
                raise RuntimeError("there is a record, but no log that is open")
            deliver(commit.replies)
        elif commit.entries:
            if self.unwritten:
                self.unwritten += commit.entries
                self.unwritten_replies += commit.replies
            else:
                self._write(log, commit)
        elif self.held:
            # Behind what waits: replies keep their order.
            self.held.append((self._last_seq, commit.replies))
        else:
            self.let_go(self._last_seq, commit.replies)
        if commit.orders and not self.is_closed:
            self._actor.wait(commit.orders)

    def _write(self, log: CommandLog, commit: Commit) -> None:
        try:
            # The number that the log gave last: it refuses if others have appended.
            last_seq = self._last_seq = self._write_to(commit.entries, self._last_seq)
        except StorageError as error:
            self._actor.on_write_failed(commit, error)
            return
        if self.sieve is not None:
            self.sieve.note(commit.entries, last_seq)
        if self.tap is not None:
            self.tap.post(Appended(commit.entries, last_seq))
        if log.has_news:
            self._actor.look_at_log()
        if self.held or self._policy() is FsyncPolicy.ALWAYS:
            self.held.append((last_seq, commit.replies))
            self._actor.sync_if_held()
        else:
            self.let_go(last_seq, commit.replies)
