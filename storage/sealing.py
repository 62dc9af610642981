"""Sealing: how the log goes from one segment to the next.

The order is what makes a removed segment noticeable, and what lets the log go on at
once while the disk takes its time:

1. `<open segment>.log.next`, an empty file, is made durable well before it is needed.
2. The next segment's header goes into it, then the footer into the open segment.
   Nothing is waited for; what is appended from now on goes behind that header.
3. The sealed segment is synced, then the other one, which then gets its name. Until
   that is done, no record behind the seal counts as durable.

A log that ends in a footer, with neither the next segment nor its `.log.next`, has lost
one. 1 and 3 wait for the disk: the thread that syncs does them (`defers`), or, where
nobody does, the appending one at the seal. A segment is made ready from half of its
full size on, and sealed once it is full and ready; where the disk has no room for the
next one it grows on.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import StorageError, SyncFailedError
from joblog.storage.filesystem import sync_file, sync_names, write_all
from joblog.storage.open_segment import OpenSegment
from joblog.storage.segment import (
    SegmentHeader,
    decode_header,
    encode_footer,
    encode_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.segment import SegmentFooter

_RETIRED_FILES_MAX = 4
_RETRY_BYTES = 1024 * 1024

_logger = logging.getLogger(__name__)


class _UnfinishedSeal(NamedTuple):
    """A seal of which step 3 is still to be done."""

    elder_file: int
    elder_path: Path
    file: int
    temporary: Path
    path: Path


def next_header(
    footer: SegmentFooter, header: SegmentHeader, epoch: int = 0
) -> SegmentHeader:
    """Return the header of the segment behind a sealed one, from which it follows.

    Args:
        footer: the sealed segment's footer.
        header: and its header.
        epoch: the writer's term from there on; by default the same as before.
    """
    return SegmentHeader(
        footer.last_seq + 1,
        footer.sealed_at_ms,
        max(epoch, header.epoch),
        header.log_id,
        hashlib.sha256(encode_footer(footer, header.salt)).digest(),
    )


def is_behind(data: bytes, footer: SegmentFooter, header: SegmentHeader) -> bool:
    """Say whether bytes are the header of the segment behind a sealed one.

    Args:
        data: the bytes.
        footer: the sealed segment's footer.
        header: and its header; the term of the one behind may be a higher one.
    """
    try:
        epoch = decode_header(data, Path()).epoch
    except StorageError:
        return False
    is_later = epoch >= header.epoch
    return is_later and data == encode_header(next_header(footer, header, epoch))


class Sealer:
    """Seals segments. Two threads use it, as the methods say.

    No lock is needed: what they share is single attributes that are swapped whole, and
    each is set by the one thread and cleared by the other.

    Attributes:
        defers: whether steps 1 and 3 are left to the thread that syncs.
        needs_sync: whether a seal waits for that thread.
        seal_at: the size of the open segment from which on `seal_if_ready` is due.
    """

    def __init__(
        self, filesystem: FileSystem, folder: LogFolder, segment_bytes_max: int
    ) -> None:
        """Make the sealer of a log's folder."""
        self.defers = False
        self.needs_sync = False
        self.seal_at = segment_bytes_max
        self._bytes_max = segment_bytes_max
        self._filesystem = filesystem
        self._folder = folder
        self._prepared: tuple[int, int] | None = None
        self._unfinished: _UnfinishedSeal | None = None
        self._retired: deque[int] = deque()

    def defer(self) -> None:
        """Leave what waits for the disk to the thread that syncs."""
        self.defers = True
        self.seal_at //= 2

    def limit(self, segment_bytes_max: int) -> None:
        """Seal segments at another size from now on, the open one included."""
        if segment_bytes_max != self._bytes_max:
            self._bytes_max = segment_bytes_max
            self.begin()

    def begin(self) -> None:
        """Begin anew to wait for a segment to be full."""
        self.seal_at = self._bytes_max // (2 if self.defers else 1)

    def is_ready(self, first_seq: int) -> bool:
        """Say whether a segment can be sealed without waiting for the disk.

        Without `defers` it always can: the seal then waits.
        """
        if not self.defers:
            return True
        return self._unfinished is None and self.is_prepared(first_seq)

    def is_prepared(self, first_seq: int) -> bool:
        """Say whether step 1 is done for a segment."""
        return self._prepared is not None and self._prepared[0] == first_seq

    # --- the thread that syncs, or the appending one where none does ------------------

    def prepare_in_time(self, segment: OpenSegment) -> None:
        """Do step 1 for an open segment that may soon be full.

        Raises:
            SyncFailedError: the disk refused to make the name durable.
        """
        if not self.defers or segment.size < self._bytes_max // 2:
            return
        try:
            self.prepare(segment.header.first_seq)
        except OSError as error:
            self._grow_on(segment, error)

    def prepare(self, first_seq: int) -> None:
        """Do step 1 for the open segment.

        Raises:
            OSError: the disk refused; it may be tried again.
            SyncFailedError: the disk refused to make the name durable.
        """
        # In this order: a seal by the other thread sets the one, then clears the other.
        if self.is_prepared(first_seq) or self._unfinished is not None:
            return
        filesystem = self._filesystem
        path = self._folder.next_path(first_seq)
        if path.name in filesystem.listdir(path.parent):
            filesystem.unlink(path)
        file = filesystem.create(path)
        try:
            sync_names(filesystem, path.parent)
        except BaseException:
            filesystem.close(file)
            raise
        self._prepared = first_seq, file

    def finish(self) -> None:
        """Do step 3 of the seal, if one is unfinished.

        Raises:
            SyncFailedError: the disk refused. The footer may be durable, so the log
                cannot be gone on with; the next start finishes this.
        """
        seal = self._unfinished
        if seal is None:
            return
        filesystem = self._filesystem
        sync_file(filesystem, seal.elder_file, seal.elder_path)
        sync_file(filesystem, seal.file, seal.temporary)
        try:
            filesystem.rename(seal.temporary, seal.path)
        except OSError as error:
            raise SyncFailedError(
                f"{seal.temporary}: rename failed: {error}"
            ) from error
        sync_names(filesystem, seal.path.parent)
        self._retired.append(seal.elder_file)
        self._unfinished = None

    def close_retired(self, kept: int = 0) -> None:
        """Close the files of sealed segments, which no sync uses any more.

        Raises:
            OSError: the disk refused: a write that failed late shows here.
        """
        while len(self._retired) > kept:
            self._filesystem.close(self._retired.popleft())

    # --- the appending thread ---------------------------------------------------------

    def seal_if_ready(
        self, segment: OpenSegment, make_footer: Callable[[], SegmentFooter]
    ) -> tuple[SegmentFooter, OpenSegment] | None:
        """Seal the open segment and begin the next one, where that can be.

        Args:
            segment: the open segment; its file is closed later.
            make_footer: gives what to seal it with.

        Returns:
            The footer and the next segment; None where the open one grows on.

        Raises:
            SyncFailedError: the disk refused to make something durable.
        """
        if segment.is_empty:
            return None
        if not self.is_ready(segment.header.first_seq):
            self.needs_sync = True  # which makes it so; until then the segment grows on
            self.seal_at = max(self.seal_at, self._bytes_max)
            return None
        if self.defers and segment.size < self._bytes_max:
            return None
        try:
            footer = make_footer()
            begun = self._seal(segment, footer)
        except OSError as error:
            self._grow_on(segment, error)
            segment.cut_back()
            if not segment.must_cut:
                self._undo(segment.header.first_seq)
            return None
        self.needs_sync = self.defers
        self.begin()
        return footer, begun

    def seal_as(
        self, segment: OpenSegment, footer: SegmentFooter, header: SegmentHeader
    ) -> OpenSegment:
        """Seal the open segment with what was made elsewhere, and wait for the disk.

        The header is durable before the footer is written: a start that finished this
        could not make another one of a higher term. No other thread syncs meanwhile.

        Args:
            segment: the open segment; its file is closed later.
            footer: what it ends with.
            header: what the next one begins with.

        Returns:
            The next segment.

        Raises:
            OSError: the disk did not take it; it may be tried again, unless the open
                segment must be cut.
            SyncFailedError: the disk refused to make something durable.
        """
        try:
            self.finish()
            self.prepare(segment.header.first_seq)
            assert self._prepared is not None
            begun = encode_header(header)
            write_all(self._filesystem, self._prepared[1], begun)
            path = self._folder.next_path(segment.header.first_seq)
            sync_file(self._filesystem, self._prepared[1], path)
            following = self._write_footer(segment, footer, begun)
            self.finish()
        except OSError:
            segment.cut_back()
            if not segment.must_cut:
                self._undo(segment.header.first_seq)
            raise
        self.needs_sync = False
        self.begin()
        return following

    def _grow_on(self, segment: OpenSegment, error: OSError) -> None:
        """Put a seal off for which the disk has no room."""
        self.seal_at = segment.size + _RETRY_BYTES
        _logger.warning(
            "%s: cannot begin the next segment, so this one grows on: %s",
            segment.path,
            error,
        )

    def _seal(self, segment: OpenSegment, footer: SegmentFooter) -> OpenSegment:
        """Seal the open segment and begin the next one.

        Raises:
            OSError: the disk did not take it. `_undo` before anything else.
            SyncFailedError: the disk refused to make something durable.
        """
        header = segment.header
        assert footer.last_seq >= header.first_seq
        if not self.defers:
            self.prepare(header.first_seq)
        assert self._prepared is not None
        assert self._prepared[0] == header.first_seq
        begun = encode_header(next_header(footer, header))
        write_all(self._filesystem, self._prepared[1], begun)
        following = self._write_footer(segment, footer, begun)
        if not self.defers:
            self.finish()
            self.close_retired(_RETIRED_FILES_MAX)
        return following

    def _write_footer(
        self, segment: OpenSegment, footer: SegmentFooter, begun: bytes
    ) -> OpenSegment:
        """Write the footer; return the next segment, which has its header already."""
        header = segment.header
        assert self._prepared is not None
        next_file = self._prepared[1]
        temporary = self._folder.next_path(header.first_seq)
        path = self._folder.segment_path(footer.last_seq + 1)
        write_all(self._filesystem, segment.file, encode_footer(footer, header.salt))
        self._unfinished = _UnfinishedSeal(
            segment.file, segment.path, next_file, temporary, path
        )
        self._prepared = None
        return OpenSegment(
            self._filesystem,
            path,
            next_file,
            decode_header(begun, path),
            len(begun),
            hashlib.sha256(begun),
        )

    def _undo(self, first_seq: int) -> None:
        """Make ready for another try, once the footer was cut off the open segment.

        The footer goes before `.log.next` does: one without the other is what a removed
        segment looks like.
        """
        if self._prepared is not None and self._prepared[0] == first_seq:
            with contextlib.suppress(OSError):
                self._filesystem.truncate(self._prepared[1], 0)
                return
            self._drop_prepared()
        # What is left of a `prepare` that failed is replaced by the next one.

    def close(self) -> None:
        """Close the files that it still has; a `.log.next` that is not needed goes."""
        seal, self._unfinished = self._unfinished, None
        if seal is not None:
            self._retired.append(seal.elder_file)
        while self._retired:
            with contextlib.suppress(OSError):
                self._filesystem.close(self._retired.popleft())
        self._drop_prepared()

    def _drop_prepared(self) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            first_seq, file = prepared
            with contextlib.suppress(OSError):
                self._filesystem.close(file)
            with contextlib.suppress(OSError):
                self._filesystem.unlink(self._folder.next_path(first_seq))
