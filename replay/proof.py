"""Proofs: a digest that somebody kept, and the state that the server itself had.

`storage.verify` proves that the bytes are those that were written. This proves two
things more: that they are those that were there when somebody noted a digest, and that
folding them gives what the server had in memory when it sealed a segment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.engine.digest import dataset_digest
from storage.errors import PrunedError, StorageError
from storage.verify import compute_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from replay.past import Past
    from storage.filesystem import FileSystem
    from storage.verify import SegmentReport


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

    @property
    def damage(self) -> str:
        """What is wrong, for the operator; "" where nothing is."""
        if not self.recorded_hex or self.folded_hex == self.recorded_hex:
            return ""
        return (
            f"folding up to seq {self.seq} gives the state {self.folded_hex}, but the "
            f"server had {self.recorded_hex} when it sealed the segment"
        )


def prove_seals(
    past: Past, segments: list[SegmentReport], last_seq: int
) -> Iterator[SealProof]:
    """Fold a sound log and yield a proof at each seal and at the end.

    Raises:
        CorruptLogError: a record cannot be applied.
        PrunedError: the log no longer has its first record.
    """
    recorded = {
        segment.last_seq: segment.keyspace_digest_hex
        for segment in segments
        if segment.is_sealed
    }
    for seq in sorted({*recorded, last_seq}):
        past.go_to(seq)
        folded = dataset_digest(past.fold.keyspace).hex()
        yield SealProof(seq, folded, recorded.get(seq, ""))


def check_expected(
    folder: Path, filesystem: FileSystem, digest_hex: str, seq: int
) -> str:
    """Compare a digest that somebody kept with the log's at that record.

    Returns:
        What is wrong, for the operator; "" where they are equal.

    Raises:
        PrunedError: the record is no longer in the log, so nobody can say.
    """
    try:
        found = compute_digest(folder, seq, filesystem=filesystem)
    except PrunedError:
        raise
    except StorageError as error:
        return str(error)
    if found == digest_hex:
        return ""
    return (
        f"the digest at seq {seq} is {found}, expected {digest_hex}: a record up to "
        f"there was changed, or it is another log"
    )
