"""A fold that compares itself with what the live server said of its memory.

The server digests its whole keyspace at a seal where it is small, and else records
proofs of slices (see `joblog.app.engine.proofs`). A difference means that folding the
log does not give what clients were shown: a bug, or memory that failed. The log is what
counts. Where records are redacted, nothing is compared from the first of them up to the
time of the redaction: what had to go was in memory then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.engine.proofs import ProofChecker
from joblog.app.keyspace.digest import dataset_digest
from joblog.storage.folder import read_chain
from joblog.storage.reader import LogReader
from joblog.storage.redacted_segments import Redactions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.recovery import Fold
    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.folder import LogFolder
    from joblog.storage.reader import RecordEnd
    from joblog.storage.record import Record


class ProvenFold:
    """Reads the records for a fold, and compares the state wherever it can be.

    Attributes:
        seals: the digest that was recorded at each seal, and that of the fold.
        recorded: the digests at seals that the log has.
    """

    def __init__(
        self,
        fold: Fold,
        folder: LogFolder,
        filesystem: FileSystem,
        checker: ProofChecker | None = None,
    ) -> None:
        """Watch a fold, from where it is now on.

        Args:
            fold: the fold.
            folder: the data folder.
            filesystem: the door to the disk.
            checker: compares proofs of slices, if it is not to be a new one.
        """
        self.seals: dict[int, tuple[bytes, bytes]] = {}
        self._fold = fold
        self._folder = folder
        self._filesystem = filesystem
        self._proofs = fold.proofs = checker or ProofChecker()
        self._seal_lines: list[str] = []
        self._redacted = Redactions(folder, filesystem).span()
        self.recorded = {
            info.footer.last_seq: info.footer.keyspace_digest
            for info in read_chain(folder, filesystem)
            if info.footer is not None and info.footer.keyspace_digest
        }

    def watch(self, fold: Fold) -> None:
        """Watch another fold, which goes on where the one has come to."""
        fold.proofs = self._fold.proofs
        self._fold = fold

    @property
    def keyspace(self) -> Keyspace:
        """The keyspace of the fold."""
        return self._fold.keyspace

    @property
    def checked(self) -> int:
        """How many comparisons were made."""
        return self._proofs.checked + len(self.seals)

    @property
    def differences(self) -> list[str]:
        """A line for the operator for each comparison that failed."""
        return self._seal_lines + self._proofs.differences

    def batches(
        self, end: RecordEnd | None, until_seq: int | None
    ) -> Iterator[list[Record]]:
        """Yield the records that come next; each batch is to be applied at once.

        Args:
            end: where the last record ends that the fold has; None for none.
            until_seq: the last record to yield, None for the log's last.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log does not have the next record.
        """
        recorded = self.recorded
        reader = LogReader(self._folder.path, filesystem=self._filesystem, after=end)
        try:
            for records in reader.batches(until_seq):
                is_redacted = self._is_redacted(records)
                self._fold.proofs = None if is_redacted else self._proofs
                yield records
                # A batch never goes on in the next segment.
                if self._fold.last_seq in recorded and not is_redacted:
                    self._compare(self._fold.last_seq, recorded[self._fold.last_seq])
        finally:
            reader.close()

    def _is_redacted(self, records: list[Record]) -> bool:
        """Tell whether memory had then what the log has no longer."""
        if self._redacted is None:
            return False
        first_seq, at_ms = self._redacted
        return records[-1].seq >= first_seq and records[0].at_ms <= at_ms

    def _compare(self, seq: int, recorded: bytes) -> None:
        folded = dataset_digest(self._fold.keyspace)
        self.seals[seq] = recorded, folded
        if folded != recorded:
            self._seal_lines.append(
                f"folding up to seq {seq} gives the state {folded.hex()}, but the "
                f"server had {recorded.hex()} when it sealed the segment"
            )
