"""Bringing together: the files become what the stream says, group by group.

What both have is compared. Where they part the files are set back, and what went is
kept; from there on they take what the stream has.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from joblog.actors.quorum.parcels import Kind, Position
from joblog.storage.matching import has_bytes
from joblog.storage.segment import FOOTER_BYTES
from joblog.storage.setting_aside import set_back

if TYPE_CHECKING:
    from joblog.actors.quorum.chain import Chain, Group
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.taking import TakingLog

logger = logging.getLogger(__name__)


class Copied:
    """Keeps what is written, for once.

    Attributes:
        data: frames.
        seals: what sealed a segment.
    """

    def __init__(self) -> None:
        """Keep nothing yet."""
        self.data = b""
        self.seals: list[bytes] = []

    def copy_frames(self, data: bytes, last_seq: int) -> None:
        """Keep it."""
        del last_seq
        self.data = data

    def copy_seal(self, data: bytes, last_seq: int) -> None:
        """Keep it: the segment was full already."""
        del last_seq
        self.seals.append(data)


class Bringing:
    """Makes the files what a stream says, group by group."""

    def __init__(self, folder: LogFolder, disk: FileSystem, chain: Chain) -> None:
        """Go on where a chain stands, which the files have.

        Args:
            folder: has the files, and is locked.
            disk: the door to the disk.
            chain: reads the stream.
        """
        self._folder = folder
        self._disk = disk
        self._chain = chain

    def has(self, start: Position, group: Group) -> bool:
        """Say whether the files have a group where it was to be."""
        data = group.data
        if group.kind is not Kind.SEAL:
            return has_bytes(self._folder, self._disk, *start, data)
        footer, header = data[:FOOTER_BYTES], data[FOOTER_BYTES:]
        following = group.last_seq + 1
        return has_bytes(self._folder, self._disk, *start, footer) and has_bytes(
            self._folder, self._disk, following, 0, header
        )

    def set_back(self, position: Position, last_seq: int) -> None:
        """Take out of the log, which is not open, what stands behind a place.

        Raises:
            StorageError: that cannot be done.
        """
        kept = set_back(self._folder, self._disk, *position, last_seq)
        if kept is not None:
            logger.warning(
                "what this server had behind record %d never got into the stream, and "
                "was never acknowledged: it is taken out of the log, and kept in %s",
                last_seq,
                kept,
            )

    def take(self, log: TakingLog, group: Group) -> None:
        """Add a group to the log.

        Raises:
            StorageError: it does not fit, or the disk refused.
        """
        if group.kind is Kind.SEAL:
            log.take_seal(group.data[:FOOTER_BYTES], group.data[FOOTER_BYTES:])
            return
        rest = log.take(group.data)
        while rest:
            log.sync()
            rest = log.take(rest)
