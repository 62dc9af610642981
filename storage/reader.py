"""Reading a log, also while a server appends to it: no lock is taken.

A reader sees whole records only. At the open segment's end it stops; what lies there
unfinished is the writer's business. Damage anywhere else is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.storage.errors import (
    CorruptLogError,
    MisplacedSegmentError,
    MissingSegmentError,
    PrunedError,
)
from joblog.storage.folder import LogFolder, require_first, require_link
from joblog.storage.frame import leading_uints
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import CHUNK_BYTES, corrupt
from joblog.storage.segment_files import open_begun, open_segment, require_kept
from joblog.storage.tail import require_footer, require_torn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record
    from joblog.storage.segment import SegmentFooter, SegmentReader


_AT_ONCE: Final = 128
"""Records are decoded so many at a time: of a whole chunk they would leave the cache of
the processor before anybody used them, and a fold took half as long again."""


class RecordEnd(NamedTuple):
    """Where a record ends, so that reading can go on behind it.

    Attributes:
        first_seq: the segment, by its first number.
        seq: the record; one less than `first_seq` is the segment's start.
        offset: where its frame ends, in bytes from the segment's first.
    """

    first_seq: int
    seq: int
    offset: int


class LogReader:
    """A place in a log from which records are read on.

    Attributes:
        next_seq: the number of the record that comes next.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        filesystem: FileSystem,
        from_seq: int = 1,
        verify: bool = True,
        after: RecordEnd | None = None,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        """Go to a record.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            from_seq: the number of the first record to read; it may not be there yet.
            verify: whether frames' checksums are compared. The order of numbers, and
                the chain of headers and footers, always are.
            after: where a record ends that is known to be there; reading begins behind
                it, and what is before it is not looked at.
            chunk_bytes: how much is read at a time, a frame's head at the least.

        Raises:
            PrunedError: the log no longer has that record.
            StorageError: this is not a data folder.
            CorruptLogError: the segment's header is damaged.
        """
        self._folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        self._verify = verify
        self._decoder = RecordDecoder()
        self._segment: SegmentReader | None = None
        self._last_seq = 0
        self._after = after
        self._chunk_bytes = chunk_bytes
        self.next_seq = max(from_seq, 1 if after is None else after.seq + 1)

    def read_batch(self) -> list[Record]:
        """Return the next records, about a chunk of them.

        Returns:
            At least one; none where the log ends for now.

        Raises:
            CorruptLogError: the log is damaged here.
            PrunedError: the log no longer has the next record.
        """
        while payloads := self._read_chunk():
            records = self._decode(payloads)
            if records:
                return records
        return []

    def batches(self, until_seq: int | None = None) -> Iterator[list[Record]]:
        """Yield the next records, some at a time, up to one or the log's end for now.

        Errors are those of `read_batch`. Who does not take all cannot read on.
        """
        while until_seq is None or self.next_seq <= until_seq:
            payloads = self._read_chunk()
            if not payloads:
                return
            for start in range(0, len(payloads), _AT_ONCE):
                records = self._decode(payloads[start : start + _AT_ONCE])
                if until_seq is not None and self.next_seq > until_seq:
                    records = [record for record in records if record.seq <= until_seq]
                if records:
                    yield records

    def read_payloads(self) -> list[bytes]:
        """Return the payloads of the next records, about a chunk of them, not decoded.

        It is for searches that only look into few records closely: twice as fast as
        `read_batch`. Of the numbers, those of a chunk's first and last are compared.

        Returns:
            At least one, and `next_seq` is the number after the last; none where the
            log ends for now.

        Raises:
            CorruptLogError: the log is damaged here.
            PrunedError: the log no longer has the next record.
        """
        while payloads := self._read_chunk():
            first_seq = max(self._last_seq + 1, self.next_seq)
            last_seq = self._last_seq + len(payloads)
            payloads = payloads[first_seq - self._last_seq - 1 :]
            self._last_seq = last_seq
            if payloads:
                found = [leading_uints(payloads[i])[0] for i in (0, -1)]
                if found != [first_seq, last_seq]:
                    raise self._misnumbered(found, first_seq)
                self.next_seq = last_seq + 1
                return payloads
        return []

    def _read_chunk(self) -> list[bytes]:
        """Return the next payloads, from wherever in a segment reading began."""
        while True:
            segment = self._segment or self._open_segment()
            if segment is None:
                return []
            payloads = segment.read_payloads() or self._read_end(segment)
            if payloads or self._segment is segment:
                return payloads

    def _misnumbered(self, found: list[int], first_seq: int) -> CorruptLogError:
        """Make the error for a chunk whose records have other numbers."""
        assert self._segment is not None
        return corrupt(
            self._segment.path,
            self._segment.offset,
            f"before it, the sequence numbers {found[0]} to {found[-1]}",
            f"{first_seq} to {self._last_seq} with none left out",
        )

    def close(self) -> None:
        """Close the file that is being read."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _open_segment(self) -> SegmentReader | None:
        """Open the segment that has the next record; None where there is none yet."""
        after, self._after = self._after, None
        if after is not None:
            segment = self._enter(self._open(after.first_seq), after.first_seq)
            segment.offset = after.offset
            self._last_seq = after.seq
            return segment
        segments = self._folder.find_segments()
        if not segments:
            return None
        require_kept(self._folder, self.next_seq, segments)
        first_seq = max(n for n in segments if n <= self.next_seq)
        try:
            segment = self._open(first_seq)
        except PrunedError:
            return self._open_segment()  # just now; the next record may be kept
        return self._enter(segment, first_seq)

    def _open(self, first_seq: int) -> SegmentReader:
        return open_segment(
            self._folder, self._filesystem, first_seq, verify=self._verify
        )

    def _enter(self, segment: SegmentReader, first_seq: int) -> SegmentReader:
        """Read on in a segment, once it is the one that its name says."""
        found = segment.header.first_seq
        try:
            if found != first_seq:
                raise corrupt(
                    segment.path,
                    16,
                    f"first seq {found}",
                    f"{first_seq}, as named",
                    MisplacedSegmentError,
                )
            if first_seq == 1:
                require_first(segment.header, segment.path)
        except CorruptLogError:
            segment.close()
            raise
        segment.chunk_bytes = self._chunk_bytes
        self._segment = segment
        self._last_seq = first_seq - 1
        return segment

    def _read_end(self, segment: SegmentReader) -> list[bytes]:
        """Find out why a segment gives no more frames; go to the next if it is sealed.

        Returns:
            Payloads that a writer added in the meantime.

        Raises:
            CorruptLogError: the segment is damaged here.
        """
        # A segment that has no name yet, since a seal is not over, comes behind all.
        is_last = self._folder.find_segments()[-1] <= segment.header.first_seq
        # Read again: the writer may have added to it before the next one showed.
        payloads = segment.read_payloads()
        if payloads:
            return payloads
        footer = segment.read_footer()
        if footer is not None:
            require_footer(segment, footer, self._last_seq)
            self._open_next(segment, footer)
        elif is_last:
            return self._read_tail(segment)
        else:
            raise corrupt(
                segment.path,
                segment.offset,
                "a damaged frame",
                f"a sound one with seq {self._last_seq + 1}, or the footer",
            )
        return []

    def _read_tail(self, segment: SegmentReader) -> list[bytes]:
        """Return what was finished meanwhile, if the end can be a write going on."""
        try:
            require_torn(segment, segment.read_rest(), self._last_seq + 1)
        except CorruptLogError:
            # The writer may have finished the frame, and synced it, while this read.
            payloads = segment.read_payloads()
            if not payloads:
                raise
            return payloads
        return []

    def _open_next(self, segment: SegmentReader, footer: SegmentFooter) -> None:
        """Go to the segment after a sealed one, where it is in use already."""
        first_seq = footer.last_seq + 1
        following = self._find_next(segment, first_seq)
        while following is None and first_seq in self._folder.find_segments():
            following = self._find_next(segment, first_seq)  # it has its name now
        if following is None:
            return
        try:
            require_link(segment.header, footer, following.header, following.path)
        except CorruptLogError:
            following.close()
            raise
        segment.close()
        self._enter(following, first_seq)

    def _find_next(self, elder: SegmentReader, first_seq: int) -> SegmentReader | None:
        """Open the segment after a sealed one; None where it is not in use yet."""
        # A new segment loses the one name when it gets the other: ask in that order.
        is_sealing = self._folder.is_sealing(elder.header.first_seq, first_seq)
        segments = self._folder.find_segments()
        if first_seq in segments:
            return self._open(first_seq)
        if not is_sealing:
            require_kept(self._folder, first_seq, segments)
            raise corrupt(
                self._folder.segment_path(first_seq),
                0,
                "no such file",
                f"the segment after {elder.path.name}",
                MissingSegmentError,
            )
        path = self._folder.next_path(elder.header.first_seq)
        try:
            return open_begun(self._filesystem, path, verify=self._verify)
        except FileNotFoundError:
            return None

    def _decode(self, payloads: list[bytes]) -> list[Record]:
        """Return the records in payloads, from the next that is wanted on."""
        first_seq = max(self._last_seq + 1, self.next_seq)
        skipped = first_seq - self._last_seq - 1
        self._last_seq += len(payloads)
        try:
            records = self._decoder.decode_all(
                payloads[skipped:] if skipped else payloads
            )
        except ValueError as error:
            assert self._segment is not None
            raise corrupt(
                self._segment.path,
                self._segment.offset,
                f"before it, a sound frame: {error}",
                "a record",
            ) from error
        found = [record[0] for record in records]
        if found != list(range(first_seq, first_seq + len(records))):
            raise self._misnumbered(found, first_seq)
        if records:
            self.next_seq = self._last_seq + 1
        return records


def read_records(
    folder: Path | str,
    *,
    filesystem: FileSystem,
    from_seq: int = 1,
    until_seq: int | None = None,
    verify: bool = True,
    after: RecordEnd | None = None,
) -> Iterator[Record]:
    """Yield the records of a log, in order, up to its end.

    Works beside a server that appends: an unfinished record at the end of the open
    segment is left out.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        from_seq: the first record to yield.
        until_seq: the last record to yield; None for all that there are.
        verify: whether frames' checksums are compared.
        after: as in `LogReader`.

    Raises:
        PrunedError: the log starts behind `from_seq`.
        CorruptLogError: the log is damaged; all records before it were yielded.
    """
    return follow_records(
        folder,
        filesystem=filesystem,
        poll=lambda: False,
        from_seq=from_seq,
        until_seq=until_seq,
        verify=verify,
        after=after,
    )


def follow_records(
    folder: Path | str,
    *,
    filesystem: FileSystem,
    poll: Callable[[], bool],
    from_seq: int = 1,
    until_seq: int | None = None,
    verify: bool = True,
    after: RecordEnd | None = None,
) -> Iterator[Record]:
    """Yield the records of a log, and go on as more are appended.

    Args:
        folder: as in `read_records`, which raises the same errors.
        filesystem: the door to the disk.
        poll: called where the log ends for now, to wait; whether to look again.
        from_seq: the first record to yield.
        until_seq: the last record to yield.
        verify: whether checksums are compared.
        after: as in `LogReader`.
    """
    reader = LogReader(
        folder, filesystem=filesystem, from_seq=from_seq, verify=verify, after=after
    )
    try:
        while True:
            for records in reader.batches(until_seq):
                yield from records
            if (until_seq is not None and reader.next_seq > until_seq) or not poll():
                return
    finally:
        reader.close()
