"""The records of a complete receipt, to be asked as the index of a log is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.index.finder import LogIndex
from joblog.replay.index.scanning import END_SEQ, Pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from joblog.replay.index.scanning import Sieve
    from joblog.replay.proofs.held import HeldRecords
    from joblog.storage.record import Record


class HeldLog(LogIndex):
    """A log that begins with its first record, of which nothing else is at hand."""

    def __init__(self, held: HeldRecords) -> None:
        """Look at what a receipt holds.

        Args:
            held: its records, without a gap.
        """
        self._held = held

    def candidates(
        self,
        wanted: Sequence[Iterable[bytes]],  # noqa: ARG002 - there are no marks
        sieve: Sieve,
        from_seq: int = 1,
        until_seq: int = END_SEQ,
        *,
        is_reverse: bool = False,
    ) -> Iterator[Record]:
        """Yield records that a sieve lets through; see `LogIndex.candidates`.

        Raises:
            ReceiptError: one is no record.
        """
        assert isinstance(sieve, Pieces)
        assert not is_reverse
        for record in self._held.records(sieve, from_seq=from_seq):
            if record.seq > until_seq:
                return
            if record.seq >= from_seq:
                yield record

    def get_record(self, seq: int) -> Record | None:
        """Return one record, None where it is not held."""
        return self._held[seq] if seq in self._held.seqs else None

    def records(
        self,
        from_seq: int,
        until_seq: int,
        sieve: Sieve | None = None,  # noqa: ARG002 - nobody has one
    ) -> Iterator[Record]:
        """Yield the records of a range."""
        for seq in range(max(from_seq, self.first_seq), until_seq + 1):
            if seq > self.last_seq:
                return
            yield self._held[seq]

    @property
    def first_seq(self) -> int:
        """The number of the first record."""
        return self._held.seqs.first

    @property
    def last_seq(self) -> int:
        """The number of the last record."""
        return self._held.seqs.last
