"""The command log: a folder of segments that one process appends to.

The road of a record: `append` writes it to the open segment, `sync` makes it durable,
and when the segment is full it is sealed and the next one begun. docs/log-format.md
goes through every point at which a crash can interrupt this.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, NoReturn

from joblog.storage.batch import BatchEncoder
from joblog.storage.errors import (
    SequenceMismatchError,
    StorageError,
    SyncFailedError,
    WriteFailedError,
)
from joblog.storage.filesystem import write_all
from joblog.storage.folder import SegmentInfo
from joblog.storage.frame import FrameHeads
from joblog.storage.log_facts import LogFacts
from joblog.storage.opening import LogOpening, finish
from joblog.storage.sealing import Sealer
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES, SegmentFooter

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.lock import FolderLock
    from joblog.storage.opening import OpenedLog
    from joblog.storage.record import Draft
    from joblog.storage.segment import SegmentHeader
    from joblog.storage.tail import TailReport

SEGMENT_BYTES_MAX = 64 * 1024 * 1024

_SEAL_RETRY_BYTES = 1024 * 1024

_logger = logging.getLogger(__name__)


class Log(LogFacts):
    """A command log, open to append.

    One thread appends. `sync` may be called by one other thread meanwhile; no lock is
    needed, because what the two share is single attributes that are swapped whole.

    Attributes:
        tail: what opening found at the end of the log, and what it cut off.
        stale_pid: the process that had this folder before and did not stop cleanly.
        keyspace_digest: called right after an append that fills a segment; its 20
            bytes, a digest of the state after the last record, go into the seal.
        needs_sync: whether a seal waits for `sync`, see `defer_seals`.
        written_bytes: how many were appended since it was opened.
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
        self.needs_sync = False
        self.written_bytes = 0
        self._folder = folder
        self._filesystem = filesystem
        self._lock = lock
        self._now_ms = now_ms
        self._segment_bytes_max = segment_bytes_max
        self._encoder = BatchEncoder()
        self._sealed = opened.sealed
        tail = opened.tail
        self._last_seq = tail.last_seq
        self._synced_seq = tail.last_seq
        self._last_at_ms = tail.last_at_ms
        self._sealer = Sealer(filesystem, folder)
        self._failure: str | None = None
        self._is_closed = False
        self._must_cut = False
        file = filesystem.open_to_append(folder.segment_path(tail.header.first_seq))
        self._use_segment(file, tail.header, tail.size, tail.digest)

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
        and kept beside the segment, see `tail`. Sealed segments are not read here
        beyond header and footer; `read_records` checks them while it reads.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            now_ms: the clock, for headers and footers.
            segment_bytes_max: a segment that reaches this size is sealed.

        Raises:
            LogLockedError: another process has the folder open.
            CorruptLogError: the log is damaged in a way that no crash explains.
            StorageError: the disk refused something.
        """
        opening = LogOpening(folder, filesystem)
        return cls.take_over(
            opening,
            finish(opening.steps(now_ms())),
            filesystem=filesystem,
            now_ms=now_ms,
            segment_bytes_max=segment_bytes_max,
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
        """Return the log of a folder that was locked and made ready; see `open`.

        Args:
            opening: has the lock.
            opened: what its steps came to.
            filesystem: the door to the disk.
            now_ms: the clock, for headers and footers.
            segment_bytes_max: a segment that reaches this size is sealed.

        Raises:
            StorageError: the disk refused something; the folder is given back.
        """
        try:
            return cls(
                opening.folder,
                filesystem,
                opening.lock,
                opened,
                now_ms=now_ms,
                segment_bytes_max=segment_bytes_max,
            )
        except OSError as error:
            opening.release()
            raise opening.refusal(error) from error

    def defer_seals(self) -> None:
        """Leave the waiting for the disk at a seal to `sync`.

        It must be called soon where `needs_sync` says so, whatever the policy.
        """
        self._sealer.defers = True
        self._seal_at //= 2

    def limit_segments(self, segment_bytes_max: int) -> None:
        """Seal segments at another size from now on, the open one included."""
        if segment_bytes_max != self._segment_bytes_max:
            self._segment_bytes_max = segment_bytes_max
            self._seal_at = segment_bytes_max // (2 if self._sealer.defers else 1)

    def seal_if_due(self) -> None:
        """Seal the open segment where that is due, though nothing is appended.

        Raises:
            SyncFailedError: the log can't be relied on any more: stop.
        """
        if self._failure is None and not self._must_cut and self._size >= self._seal_at:
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
        if self._failure is not None or self._must_cut:
            self._require_sound()
        data, last_seq, last_at_ms = self._encoder.encode(
            drafts, self._heads, expected_last_seq, self._synced_seq, self._last_at_ms
        )
        try:
            write_all(self._filesystem, self._file, data)
        except OSError as error:
            self._cut_back()
            raise WriteFailedError(
                f"{self._path}: cannot append {len(data)} bytes: {error}"
            ) from error
        self._digest.update(data)
        self._size += len(data)
        self.written_bytes += len(data)
        self._last_seq = last_seq
        self._last_at_ms = last_at_ms
        self._written = self._file, last_seq
        if self._size >= self._seal_at:
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
        self.needs_sync = False
        sealer = self._sealer
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
            self._prepare_seal()
        except SyncFailedError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"{self._path}: fdatasync failed: {error}")
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
                self._filesystem.close(self._file)
            except OSError as error:
                raise StorageError(f"{self._path}: close failed: {error}") from error
            finally:
                self._lock.release()

    def _use_segment(
        self, file: int, header: SegmentHeader, size: int, digest: hashlib._Hash
    ) -> None:
        """Append to a segment from now on."""
        # The header says that nothing in the segment is earlier than it is.
        self._last_at_ms = max(self._last_at_ms, header.created_at_ms)
        self._header = header
        self._path = self._folder.segment_path(header.first_seq)
        self._heads = FrameHeads(header.salt)
        self._size = size
        self._digest = digest
        self._seal_at = self._segment_bytes_max // (2 if self._sealer.defers else 1)
        self._file = file
        self._written = file, self._last_seq

    def _require_sound(self) -> None:
        """Refuse after a failure; clean up first what a failed append left."""
        if self._failure is not None:
            raise SyncFailedError(self._failure)
        if self._must_cut:
            self._cut_back()
        if self._must_cut:
            raise WriteFailedError(
                f"{self._path}: a failed write left bytes behind byte {self._size}, "
                f"and the disk refuses to cut them off"
            )

    def _fail(self, text: str) -> NoReturn:
        """Refuse everything from now on."""
        self._failure = f"{text}; data may be lost, the log takes nothing more"
        raise SyncFailedError(self._failure)

    def _cut_back(self) -> None:
        """Cut off what a failed write left behind the last whole record, durably.

        Without the sync, a whole frame of a refused append could be there again
        after a power cut.
        """
        self._must_cut = True
        with contextlib.suppress(OSError):
            self._filesystem.truncate(self._file, self._size)
            self._must_cut = False
        if not self._must_cut:
            try:
                self._filesystem.fdatasync(self._file)
            except OSError as error:
                self._fail(f"{self._path}: fdatasync failed: {error}")

    def _try_to_seal(self) -> None:
        """Seal the open segment and begin the next one; go on with it if that fails."""
        if self._size <= HEADER_BYTES:
            return
        if not self._sealer.is_ready(self._header.first_seq):
            self.needs_sync = True  # which makes it so; until then the segment grows on
            self._seal_at = max(self._seal_at, self._segment_bytes_max)
            return
        if self._sealer.defers and self._size < self._segment_bytes_max:
            return
        try:
            self._seal()
        except OSError as error:
            _logger.warning(
                "%s: cannot begin the next segment, so this one grows on: %s",
                self._path,
                error,
            )
            self._undo_seal()
        except SyncFailedError as error:
            self._failure = self._failure or str(error)
            raise

    def _seal(self) -> None:
        """Seal the open segment and begin the next one."""
        state = self.keyspace_digest() if self.keyspace_digest is not None else b""
        at_ms = max(self._now_ms(), self._last_at_ms)
        footer = SegmentFooter(self._last_seq, at_ms, self._digest.digest(), state)
        begun = self._sealer.seal(self._file, self._header, footer)
        self.needs_sync = self._sealer.defers
        if not self.needs_sync:
            self._synced_seq = self._last_seq
        self._sealed.append(
            SegmentInfo(self._path, self._header, footer, self._size + FOOTER_BYTES)
        )
        _logger.info("%s: sealed after seq %d", self._path, footer.last_seq)
        self._use_segment(begun.file, begun.header, HEADER_BYTES, begun.digest)

    def _undo_seal(self) -> None:
        """Open the segment again after a seal that failed halfway."""
        self._seal_at = self._size + _SEAL_RETRY_BYTES
        self._cut_back()
        if not self._must_cut:
            self._sealer.undo(self._header.first_seq)

    def _prepare_seal(self) -> None:
        """Have at hand what a seal needs, before it is due; part of `sync`."""
        if not self._sealer.defers or self._size < self._segment_bytes_max // 2:
            return
        try:
            self._sealer.prepare(self._header.first_seq)
        except OSError as error:
            self._seal_at = self._size + _SEAL_RETRY_BYTES
            _logger.warning(
                "%s: cannot begin the next segment, so this one grows on: %s",
                self._path,
                error,
            )
