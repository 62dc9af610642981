"""Sections: runs of a log's records, each covered by one part of the index or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.index.parts import DamagedPartError, Part
from joblog.replay.index.scanning import END_SEQ, decode_sifted, read_window, sift
from joblog.storage.errors import CorruptLogError
from joblog.storage.reader import RecordEnd
from joblog.storage.record import RecordDecoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from joblog.replay.index.catalogue import Catalogue
    from joblog.replay.index.parts import Chunk
    from joblog.replay.index.scanning import Sieve
    from joblog.storage.record import Record
    from joblog.storage.segment import (
        SegmentReader,
    )

_READ_BYTES_MAX = 1024 * 1024
_SIFTED_AT_ONCE = 4096


class Section:
    """A run of records of one segment.

    Attributes:
        first_seq: the number of the first.
        last_seq: the number of the last; `END_SEQ - 1` where the log grows there.
        after: where the record before the first ends.
        part: the part of the index that covers it, None for none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        after: RecordEnd,
        last_seq: int,
        part: Part | None = None,
    ) -> None:
        self.first_seq = after.seq + 1
        self.last_seq = last_seq
        self.after = after
        self.part = part
        self._catalogue = catalogue

    def find(
        self,
        wanted: Sequence[Iterable[bytes]],
        sieve: Sieve | None,
        low_seq: int = 1,
        high_seq: int = END_SEQ,
        *,
        is_reverse: bool = False,
    ) -> Iterator[list[Record]]:
        """Yield records that may have what is wanted, in lists, each list in order.

        Args:
            wanted: groups of marks; a record should have all of one group.
            sieve: what the payloads of wanted records look like; None for any.
            low_seq: the first record that counts.
            high_seq: the last record that counts.
            is_reverse: whether the last list comes first.

        Raises:
            CorruptLogError: the log is damaged.
        """
        low, high = max(low_seq, self.first_seq), min(high_seq, self.last_seq)
        if low > high:
            return
        chunks = self._find_chunks(wanted)
        if chunks is None:
            yield list(self._scan(low, high, sieve))
            return
        decoder = RecordDecoder()
        for run in reversed(chunks) if is_reverse else chunks:
            if run.first_seq > high or run.end_seq <= low:
                continue
            payloads = self._catalogue.read_chunk(self.after.first_seq, run)
            del payloads[max(high + 1 - run.first_seq, 0) :]
            del payloads[: max(low - run.first_seq, 0)]
            yield decoder.decode_all(sift(payloads, sieve))

    def scan(
        self, sieve: Sieve | None, low_seq: int, high_seq: int
    ) -> Iterator[Record]:
        """Yield the records of a range that a sieve lets through.

        Raises:
            CorruptLogError: the log is damaged.
        """
        low, high = max(low_seq, self.first_seq), min(high_seq, self.last_seq)
        return self._scan(low, high, sieve) if low <= high else iter(())

    def end_before(self, seq: int) -> RecordEnd:
        """Return where to begin to read for the sake of one record of the section."""
        chunk = self.chunk_of(seq)
        if chunk is None:
            return self.after
        return RecordEnd(self.after.first_seq, chunk.first_seq - 1, chunk.start)

    def chunk_of(self, seq: int) -> Chunk | None:
        """Return the chunk that has a record; None where that is not indexed."""
        if self.part is None:
            return None
        try:
            return self.part.chunk(self.part.chunk_of(seq))
        except DamagedPartError:
            self.part = None
            return None

    def _scan(self, low: int, high: int, sieve: Sieve | None) -> Iterator[Record]:
        catalogue = self._catalogue
        if self.is_growing:
            try:
                payloads = catalogue.read_rest(self.after)
            except CorruptLogError:
                # Read on below, so that all before the damage is yielded.
                payloads = None
            if payloads is not None:
                first = self.first_seq
                return _decode(payloads[low - first : high + 1 - first], low, sieve)
        return read_window(
            catalogue.folder.path,
            catalogue.filesystem,
            low,
            high,
            sieve,
            self.end_before(low),
            catalogue.progress,
        )

    @property
    def is_growing(self) -> bool:
        """Whether it is what follows the index in the last segment."""
        return self.part is None and self.last_seq == END_SEQ - 1

    def _find_chunks(self, wanted: Sequence[Iterable[bytes]]) -> list[Chunk] | None:
        """Return the runs of chunks to look into; None where all has to be read."""
        if self.part is None:
            return None
        try:
            numbers = {
                number for marks in wanted for number in self.part.find_chunks(marks)
            }
            return _join(self.part.chunk(number) for number in sorted(numbers))
        except DamagedPartError:
            self.part = None
            return None


def _decode(
    payloads: list[bytes], first_seq: int, sieve: Sieve | None
) -> Iterator[Record]:
    decoder = RecordDecoder()
    for start in range(0, len(payloads), _SIFTED_AT_ONCE):
        some = payloads[start : start + _SIFTED_AT_ONCE]
        end_seq = first_seq + start + len(some)
        yield from decode_sifted(decoder, some, sieve, end_seq)


def _join(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Return chunks in order, neighbours as one as long as that is not too long."""
    runs: list[Chunk] = []
    for chunk in chunks:
        last = runs[-1] if runs else None
        if (
            last is not None
            and last.end == chunk.start
            and chunk.end - last.start <= _READ_BYTES_MAX
        ):
            runs[-1] = last._replace(end_seq=chunk.end_seq, end=chunk.end)
        else:
            runs.append(chunk)
    return runs


def require_records(payloads: Iterable[bytes], reader: SegmentReader) -> list[Record]:
    """Return the records in payloads that were just read.

    Raises:
        CorruptLogError: one is no record.
    """
    try:
        return RecordDecoder().decode_all(payloads)
    except ValueError as error:
        raise CorruptLogError(f"{reader.path}: no record: {error}") from error
