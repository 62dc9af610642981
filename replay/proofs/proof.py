"""Deep proofs: the state that the server itself had, held against a fold of the log.

`joblog.storage.verify` proves that the bytes are those that were written. This proves
that folding them gives what the server had in memory, and what the snapshots hold.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.proving import ProvenFold
from joblog.app.history.recovery import Fold, Recovery
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.keys.past import DATABASES
from joblog.storage.errors import PrunedError, SnapshotError
from joblog.storage.folder import LogFolder
from joblog.storage.snapshot import SnapshotReader
from joblog.storage.snapshots import usable_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.reader import RecordEnd


class SealProof(NamedTuple):
    """What folding to a seal, or to the end, gave.

    Attributes:
        seq: the last record that was folded.
        folded_hex: the digest of the state that the fold gives.
        recorded_hex: the server's own digest of its state; "" where it gave none.
    """

    seq: int
    folded_hex: str
    recorded_hex: str

    @property
    def verdict(self) -> str:
        """Whether they agree, in a word or two."""
        if not self.recorded_hex:
            return "(none was recorded)"
        return (
            "as recorded" if self.folded_hex == self.recorded_hex else "NOT AS RECORDED"
        )


class DeepProof:
    """A fold of a sound log that compares itself with whatever was recorded.

    Attributes:
        seals: what folding to each seal, and to the end, gave.
        slices: how many slices of memory were compared besides.
        snapshots: the snapshots that hold what the fold gives.
        damage: all that is wrong, for the operator.
    """

    def __init__(
        self, folder: Path, filesystem: FileSystem, progress: Callable[[int], None]
    ) -> None:
        """Look at a data folder; `run` folds it."""
        self.seals: list[SealProof] = []
        self.slices = 0
        self.snapshots: list[int] = []
        self.damage: list[str] = []
        self._folder = LogFolder(folder, filesystem)
        self._filesystem = filesystem
        self._progress = progress

    def run(self) -> None:
        """Fold from the log's beginning, or where that is pruned from a snapshot.

        Raises:
            CorruptLogError: a record cannot be applied.
            PrunedError: the log has lost its beginning, and no snapshot stands for it.
        """
        waiting = self._find_snapshots()
        fold, end = self._begin()
        proven = ProvenFold(fold, self._folder, self._filesystem)
        for records in proven.batches(end, None):
            start = 0
            while waiting and waiting[0] <= records[-1].seq:
                seq = waiting.pop(0)
                place = seq - records[0].seq + 1
                fold.apply(records[start:place])
                start = place
                self._compare_snapshot(seq, fold)
            fold.apply(records[start:])
            self._progress(fold.last_seq)
        for seq, (recorded, folded) in proven.seals.items():
            self.seals.append(SealProof(seq, folded.hex(), recorded.hex()))
        if fold.last_seq not in proven.seals:
            folded = dataset_digest(fold.keyspace)
            self.seals.append(SealProof(fold.last_seq, folded.hex(), ""))
        self.slices = proven.checked - len(proven.seals)
        self.damage += proven.differences

    def _find_snapshots(self) -> list[int]:
        """Return the snapshots that the log bears out, in order; name the others."""
        found = []
        for reader, _ in usable_snapshots(self._folder, self._filesystem, self.damage):
            found.append(reader.header.seq)
            reader.close()
        return sorted(found)

    def _begin(self) -> tuple[Fold, RecordEnd | None]:
        segments = self._folder.find_segments()
        if segments[:1] in ([], [1]):
            return Fold(DATABASES), None
        # The oldest there is, so that as much as can be is folded.
        for seq in self._folder.find_snapshots():
            recovery = Recovery(self._folder.path, self._filesystem, DATABASES, seq)
            with contextlib.suppress(PrunedError):
                end = recovery.begin()
                return recovery.fold, end
        recovery = Recovery(self._folder.path, self._filesystem, DATABASES)
        return recovery.fold, recovery.begin()

    def _compare_snapshot(self, seq: int, fold: Fold) -> None:
        """Compare what a snapshot holds with the fold up to its record."""
        path = self._folder.snapshot_path(seq)
        try:
            reader = SnapshotReader(self._filesystem, path)
            try:
                held = Fold.from_snapshot(reader, DATABASES).keyspace
            finally:
                reader.close()
        except SnapshotError as error:
            self.damage.append(str(error))
            return
        if dataset_digest(held) == dataset_digest(fold.keyspace):
            self.snapshots.append(seq)
        else:
            self.damage.append(
                f"{path}: the snapshot holds another state than the log folds to up to "
                f"seq {seq}; remove it"
            )
