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
nobody does, the appending one at the seal.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.errors import SyncFailedError
from joblog.storage.filesystem import sync_file, sync_names, write_all
from joblog.storage.segment import (
    SegmentHeader,
    decode_header,
    encode_footer,
    encode_header,
)

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.segment import SegmentFooter

_RETIRED_FILES_MAX = 4


class BegunSegment(NamedTuple):
    """A segment that was just begun.

    Attributes:
        file: open to append.
        header: its header.
        digest: the running SHA-256 of its bytes so far.
    """

    file: int
    header: SegmentHeader
    digest: hashlib._Hash


class _UnfinishedSeal(NamedTuple):
    """A seal of which step 3 is still to be done."""

    elder_file: int
    elder_path: Path
    file: int
    temporary: Path
    path: Path


def next_header(footer: SegmentFooter, header: SegmentHeader) -> SegmentHeader:
    """Return the header of the segment behind a sealed one, from which it follows.

    Args:
        footer: the sealed segment's footer.
        header: and its header.
    """
    return SegmentHeader(
        footer.last_seq + 1,
        footer.sealed_at_ms,
        header.epoch,
        header.log_id,
        hashlib.sha256(encode_footer(footer, header.salt)).digest(),
    )


class Sealer:
    """Seals segments. Two threads use it, as the methods say.

    No lock is needed: what they share is single attributes that are swapped whole, and
    each is set by the one thread and cleared by the other.

    Attributes:
        defers: whether steps 1 and 3 are left to the thread that syncs.
    """

    def __init__(self, filesystem: FileSystem, folder: LogFolder) -> None:
        """Make the sealer of a log's folder."""
        self.defers = False
        self._filesystem = filesystem
        self._folder = folder
        self._prepared: tuple[int, int] | None = None
        self._unfinished: _UnfinishedSeal | None = None
        self._retired: deque[int] = deque()

    @property
    def is_unfinished(self) -> bool:
        """Whether step 3 of a seal is still to be done."""
        return self._unfinished is not None

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

    def seal(
        self, file: int, header: SegmentHeader, footer: SegmentFooter
    ) -> BegunSegment:
        """Seal the open segment and begin the next one.

        Args:
            file: the open segment, open to append; it is closed later.
            header: its header.
            footer: what to seal it with.

        Raises:
            OSError: the disk did not take it. `undo` before anything else.
            SyncFailedError: the disk refused to make something durable.
        """
        if not self.defers:
            self.prepare(header.first_seq)
        assert self._prepared is not None
        begun = encode_header(next_header(footer, header))
        next_file = self._prepared[1]
        temporary = self._folder.next_path(header.first_seq)
        path = self._folder.segment_path(footer.last_seq + 1)
        write_all(self._filesystem, next_file, begun)
        write_all(self._filesystem, file, encode_footer(footer, header.salt))
        elder_path = self._folder.segment_path(header.first_seq)
        self._unfinished = _UnfinishedSeal(file, elder_path, next_file, temporary, path)
        self._prepared = None
        if not self.defers:
            self.finish()
            self.close_retired(_RETIRED_FILES_MAX)
        return BegunSegment(
            next_file, decode_header(begun, path), hashlib.sha256(begun)
        )

    def undo(self, first_seq: int) -> None:
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
