"""The log of files, and the one place where the server makes it.

All others know it by what they ask of it (`joblog.actors.command_log`).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app import clock
from joblog.storage.opening import LogOpening
from joblog.storage.taking import TakingLog

if TYPE_CHECKING:
    from collections.abc import Generator

    from joblog.app.config import Config
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.opening import OpenedLog
    from joblog.storage.segment import SegmentHash, SegmentHeader

logger = logging.getLogger(__name__)


class Standing(NamedTuple):
    """Where a log stands.

    Attributes:
        header: that of the open segment.
        first_seq: its first record.
        offset: its end.
        running: SHA-256 of its bytes.
    """

    header: SegmentHeader
    first_seq: int
    offset: int
    running: SegmentHash


class LocalLog:
    """The log in the data folder, locked and not open yet."""

    def __init__(self, config: Config, disk: FileSystem) -> None:
        """Lock the data folder.

        Args:
            config: says which it is.
            disk: the door to the disk.

        Raises:
            StorageError: another process has the folder, or the disk refused.
        """
        self._config = config
        self._stand: Standing | None = None
        self._filesystem = disk
        self._opening = LogOpening(Path(config.dir), self._filesystem)

    def steps(self) -> Generator[tuple[int, int], None, TakingLog]:
        """Check the end of the log and open it, a slice at each step.

        Yields:
            How many bytes were checked, and how many there are to check.

        Raises:
            StorageError: it is damaged, or the disk refused.
        """
        opened = yield from self.check()
        tail = opened.tail
        self._stand = Standing(
            tail.header, tail.header.first_seq, tail.size, tail.digest.copy()
        )
        log: Any = TakingLog.take_over(
            self._opening,
            opened,
            filesystem=self._filesystem,
            now_ms=clock.now_ms,
            segment_bytes_max=self._config.segment_bytes,
        )
        if log.stale_pid:
            logger.warning(
                "process %s, which had this data folder before, did not stop cleanly; "
                "its lock is gone with it",
                log.stale_pid,
            )
        level = logging.WARNING if log.tail.cut_bytes else logging.INFO
        logger.log(level, "%s", log.tail)
        taken: TakingLog = log
        return taken

    def check(self) -> Generator[tuple[int, int], None, OpenedLog]:
        """Check the end of the log and make it sound, without opening it.

        Yields:
            How many bytes were checked, and how many there are to check.

        Raises:
            StorageError: it is damaged, or the disk refused.
        """
        return (yield from self._opening.steps(clock.now_ms()))

    def stand(self) -> Standing:
        """Return where the log stood when it was opened."""
        assert self._stand is not None
        return self._stand

    def release(self) -> None:
        """Give the folder back."""
        self._opening.release()
