"""Reading many records to keep few: undecoded payloads are sieved first.

Decoding is most of what reading costs, so what a record cannot match without (a piece
of text, say) is looked for in its payload's bytes. Backward a segment is gone through
twice: once to note where its chunks begin, then chunk by chunk from the last, so that
memory holds one chunk whatever the length of the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from app.touched import names_whole_databases
from storage.errors import CorruptLogError
from storage.folder import LogFolder, open_segment
from storage.reader import LogReader
from storage.record import RecordDecoder
from storage.segment import corrupt
from storage.tail import require_torn

if TYPE_CHECKING:
    from pathlib import Path

    from storage.filesystem import FileSystem
    from storage.reader import RecordEnd
    from storage.record import Record
    from storage.segment import SegmentReader

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
    for first, last in segments_before(folder, filesystem, high_seq + 1):
        if last < low_seq:
            return
        reader = open_segment(LogFolder(folder, filesystem), filesystem, first)
        try:
            chunks = _find_chunks(reader, first, last)
            decoder = RecordDecoder()
            for seq, offset in reversed(chunks):
                reader.offset = offset
                payloads = reader.read_payloads()
                end_seq = seq + len(payloads)
                del payloads[max(last + 1 - seq, 0) :]
                del payloads[: max(low_seq - seq, 0)]
                yield decode_sifted(decoder, payloads, sieve, end_seq)
        finally:
            reader.close()


def segments_before(
    folder: Path, filesystem: FileSystem, end_seq: int
) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of each segment's records before a number, the newest first.

    A segment is the least that can be read: whoever wants its last record passes all.
    Of the newest segment, `last` may be higher than its last record.
    """
    segments = LogFolder(folder, filesystem).find_segments()
    for first, following in reversed(list(pairwise([*segments, END_SEQ]))):
        last = min(following, end_seq) - 1
        if first <= last:
            yield first, last


def _find_chunks(reader: SegmentReader, first: int, last: int) -> list[tuple[int, int]]:
    """Return (first number, offset) of a segment's chunks, up to a record or its end.

    Raises:
        CorruptLogError: the segment is damaged before that record.
    """
    chunks = []
    seq = first
    while seq <= last:
        offset = reader.offset
        payloads = reader.read_payloads()
        if not payloads:
            _require_end(reader, seq, is_newest=last >= END_SEQ - 1)
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
