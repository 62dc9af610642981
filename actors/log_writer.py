"""LogWriter: owns the command log, and lets replies go when their records are safe.

Group commit: all entries of one turn of the keyspace are appended with one write. Then,
as the fsync policy says: `no` and `everysec` let the replies go; `always` holds them
until the syncer has reported their records durable, while the keyspace goes on.

While a write fails, the entries are kept in order and tried again, and the replies to
them are held: those clients know neither yes nor no, which is the truth. The keyspace
is told, and refuses further writes. A failed fsync ends the server.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from actors.cooperative import CooperativeActor, CooperativeInbox
from actors.messages import (
    Commit,
    HeldReply,
    LogTrouble,
    SegmentsChanged,
    Status,
    Sync,
    Synced,
    SyncFailed,
)
from actors.syncer import Syncer
from actors.waiting import WaitingReplies
from storage.errors import StorageError, WriteFailedError
from storage.fsync import FsyncPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pykka

    from actors.loop import Loop
    from app.engine.effects import Entry
    from storage.log import Log

logger = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
RETRY_SECONDS = 0.1

Replies = list[tuple[CooperativeInbox, Any]]


class LogWriter(CooperativeActor):
    """Appends, syncs, and delivers replies."""

    def __init__(
        self,
        loop: Loop,
        log: Log | None,
        policy: Callable[[], FsyncPolicy],
        keyspace: CooperativeInbox,
        stop_server: Callable[[], None],
    ) -> None:
        """Take over a log.

        Args:
            loop: the loop to run on.
            log: the open log, or None for a server that keeps none.
            policy: asked at each commit, since CONFIG SET may change it.
            keyspace: where trouble is reported.
            stop_server: called when an fsync failed.
        """
        super().__init__(loop)
        self._log = log
        self._policy = policy
        self._keyspace = keyspace
        self._stop_server = stop_server
        self._syncer: pykka.ActorRef[Syncer] | None = None
        self._is_syncing = False
        self._held: deque[tuple[int, Replies]] = deque()
        self._unwritten: list[Entry] = []
        self._unwritten_replies: Replies = []
        self._has_failed = False
        self._waiting = WaitingReplies(loop)

    def on_start(self) -> None:
        """Start the syncer."""
        if self._log is not None:
            self._log.defer_seals()
            self._syncer = Syncer.start(self._log, self.actor_ref)
            self.loop.call_later(SYNC_SECONDS, self._sync_each_second)

    def on_stop(self) -> None:
        """Make everything durable, whatever the policy, and close the log."""
        if self._syncer is not None:
            self._syncer.stop()
        if self._log is None or self._has_failed:
            return
        try:
            if self._unwritten:
                self._log.append(self._unwritten, self._log.last_seq)
                _deliver(self._unwritten_replies)
            self._log.close()
        except StorageError as error:
            self._give_up(str(error))
            return
        for _, replies in self._held:
            _deliver(replies)
        self._held.clear()
        self._waiting.release(self._log.last_seq)

    def on_receive(self, message: Any) -> None:
        """Append a commit, or note what the syncer did."""
        if type(message) is Commit:
            self._append(message)
            if message.held and not self._has_failed:
                self._wait(message.held)
        elif type(message) is Synced:
            self._is_syncing = False
            self._release(message.seq)
            self._waiting.release(message.seq)
            self._sync_if_held()
        elif type(message) is SegmentsChanged:
            if self._log is not None:
                self._log.note_segments(message.first_seq, message.sizes)
        elif type(message) is SyncFailed:
            self._give_up(message.reason)
        else:
            super().on_receive(message)

    def _append(self, commit: Commit) -> None:
        log = self._log
        if log is None:
            _deliver(commit.replies)
            return
        if self._has_failed:
            return
        if commit.entries:
            if self._unwritten:
                self._unwritten += commit.entries
                self._unwritten_replies += commit.replies
                return
            try:
                log.append(commit.entries, log.last_seq)
            except WriteFailedError as error:
                self._hold_unwritten(commit, error)
                return
            except StorageError as error:
                self._give_up(str(error))
                return
        if self._held or (commit.entries and self._policy() is FsyncPolicy.ALWAYS):
            self._held.append((log.last_seq, commit.replies))
            self._sync_if_held()
        else:
            _deliver(commit.replies)
            if log.needs_sync:
                self._sync_if_held()

    def _wait(self, held: Sequence[HeldReply]) -> None:
        """Let replies wait for what they wait for, all entries so far included."""
        seq, synced_seq = 0, 0
        if self._log is not None:
            seq = self._log.last_seq + len(self._unwritten)
            synced_seq = self._log.synced_seq
        for reply in held:
            self._waiting.add(reply, seq)
        self._waiting.release(synced_seq)
        self._sync_if_held()

    # --- syncing -----------------------------------------------------------------

    def _sync_if_held(self) -> None:
        log = self._log
        if log is None or self._is_syncing:
            return
        is_awaited = self._held or self._waiting.needs_sync(log.last_seq)
        if is_awaited or log.needs_sync:
            self._sync()

    def _sync(self) -> None:
        assert self._syncer is not None
        self._is_syncing = True
        self._syncer.tell(Sync())

    def _release(self, seq: int) -> None:
        held = self._held
        while held and held[0][0] <= seq:
            _deliver(held.popleft()[1])

    def _sync_each_second(self) -> None:
        log = self._log
        assert log is not None
        is_behind = log.synced_seq < log.last_seq
        is_due = log.needs_sync
        if is_behind and self._policy() is not FsyncPolicy.NO:
            is_due = True
        is_idle = not self._is_syncing and not self._has_failed
        if is_idle and is_due:
            self._sync()
        self._report()
        self.loop.call_later(SYNC_SECONDS, self._sync_each_second)

    def _report(self) -> None:
        log = self._log
        assert log is not None
        fields = {
            "log_last_seq": log.last_seq,
            "log_synced_seq": log.synced_seq,
            "log_size_bytes": log.size_bytes,
            "log_first_seq": log.first_seq,
            "log_segments": len(log.segments),
        }
        self._keyspace.post(Status(fields))

    def _give_up(self, reason: str) -> None:
        """Acknowledge nothing more, for good: what the log holds is uncertain."""
        logger.critical("%s; the server stops and acknowledges nothing more", reason)
        self._has_failed = True
        self._held.clear()
        self._stop_server()

    # --- a disk that takes no writes -----------------------------------------------

    def _hold_unwritten(self, commit: Commit, error: StorageError) -> None:
        logger.error("the log cannot be written, writes are refused: %s", error)
        self._unwritten = commit.entries
        self._unwritten_replies = commit.replies
        # What clients are told is Redis's line: the system's own words, no paths.
        reason = getattr(error.__cause__, "strerror", None) or str(error)
        self._keyspace.post(LogTrouble(reason.encode()))
        self.loop.call_later(RETRY_SECONDS, self._retry)

    def _retry(self) -> None:
        log = self._log
        assert log is not None
        try:
            log.append(self._unwritten, log.last_seq)
        except WriteFailedError:
            self.loop.call_later(RETRY_SECONDS, self._retry)
            return
        except StorageError as error:
            self._give_up(str(error))
            return
        logger.warning("the log can be written again, writes are accepted")
        replies, self._unwritten_replies = self._unwritten_replies, []
        self._unwritten = []
        self._keyspace.post(LogTrouble(None))
        self._held.append((log.last_seq, replies))
        if self._policy() is FsyncPolicy.ALWAYS:
            self._sync_if_held()
        else:
            self._release(log.last_seq)
            self._sync_if_held()


def _deliver(replies: Replies) -> None:
    for mailbox, mail in replies:
        mailbox.post(mail)
