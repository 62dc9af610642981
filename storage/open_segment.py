"""The open segment: the file at the end of a log, and what of it is whole.

What a failed write leaves behind the last whole record is cut off before anything else
is written: else a frame of a refused append could be there after a power cut.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from joblog.storage.errors import SyncFailedError, WriteFailedError
from joblog.storage.filesystem import write_all
from joblog.storage.folder import SegmentInfo
from joblog.storage.frame import FrameHeads
from joblog.storage.running_digest import RunningDigest
from joblog.storage.segment import FOOTER_BYTES, HEADER_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentFooter, SegmentHash, SegmentHeader


class OpenSegment:
    """A segment that is appended to; one thread does.

    Attributes:
        path: the file.
        file: the same, open to append.
        header: its header.
        heads: those of frames, with the segment's salt.
        size: how many bytes of it are whole.
        digest: of all of these.
        must_cut: a failed write left bytes behind them, which the disk keeps.
    """

    __slots__ = (
        "_filesystem",
        "digest",
        "file",
        "header",
        "heads",
        "must_cut",
        "path",
        "size",
    )

    def __init__(
        self,
        filesystem: FileSystem,
        path: Path,
        file: int,
        header: SegmentHeader,
        size: int,
        digest: SegmentHash,
    ) -> None:
        """Take over a file that is open to append, and what is known of it."""
        assert size >= HEADER_BYTES
        self._filesystem = filesystem
        self.path = path
        self.file = file
        self.header = header
        self.heads = FrameHeads(header.salt)
        self.size = size
        self.digest = RunningDigest(digest)
        self.must_cut = False

    @property
    def info(self) -> SegmentInfo:
        """What is known of it, as of a sealed one."""
        return SegmentInfo(self.path, self.header, None, self.size)

    def sealed_info(self, footer: SegmentFooter) -> SegmentInfo:
        """Return what is known of it once it is sealed."""
        return SegmentInfo(self.path, self.header, footer, self.size + FOOTER_BYTES)

    @property
    def is_empty(self) -> bool:
        """Whether it has no record yet."""
        return self.size == HEADER_BYTES

    def write(self, frames: bytes) -> None:
        """Write frames, all or none.

        Raises:
            WriteFailedError: the disk did not take them.
            SyncFailedError: nor to have none of them there for sure: stop.
        """
        assert not self.must_cut
        try:
            write_all(self._filesystem, self.file, frames)
        except OSError as error:
            self.cut_back()
            raise WriteFailedError(
                f"{self.path}: cannot append {len(frames)} bytes: {error}"
            ) from error
        self.digest.update(frames)
        self.size += len(frames)

    def cut_back(self) -> None:
        """Cut off what a failed write left behind the last whole record, durably.

        Where the disk refuses to cut, `must_cut` says so.

        Raises:
            SyncFailedError: it is cut off, and nobody knows whether durably: stop.
        """
        self.must_cut = True
        with contextlib.suppress(OSError):
            self._filesystem.truncate(self.file, self.size)
            self.must_cut = False
        if not self.must_cut:
            try:
                self._filesystem.fdatasync(self.file)
            except OSError as error:
                raise SyncFailedError(
                    f"{self.path}: fdatasync failed: {error}"
                ) from error

    def require_cut(self) -> None:
        """See that nothing is left behind the last whole record.

        Raises:
            WriteFailedError: something is, and the disk refuses to cut it off.
            SyncFailedError: see `cut_back`.
        """
        if self.must_cut:
            self.cut_back()
        if self.must_cut:
            raise WriteFailedError(
                f"{self.path}: a failed write left bytes behind byte {self.size}, "
                f"and the disk refuses to cut them off"
            )
