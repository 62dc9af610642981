"""Reading many records to keep few: undecoded payloads are sieved first.

Decoding is most of what reading costs, so what a record cannot match without (a piece
of text, say) is looked for in its payload's bytes. Backward a segment is gone through
twice: once to note where its chunks begin, then chunk by chunk from the last, so that
memory holds one chunk whatever the length of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from joblog.app.history.touched import names_whole_databases
from joblog.storage.errors import CorruptLogError
from joblog.storage.folder import LogFolder
from joblog.storage.reader import LogReader
from joblog.storage.record import RecordDecoder
from joblog.storage.segment import corrupt
from joblog.storage.segment_files import open_behind_seal, open_segment
from joblog.storage.tail import require_torn

if TYPE_CHECKING:
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.reader import RecordEnd
    from joblog.storage.record import Record
    from joblog.storage.segment import SegmentReader

END_SEQ = 1 << 63
"""Higher than the number of any record."""

Sieve = Callable[[bytes], object]


class Pieces:
    """A sieve for payloads that have one of some pieces in them.

    It looks at many payloads in one go, and at each only where some piece is at all.
    """

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __call__(self, payload: bytes) -> bool:
        """Tell whether a payload is wanted."""
        return any(piece in payload for piece in self._pieces)

    def sift(self, payloads: list[bytes]) -> list[bytes]:
        """Return the payloads that are wanted."""
        joined = b"".join(payloads)
        there = [piece for piece in self._pieces if piece in joined]
        if len(there) == 1:
            (piece,) = there
            return [payload for payload in payloads if piece in payload]
        if not there:
            return []
        return [
            payload for payload in payloads if any(piece in payload for piece in there)
        ]


class KeyPieces(Pieces):
    """A sieve for what may change a key, or every key of a database."""

    def __call__(self, payload: bytes) -> bool:
        """Tell whether a payload is wanted."""
        return super().__call__(payload) or names_whole_databases(payload)

    def sift(self, payloads: list[bytes]) -> list[bytes]:
        """Return the payloads that are wanted."""
        if names_whole_databases(b"".join(payloads)):
            return list(filter(self, payloads))
        return super().sift(payloads)


def read_batches(
    reader: LogReader, sieve: Sieve | None, until_seq: int | None
) -> Iterator[list[Record]]:
    """Yield what a reader comes upon, a chunk at a time, up to the log's end.

    Args:
        reader: where reading begins; it can be read on later.
        sieve: given a payload, whether its record is wanted; None for all.
        until_seq: the last record to yield; None for all that there are.

    Yields:
        Lists of records, also empty ones.

    Raises:
        CorruptLogError: the log is damaged; all records before it were yielded.
    """
    decoder = RecordDecoder()
    while until_seq is None or reader.next_seq <= until_seq:
        payloads = reader.read_payloads()
        if not payloads:
            return
        if until_seq is not None and reader.next_seq - 1 > until_seq:
            del payloads[until_seq + 1 - reader.next_seq :]
        yield decode_sifted(decoder, payloads, sieve, reader.next_seq)


def read_window(
    folder: Path,
    filesystem: FileSystem,
    low_seq: int,
    high_seq: int,
    sieve: Sieve | None = None,
    after: RecordEnd | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Record]:
    """Yield the records from one number to another that a sieve lets through.

    Args:
        folder: the data folder.
        filesystem: the door to the disk.
        low_seq: the first record.
        high_seq: the last record.
        sieve: given a payload, whether its record is wanted; None for all.
        after: where a record before the first is known to end.
        progress: is told now and then the number of the last record that was read.

    Raises:
        CorruptLogError: the log is damaged; all records before it were yielded.
    """
    reader = LogReader(folder, filesystem=filesystem, from_seq=low_seq, after=after)
    try:
        for batch in read_batches(reader, sieve, high_seq):
            yield from batch
            if progress is not None:
                progress(reader.next_seq - 1)
    finally:
        reader.close()


def read_backward(
    folder: Path,
    filesystem: FileSystem,
    low_seq: int,
    high_seq: int,
    sieve: Sieve | None,
) -> Iterator[list[Record]]:
    """Yield the records from one number back to another, in lists, the last first.

    Yields:
        Lists of records, each in order, also empty ones.

    Raises:
        CorruptLogError: the log is damaged; all behind it was yielded, but for those of
            the same segment.
    """
    paths, end_seq = LogFolder(folder, filesystem), high_seq + 1
    for reader, first, following in _segments_before(paths, filesystem, end_seq):
        try:
            if following <= low_seq:
                return
            end = min(following, end_seq)
            chunks = _find_chunks(reader, first, end, is_newest=following == END_SEQ)
            decoder = RecordDecoder()
            for seq, offset in reversed(chunks):
                reader.offset = offset
                payloads = reader.read_payloads()
                behind = seq + len(payloads)
                del payloads[max(end - seq, 0) :]
                del payloads[: max(low_seq - seq, 0)]
                yield decode_sifted(decoder, payloads, sieve, behind)
        finally:
            reader.close()


def _segments_before(
    paths: LogFolder, filesystem: FileSystem, end_seq: int
) -> Iterator[tuple[SegmentReader, int, int]]:
    """Yield the segments that begin before a record, the newest first.

    Yields:
        A reader, which the caller closes; the number of the segment's first record; and
        that of the segment behind it, END_SEQ for the newest.

    Raises:
        PrunedError: a segment was pruned meanwhile.
        CorruptLogError: a segment's header is damaged.
    """
    # The one behind a seal that is not over comes first: it may get its name meanwhile.
    unnamed = open_behind_seal(paths, filesystem)
    segments = paths.find_segments()
    following = END_SEQ
    if unnamed is not None and unnamed.header.first_seq in segments:
        unnamed.close()
    elif unnamed is not None:
        yield unnamed, unnamed.header.first_seq, following
        following = unnamed.header.first_seq
    for first in reversed(segments):
        if first < end_seq:
            yield open_segment(paths, filesystem, first), first, following
        following = first


def _find_chunks(
    reader: SegmentReader, seq: int, end_seq: int, *, is_newest: bool
) -> list[tuple[int, int]]:
    """Return (first number, offset) of a segment's chunks, before a record or its end.

    Args:
        reader: of the segment, at its start.
        seq: its first record.
        end_seq: the record.
        is_newest: whether no segment follows, so that it may end before the record.

    Raises:
        CorruptLogError: the segment is damaged before that record.
    """
    chunks = []
    while seq < end_seq:
        offset = reader.offset
        payloads = reader.read_payloads()
        if not payloads:
            _require_end(reader, seq, is_newest=is_newest)
            break
        chunks.append((seq, offset))
        seq += len(payloads)
    return chunks


def _require_end(reader: SegmentReader, seq: int, *, is_newest: bool) -> None:
    """Check that a segment may end before a record.

    Raises:
        CorruptLogError: it is damaged there.
    """
    if is_newest and reader.read_footer() is None:
        require_torn(reader, reader.read_rest(), seq)
    elif not is_newest:
        raise corrupt(
            reader.path, reader.offset, "no sound frame", f"one with seq {seq}"
        )


def sift(payloads: list[bytes], sieve: Sieve | None) -> Iterable[bytes]:
    """Return the payloads that a sieve lets through."""
    if sieve is None:
        return payloads
    if isinstance(sieve, Pieces):
        return sieve.sift(payloads)
    return filter(sieve, payloads)


def decode_sifted(
    decoder: RecordDecoder, payloads: list[bytes], sieve: Sieve | None, end_seq: int
) -> list[Record]:
    """Return the records of those payloads that a sieve lets through.

    Raises:
        CorruptLogError: one is no record; `end_seq` is the number behind them all.
    """
    try:
        return decoder.decode_all(sift(payloads, sieve))
    except ValueError as error:
        raise CorruptLogError(f"before seq {end_seq}: no record: {error}") from error
