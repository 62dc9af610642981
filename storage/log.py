"""The command log: a folder of segments that one process appends to.

The road of a record: `append` writes it to the open segment, `sync` makes it durable,
and when the segment is full it is sealed and the next one begun. docs/log-format.md
goes through every point at which a crash can interrupt this.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, NoReturn

from joblog.storage.batch import BatchEncoder
from joblog.storage.copier import copy_seal
from joblog.storage.errors import SequenceMismatchError, StorageError, SyncFailedError
from joblog.storage.open_segment import OpenSegment
from joblog.storage.opening import LogOpening, finish
from joblog.storage.running_digest import Helper
from joblog.storage.sealing import Sealer
from joblog.storage.segment import SegmentFooter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from joblog.storage.copier import Copier
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder, SegmentInfo
    from joblog.storage.lock import FolderLock
    from joblog.storage.opening import OpenedLog
    from joblog.storage.record import Draft
    from joblog.storage.running_digest import Ask, Turn
    from joblog.storage.tail import TailReport

SEGMENT_BYTES_MAX = 64 * 1024 * 1024

_logger = logging.getLogger(__name__)


class Log:
    """A command log, open to append.

    One thread appends. `sync` may be called by one other thread meanwhile; no lock is
    needed, because what the two share is single attributes that are swapped whole.

    Attributes:
        tail: what opening found at the end of the log, and what it cut off.
        stale_pid: the process that had this folder before and did not stop cleanly.
        keyspace_digest: called right after an append that fills a segment; its 20
            bytes, a digest of the state after the last record, go into the seal.
        written_bytes: how many were appended since it was opened.
        news_at_bytes: once it is more, there is news.
        has_news: that, or a segment was sealed, or `needs_sync` is so; whoever looks at
            these sets it back.
        copier: is told of all that was written; None where nobody is.
    """

    def __init__(
        self,
        folder: LogFolder,
        filesystem: FileSystem,
        lock: FolderLock,
        opened: OpenedLog,
        *,
        now_ms: Callable[[], int],
        segment_bytes_max: int,
    ) -> None:
        """Take over a folder that was made ready; use `open` instead."""
        self.tail: TailReport = opened.report
        self.stale_pid = lock.stale_pid
        self.keyspace_digest: Callable[[], bytes] | None = None
        self.copier: Copier | None = None
        self.written_bytes, self.news_at_bytes = 0, sys.maxsize
        self.has_news = False
        self._folder, self._lock = folder, lock
        self._filesystem = filesystem
        self._now_ms = now_ms
        self._encoder = BatchEncoder()
        self._sealed = opened.sealed
        tail = opened.tail
        self._last_seq = tail.last_seq
        self._synced_seq = tail.last_seq
        self._last_at_ms = tail.last_at_ms
        self._sealer = Sealer(filesystem, folder, segment_bytes_max)
        self._helper: Helper | None = None
        self._failure: str | None = None
        self._is_closed = False
        path = folder.segment_path(tail.header.first_seq)
        file = filesystem.open_to_append(path)
        self._use(
            OpenSegment(filesystem, path, file, tail.header, tail.size, tail.digest)
        )

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        filesystem: FileSystem,
        now_ms: Callable[[], int],
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Log:
        """Lock a data folder, recover its log, and open it to append.

        Missing folders are made; an empty one gets a new log. A torn tail is cut off
        and kept beside the segment, see `tail`. Of sealed segments header and footer
        are read; `read_records` checks the rest while it reads.

        Raises:
            LogLockedError: another process has the folder open.
            CorruptLogError: the log is damaged in a way that no crash explains.
            StorageError: the disk refused something.
        """
        opening = LogOpening(folder, filesystem)
        ready, most = finish(opening.steps(now_ms())), segment_bytes_max
        return cls.take_over(
            opening, ready, filesystem=filesystem, now_ms=now_ms, segment_bytes_max=most
        )

    @classmethod
    def take_over(
        cls,
        opening: LogOpening,
        opened: OpenedLog,
        *,
        filesystem: FileSystem,
        now_ms: Callable[[], int],
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
    ) -> Log:
        """Return the log of a folder that was locked and made ready, as `open` does.

        Raises:
            StorageError: the disk refused something; the folder is given back.
        """
        folder, lock = opening.folder, opening.lock
        limit = segment_bytes_max
        try:
            return cls(
                folder, filesystem, lock, opened, now_ms=now_ms, segment_bytes_max=limit
            )
        except OSError as error:
            opening.release()
            raise opening.refusal(error) from error

    def defer_seals(self) -> None:
        """Leave what waits at a seal to `sync`, which is soon called (`needs_sync`)."""
        self._sealer.defer()

    def hash_aside(self, ask: Ask, turn: Turn) -> None:
        """Let another thread hash long writes: `ask` has it called, by turns."""
        self._helper = self._open.digest.helper = Helper(ask, turn)

    def limit_segments(self, segment_bytes_max: int) -> None:
        """Seal segments at another size from now on, the open one included."""
        self._sealer.limit(segment_bytes_max)

    def seal_if_due(self) -> None:
        """Seal the open segment where that is due, though nothing is appended.

        Raises:
            SyncFailedError: the log can't be relied on any more: stop.
        """
        is_due = self._open.size >= self._sealer.seal_at
        if is_due and self._failure is None and not self._open.must_cut:
            self._try_to_seal()

    def append(self, drafts: Sequence[Draft], expected_last_seq: int) -> int:
        """Write records behind the last one, all in one write, all or none.

        They are durable when `sync` has returned their number or a higher one.

        Args:
            drafts: the records, each as (at_ms, db, effects, origin), the origin as
                `encode_origin` gives it.
            expected_last_seq: the number of the last record, as the caller knows it.

        Returns:
            The number of the last record now.

        Raises:
            WriteFailedError: the disk did not take it, for want of room say. Nothing
                of it is in the log; the same append may be tried again.
            RecordTooLargeError: a record does not fit into a frame; nothing is
                written.
            SequenceMismatchError: the log ends with another number.
            SyncFailedError: the log can't be relied on any more: stop.
        """
        if expected_last_seq != self._last_seq:
            raise SequenceMismatchError(
                f"{self._folder.path}: an append behind seq {expected_last_seq}, but "
                f"the log ends with seq {self._last_seq}"
            )
        segment = self._open
        if self._failure is not None or segment.must_cut:
            self._require_sound()
        data, last_seq, last_at_ms = self._encoder.encode(
            drafts, segment.heads, expected_last_seq, self._synced_seq, self._last_at_ms
        )
        assert last_seq == expected_last_seq + len(drafts)
        assert last_at_ms >= self._last_at_ms
        try:
            segment.write(data)
        except SyncFailedError as error:
            self._fail(str(error))
        self.written_bytes += len(data)
        if self.written_bytes > self.news_at_bytes:
            self.has_news = True
        self._last_seq = last_seq
        self._last_at_ms = last_at_ms
        self._written = segment.file, last_seq
        if self.copier is not None:
            self.copier.copy_frames(data, last_seq)
        if segment.size >= self._sealer.seal_at:
            self._try_to_seal()
        return last_seq

    def sync(self) -> int:
        """Make durable all that was appended before the call; may run in a thread.

        Returns:
            The number of the last record that is durable now.

        Raises:
            SyncFailedError: the disk refused. The log takes nothing after this, and
                the call is not to be repeated: stop.
        """
        if self._failure is not None:
            self._require_sound()
        sealer = self._sealer
        sealer.needs_sync = False
        try:
            # A segment sealed since the last call: no call uses its file any more.
            sealer.close_retired()
        except OSError as error:
            self._fail(f"{self._folder.log_path}: close failed: {error}")
        # In this order: a seal that comes in between is finished, or its segment's file
        # is the one that is synced.
        file, seq = self._written
        try:
            sealer.finish()
            self._filesystem.fdatasync(file)
            sealer.prepare_in_time(self._open)
        except SyncFailedError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"{self._open.path}: fdatasync failed: {error}")
        # A seal in the other thread may have got further; lower is only cautious.
        self._synced_seq = max(seq, self._synced_seq)
        return seq

    def close(self) -> None:
        """Make all durable and give the folder back; the log is of no use after.

        Raises:
            SyncFailedError: the disk refused, or had refused before.
            StorageError: the file could not be closed.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.sync()
        finally:
            self._failure = self._failure or f"{self._folder.path}: the log is closed"
            self._sealer.close()
            try:
                self._filesystem.close(self._open.file)
            except OSError as error:
                path = self._open.path
                raise StorageError(f"{path}: close failed: {error}") from error
            finally:
                self._lock.release()

    # --- what is known of it ------------------------------------------------------

    @property
    def last_seq(self) -> int:
        """The number of the last record; 0 in an empty log."""
        return self._last_seq

    @property
    def synced_seq(self) -> int:
        """The highest number that is known to be durable."""
        return self._synced_seq

    @property
    def needs_sync(self) -> bool:
        """Whether a seal waits for `sync`, see `defer_seals`."""
        return self._sealer.needs_sync

    @property
    def last_at_ms(self) -> int:
        """The time of the last record; no later one gets an earlier time."""
        return self._last_at_ms

    @property
    def first_seq(self) -> int:
        """The number of the first record that the log still has."""
        return self.segments[0].first_seq

    @property
    def open_first_seq(self) -> int:
        """The number that the open segment starts with; it rises with each seal."""
        return self._open.header.first_seq

    @property
    def log_id(self) -> str:
        """The id of this log, in every segment: 32 hexadecimal digits."""
        return self._open.header.log_id.hex()

    @property
    def size_bytes(self) -> int:
        """The size of all segments."""
        return sum(info.size_bytes for info in self._sealed) + self._open.size

    @property
    def digest_hex(self) -> str:
        """The digest at `last_seq`: SHA-256 of its segment up to the record's end.

        A header carries the digests of all before it: it stands for the whole history.
        """
        if self._sealed and self._open.is_empty:
            footer = self._sealed[-1].footer
            assert footer is not None
            return footer.digest.hex()
        return self._open.digest.hexdigest()

    @property
    def segments(self) -> list[SegmentInfo]:
        """The segments in order; the last one is open."""
        return [*self._sealed, self._open.info]

    def note_segments(self, first_seq: int, sizes: dict[int, int]) -> None:
        """Take note that sealed segments were pruned or packed.

        Args:
            first_seq: those that start before it are gone.
            sizes: how many bytes others have now, by their first numbers.
        """
        self._sealed = [
            info._replace(size_bytes=sizes.get(info.first_seq, info.size_bytes))
            for info in self._sealed
            if info.first_seq >= first_seq
        ]

    # --- segments -----------------------------------------------------------------

    def _use(self, segment: OpenSegment) -> None:
        """Append to a segment from now on."""
        # The header says that nothing in the segment is earlier than it is.
        self._last_at_ms = max(self._last_at_ms, segment.header.created_at_ms)
        self._open = segment
        segment.digest.helper = self._helper
        self._written = segment.file, self._last_seq

    def _require_sound(self) -> None:
        """Refuse after a failure; clean up first what a failed append left."""
        if self._failure is not None:
            raise SyncFailedError(self._failure)
        try:
            self._open.require_cut()
        except SyncFailedError as error:
            self._fail(str(error))

    def _fail(self, text: str) -> NoReturn:
        """Refuse everything from now on."""
        self._failure = f"{text}; data may be lost, the log takes nothing more"
        raise SyncFailedError(self._failure)

    def _try_to_seal(self) -> None:
        """Seal the open segment and begin the next one; go on with it if that fails."""
        ended = self._open
        try:
            sealed = self._sealer.seal_if_ready(ended, self._make_footer)
        except SyncFailedError as error:
            self._fail(str(error))
        if sealed is not None:
            if not self._sealer.defers:
                self._synced_seq = self._last_seq
            self._go_on_in(ended, *sealed)
        if sealed is not None or self.needs_sync:
            self.has_news = True

    def _go_on_in(
        self, ended: OpenSegment, footer: SegmentFooter, begun: OpenSegment
    ) -> None:
        """Go on in the segment behind one that was sealed."""
        assert begun.header.first_seq == self._last_seq + 1
        self._sealed.append(ended.sealed_info(footer))
        _logger.info("%s: sealed after seq %d", ended.path, footer.last_seq)
        if self.copier is not None:
            copy_seal(self.copier, footer, ended.header, begun.header)
        self._use(begun)

    def _make_footer(self) -> SegmentFooter:
        state = self.keyspace_digest() if self.keyspace_digest is not None else b""
        at_ms = max(self._now_ms(), self._last_at_ms)
        return SegmentFooter(self._last_seq, at_ms, self._open.digest.digest(), state)
