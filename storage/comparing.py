"""Comparing: where another log, as it comes, parts from the one that is here.

Both begin a segment with the same header, so all before it is the same in both. From
there what comes is compared, frame by frame, with what is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.storage.cutting import Beginning, Piece
from joblog.storage.errors import ForeignFramesError
from joblog.storage.frame import FRAME_HEAD_BYTES
from joblog.storage.giving import Frames, LogBytes, Seal
from joblog.storage.parting import Parting
from joblog.storage.segment import HEADER_BYTES, decode_header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from joblog.storage.cutting import Cut
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.segment import SegmentHeader


class Parted(NamedTuple):
    """Where the other log parts from this one, and what it goes on with."""

    parting: Parting
    cuts: list[Cut]


class Comparison:
    """Compares what comes with the log that is here.

    Attributes:
        header: of the segment with which that begins.
    """

    def __init__(self, folder: Path, filesystem: FileSystem, first_seq: int) -> None:
        """Begin with a segment.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            first_seq: the segment, which has the same header in both.

        Raises:
            StorageError: it is damaged or gone, or records of it are redacted.
            OSError: it cannot be read.
        """
        self._own = LogBytes(folder, filesystem, first_seq)
        self._place = Parting(first_seq, HEADER_BYTES, first_seq - 1)
        self.header: SegmentHeader = decode_header(self._own.header(), folder)

    def close(self) -> None:
        """Close the file that is being read."""
        self._own.close()

    def take(self, cuts: Sequence[Cut]) -> Parted | None:
        """Compare what has come.

        Returns:
            Where it parts; None where all of it is here too.

        Raises:
            ForeignFramesError: it is no log that goes on.
            StorageError: the log here is damaged, or records of it are redacted.
            OSError: it cannot be read.
        """
        for at, cut in enumerate(cuts):
            if isinstance(cut, Beginning):
                raise ForeignFramesError("a log that begins where one goes on")
            if isinstance(cut, Seal):
                if not self._has_seal(cut):
                    return Parted(self._place, list(cuts[at:]))
                continue
            rest = self._compare(cut)
            if rest is not None:
                return Parted(self._place, [rest, *cuts[at + 1 :]])
        return None

    def _has_seal(self, seal: Seal) -> bool:
        """Say whether the segment ends here as it does there, and go on behind it."""
        last_seq = self._place.last_seq
        if self._own.next_seq != last_seq + 1 or self._own.read(last_seq) != seal:
            return False
        self._place = Parting(last_seq + 1, HEADER_BYTES, last_seq)
        return True

    def _compare(self, piece: Piece) -> Piece | None:
        """Return what of a piece is not here; None where all is."""
        data, records = piece
        own = self._read_own(records[-1].seq, len(data))
        first_seq, offset, last_seq = self._place
        end = count = 0
        if own == data:
            end, count = len(data), len(records)
        else:
            while count < len(records):
                length = int.from_bytes(data[end : end + 4], "little")
                following = end + FRAME_HEAD_BYTES + length
                if own[end:following] != data[end:following]:
                    break
                end, count = following, count + 1
        self._place = Parting(first_seq, offset + end, last_seq + count)
        return Piece(data[end:], records[count:]) if count < len(records) else None

    def _read_own(self, until_seq: int, size: int) -> bytes:
        """Return the frames that are here up to a record: as long, or not all."""
        own = b""
        while len(own) < size and self._own.next_seq <= until_seq:
            found = self._own.read(until_seq)
            if not isinstance(found, Frames):
                break
            own += found.data
        return own
