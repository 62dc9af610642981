"""LogWriter: owns the command log, and lets replies go when their records are safe.

Group commit: all entries of one turn of the keyspace are appended with one write. Then,
as the fsync policy says: `no` and `everysec` let the replies go; `always` holds them
until their records are durable. On a quick disk one sync at the end of the tick does
that, for all that came in it (docs/decisions/0046); on a slow one the syncer does, and
the keyspace goes on meanwhile.

While a write fails, the entries are kept in order and tried again, and the replies to
them are held: those clients know neither yes nor no, which is the truth. The keyspace
is told, and refuses further writes. A failed fsync ends the server.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from joblog.actors.appender import Appender
from joblog.actors.cooperative import CooperativeActor
from joblog.actors.digester import start_digester
from joblog.actors.master.held_replies import take_news
from joblog.actors.master.mail import Hold, Reached, Release
from joblog.actors.messages import (
    Aside,
    Durable,
    LogOpened,
    LogTrouble,
    Order,
    SegmentsChanged,
    SegmentSealed,
    Status,
    Sync,
    SyncFailed,
    Tap,
)
from joblog.actors.quorum.mail import StoreTrouble
from joblog.actors.replica.mail import EndTaking, GoBack, Take
from joblog.actors.sync_delays import SyncDelays
from joblog.actors.syncer import Syncer
from joblog.actors.taker import Taker
from joblog.actors.unsynced import UnsyncedAge
from joblog.actors.waiting import WaitingOrders
from joblog.storage.errors import StorageError, WriteFailedError
from joblog.storage.fsync import FsyncPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pykka

    from joblog.actors.command_log import CommandLog
    from joblog.actors.digester import Digester
    from joblog.actors.disk_watch import DiskWatch
    from joblog.actors.inbox import Inbox
    from joblog.actors.loop import Loop
    from joblog.actors.quorum.keeping import Quorum
    from joblog.actors.traffic import Commit

logger = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
RETRY_SECONDS = 0.1


class LogWriter(CooperativeActor):
    """Appends, syncs, and delivers replies."""

    def __init__(
        self,
        loop: Loop,
        log: CommandLog | None,
        policy: Callable[[], FsyncPolicy],
        keyspace: Inbox,
        stop_server: Callable[[], None],
        disk: DiskWatch | None = None,
        each_second: Callable[[CommandLog], None] | None = None,
        quorum: Quorum | None = None,
    ) -> None:
        """Take over a log.

        Args:
            loop: the loop to run on.
            log: the open log, or None for a server that keeps none, or whose log is
                not open yet (see `use`).
            policy: asked at each commit, since CONFIG SET may change it.
            keyspace: where trouble is reported.
            stop_server: called when an fsync failed.
            disk: how much room there is; None where nobody cares.
            each_second: called with the log each second.
            quorum: keeps the log too, if somebody does.
        """
        super().__init__(loop)
        self._log = log
        self._disk = disk
        self._each_second = each_second
        self._write_trouble: bytes | None = None
        self._told_trouble: bytes | None = None
        self._ages = UnsyncedAge()
        self._appender = Appender(log, policy, self)
        self.actor_inbox.bind(self._appender, loop)
        self._policy, self._keyspace = policy, keyspace
        self._stop_server = stop_server
        self._syncer: pykka.ActorRef[Syncer] | None = None
        self._digester: pykka.ActorRef[Digester] | None = None
        self._is_syncing, self._quorum = False, quorum
        self._asked_seq = self._open_first_seq = 0
        self._waiting, self._delays = WaitingOrders(), SyncDelays(loop)
        self._taker = Taker(self)

    def on_start(self) -> None:
        """Start the syncer, where there is a log."""
        if self._log is not None:
            self._begin(self._log)

    def _begin(self, log: CommandLog) -> None:
        log.defer_seals()
        self._digester, ask = start_digester()
        log.hash_aside(ask, threading.Lock())
        self._open_first_seq = log.open_first_seq
        self._syncer = Syncer.start(log, self.actor_ref)
        if self._quorum is not None:
            self._appender.hold_by(self._quorum.begin(self.actor_ref.tell))
        if self._each_second is not None:
            self._each_second(log)
        self.look_at_disk()
        self._report()
        self.loop.call_later(SYNC_SECONDS, self._sync_each_second, self._appender)

    def on_stop(self) -> None:
        """Make everything durable, whatever the policy, and close the log."""
        if self._syncer is not None:
            self._syncer.stop()
        if self._digester is not None:
            self._digester.stop()
        appender = self._appender
        had_failed, appender.is_closed = appender.is_closed, True
        if self._log is None or had_failed:
            return
        try:
            if appender.unwritten:
                appender.append_unwritten()
                appender.let_go(self._log.last_seq, appender.unwritten_replies)
            self._log.close()
            if self._quorum is not None:
                self._quorum.end()
        except StorageError as error:
            self.give_up(str(error))
            return
        for seq, replies in appender.held:
            appender.let_go(seq, replies)
        appender.held.clear()
        self._waiting.release(self._log.last_seq)

    def on_receive(self, message: Any) -> None:
        """Let go what is durable; note what others do to the log."""
        if type(message) is Durable:
            if message.seconds is not None:
                self._is_syncing = False
                self._delays.end(message.seconds)
            self._release(message.seq)
            self._waiting.release(message.seq)
            self._taker.go_on()
            self.sync_if_held()
        elif type(message) is LogOpened:
            self._log = message.log
            self._appender.use(message.log)
            self._begin(message.log)
        elif isinstance(message, Take | EndTaking | GoBack):
            self._taker.take(message)
        elif type(message) is Tap:
            self._appender.tell(message.inbox)
        elif isinstance(message, Hold | Release | Reached | StoreTrouble):
            take_news(self._appender, message, self._keyspace)
        elif type(message) is SegmentsChanged:
            if self._log is not None:
                self._log.note_segments(message.first_seq, message.sizes)
        elif type(message) is SyncFailed:
            self.give_up(message.reason)
        else:
            super().on_receive(message)

    def wait(self, orders: Sequence[Order]) -> None:
        """Let orders wait until all entries so far are durable."""
        seq, synced_seq = 0, 0
        if self._log is not None:
            seq = self._log.last_seq + len(self._appender.unwritten)
            synced_seq = self._log.synced_seq
        for order in orders:
            self._waiting.add(order, seq)
        self._waiting.release(synced_seq)
        self.sync_if_held()

    # --- syncing -----------------------------------------------------------------

    def sync_if_held(self) -> None:
        """Sync what replies wait for, once no sync is under way.

        Each record once: what is not durable after a sync, others make so, and say it.
        """
        log = self._log
        if log is None or self._is_syncing:
            return
        if log.needs_sync:
            self._sync(log)
            return
        is_awaited = self._appender.held or self._waiting.needs_sync(log.last_seq)
        if not is_awaited or log.last_seq <= self._asked_seq:
            return
        if self._delays.is_quick and self._policy() is FsyncPolicy.ALWAYS:
            self._is_syncing = True
            self.loop.call_soon(self._sync_here, self._appender)
        else:
            self._sync(log)

    def _sync_here(self) -> None:
        """Sync at the end of the tick, when all that came in it is appended."""
        log = self._log
        assert log is not None
        self._is_syncing = False
        if self._appender.is_closed:
            return
        self._asked_seq = log.last_seq
        began = monotonic()
        try:
            seq = log.sync()
        except StorageError as error:
            self.give_up(str(error))
            return
        self._delays.end(monotonic() - began)
        self._release(seq)
        self._waiting.release(seq)
        self._taker.go_on()

    def _sync(self, log: CommandLog) -> None:
        assert self._syncer is not None
        self._is_syncing = True
        self._asked_seq = log.last_seq
        self._delays.begin()
        self._syncer.tell(Sync())

    def _release(self, seq: int) -> None:
        held = self._appender.held
        while held and held[0][0] <= seq:
            self._appender.let_go(*held.popleft())

    def _sync_each_second(self) -> None:
        log = self._log
        assert log is not None
        is_full = self._told_trouble is not None and not self._appender.is_closed
        if is_full:
            self._seal_while_full(log)
        is_behind = log.synced_seq < log.last_seq
        # On a full disk also for what a sync closes: files that were pruned since.
        is_due = log.needs_sync or is_full
        is_due |= is_behind and self._policy() is not FsyncPolicy.NO
        if self._is_syncing:
            self._delays.look()
        is_idle = not self._is_syncing and not self._appender.is_closed
        if is_idle and is_due:
            self._sync(log)
        if self._each_second is not None:
            self._each_second(log)
        self.look_at_disk()
        if self._appender.sieve is not None:
            self._appender.sieve.look()
        self._report()
        self.loop.call_later(SYNC_SECONDS, self._sync_each_second, self._appender)

    def _seal_while_full(self, log: CommandLog) -> None:
        """Seal a segment that is due: nothing is appended, and only sealed ones go."""
        try:
            if not self._taker.takes(log):  # it is sealed where the other one is
                log.seal_if_due()
        except StorageError as error:
            self.give_up(str(error))

    def _report(self) -> None:
        log = self._log
        assert log is not None
        fields = {**self._ages.look_at(log), **self._delays.status()}
        for other in (self._disk, self._quorum):
            if other is not None:
                fields |= other.status()
        self._keyspace.post(Status(fields))

    def give_up(self, reason: str) -> None:
        """Acknowledge nothing more, for good: what the log holds is uncertain."""
        logger.critical("%s; the server stops and acknowledges nothing more", reason)
        self._appender.is_closed = True
        self._appender.held.clear()
        self._stop_server()

    def look_at_log(self) -> None:
        """See what is new with the log; the appender asks when there is anything."""
        log = self._log
        assert log is not None
        log.has_news = False
        if log.open_first_seq != self._open_first_seq:
            self._open_first_seq = log.open_first_seq
            self._keyspace.post(SegmentSealed())
        if log.written_bytes > log.news_at_bytes:
            self.look_at_disk()
        self.sync_if_held()

    def on_write_failed(self, commit: Commit, error: StorageError) -> None:
        """Keep a commit that the disk did not take; stop where the log is in doubt."""
        if not isinstance(error, WriteFailedError):
            self.give_up(str(error))
            return
        self._appender.unwritten = commit.entries
        self._appender.unwritten_replies = commit.replies
        self._note_trouble(error)
        self.loop.call_later(RETRY_SECONDS, self._retry, self._appender)

    def look_at_disk(self) -> None:
        """Look how much room there is, and when to look again."""
        disk, log = self._disk, self._log
        if disk is None or log is None:
            return
        disk.look()
        log.news_at_bytes = log.written_bytes + disk.bytes_until_look
        self._tell_trouble()

    def _tell_trouble(self) -> None:
        """Tell the keyspace why clients may not write, where that has changed."""
        trouble = self._write_trouble
        if trouble is None and self._disk is not None:
            trouble = self._disk.trouble
        if trouble != self._told_trouble:
            self._told_trouble = trouble
            self._keyspace.post(LogTrouble(trouble))
            self._report()

    def free_log(self) -> CommandLog | None:
        """Return the log, for the taker, where no sync is under way."""
        appender = self._appender
        is_busy = self._is_syncing or appender.is_closed or appender.unwritten
        return None if is_busy else self._log

    def do_aside(self, work: Callable[[], None]) -> None:
        """Have the syncer do what takes long; the taker goes on then."""
        self._is_syncing = True
        self._syncer.tell(Aside(work))  # type: ignore[union-attr]  # there is a log

    def sync_taken(self, log: CommandLog) -> None:
        """Have what was taken made durable; the taker goes on then."""
        if self._delays.is_quick:
            self._is_syncing = True
            self.loop.call_soon(self._sync_here, self._appender)
        else:
            self._sync(log)

    def note_taken(self, log: CommandLog) -> None:
        """Note that others' records are in the log: the disk takes them."""
        self._appender.note_taken(log.last_seq)
        self._asked_seq = min(self._asked_seq, log.last_seq)  # it may have gone back
        self._write_trouble = None
        self._tell_trouble()
        if log.has_news:
            self.look_at_log()

    def retry_taking(self, error: Exception) -> None:
        """Say that the disk takes nothing, and have the taker try again."""
        self._note_trouble(error)
        self.loop.call_later(RETRY_SECONDS, self._taker.go_on, self._appender)

    def _note_trouble(self, error: Exception) -> None:
        logger.error("the log cannot be written, writes are refused: %s", error)
        # What clients are told is Redis's line: the system's own words, no paths.
        # (Compiled with mypyc, `raise from` sets the context alone.)
        cause = error.__cause__ or error.__context__ or error
        reason = getattr(cause, "strerror", None) or str(error)
        self._write_trouble = reason.encode()
        self._tell_trouble()

    def _retry(self) -> None:
        log = self._log
        assert log is not None
        try:
            self._appender.append_unwritten()
        except WriteFailedError:
            self.loop.call_later(RETRY_SECONDS, self._retry, self._appender)
            return
        except StorageError as error:
            self.give_up(str(error))
            return
        logger.warning("the log can be written again, writes are accepted")
        replies, self._appender.unwritten_replies = self._appender.unwritten_replies, []
        self._appender.unwritten = []
        self._write_trouble = None
        self._tell_trouble()
        self._appender.held.append((log.last_seq, replies))
        if self._policy() is not FsyncPolicy.ALWAYS:
            self._release(log.last_seq)
        self.sync_if_held()
        self._taker.go_on()
