"""What is known of an open log: where it ends, what is durable, its segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.storage.folder import SegmentInfo
from joblog.storage.segment import HEADER_BYTES

if TYPE_CHECKING:
    import hashlib

    from joblog.storage.folder import LogFolder
    from joblog.storage.segment import SegmentHeader


class LogFacts:
    """The part of `Log` that only tells; nothing here touches the disk."""

    _folder: LogFolder
    _header: SegmentHeader
    _sealed: list[SegmentInfo]
    _digest: hashlib._Hash
    _size: int
    _last_seq: int
    _synced_seq: int
    _last_at_ms: int

    @property
    def last_seq(self) -> int:
        """The number of the last record; 0 in an empty log."""
        return self._last_seq

    @property
    def synced_seq(self) -> int:
        """The highest number that is known to be durable."""
        return self._synced_seq

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
        return self._header.first_seq

    @property
    def log_id(self) -> str:
        """The id of this log, in every segment: 32 hexadecimal digits."""
        return self._header.log_id.hex()

    @property
    def size_bytes(self) -> int:
        """The size of all segments."""
        return sum(info.size_bytes for info in self._sealed) + self._size

    @property
    def digest_hex(self) -> str:
        """The digest at `last_seq`: SHA-256 of its segment up to the record's end.

        A segment's header carries the digests of all before it, so this one stands
        for the whole history.
        """
        if self._sealed and self._size == HEADER_BYTES:
            footer = self._sealed[-1].footer
            assert footer is not None
            return footer.digest.hex()
        return self._digest.hexdigest()

    @property
    def segments(self) -> list[SegmentInfo]:
        """The segments in order; the last one is open."""
        path = self._folder.segment_path(self._header.first_seq)
        return [*self._sealed, SegmentInfo(path, self._header, None, self._size)]

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
