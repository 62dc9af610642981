"""Parting: where the logs of two folders begin to differ.

A digest is of all bytes of a log up to a record. So the first record at which two logs
have other digests is the first that differs, also where records are redacted. Where a
segment begins in one log alone, they differ from there on whatever the records say.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.shown.records import record_text
from joblog.storage.digests import compute_digests
from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.verify import VerifyReport

_AT_ONCE = 64
"""Into so many parts a segment is cut to find the first record that differs."""


class Side(NamedTuple):
    """One of two logs, sound in itself.

    Attributes:
        folder: where it lies. filesystem: the door to it.
        report: what verifying it found.
    """

    folder: Path
    filesystem: FileSystem
    report: VerifyReport

    @property
    def first_seq(self) -> int:
        """The first record that it has."""
        return self.report.segments[0].first_seq


class Parting(NamedTuple):
    """How two logs lie to each other.

    Attributes:
        same_until: they are the same up to this record; 0 where nothing is.
        seq: the first record that differs; 0 where none does.
        texts: what it is in each, where it differs.
        why: what differs, where that is no record; else "".
    """

    same_until: int
    seq: int = 0
    texts: tuple[str, str] = ("", "")
    why: str = ""


def find_parting(one: Side, other: Side) -> Parting:
    """Find the first difference between two logs, as far as both go.

    Raises:
        StorageError: one cannot be read, or was pruned meanwhile.
    """
    first_seq = max(one.first_seq, other.first_seq)
    until_seq = min(one.report.last_seq, other.report.last_seq)
    if first_seq > until_seq:
        return Parting(0, why="they have no record in common")
    for begins, ends, is_aligned in _stretches(one, other, first_seq, until_seq):
        seq = _first_digest(one, other, begins, ends) if is_aligned else begins
        if not seq:
            continue
        texts = _text(one, seq), _text(other, seq)
        ids = one.report.log_id, other.report.log_id
        why = ""
        if ids[0] != ids[1]:
            why = f"they are two logs, {ids[0]} and {ids[1]}"
        elif not is_aligned:
            why = "a segment begins there in one of them alone"
        elif texts[0] == texts[1]:
            why = (
                "what is around it differs: times, who wrote it, or the segment's head"
            )
        return Parting(seq - 1 if seq > first_seq else 0, seq, texts, why)
    return Parting(until_seq)


def _stretches(
    one: Side, other: Side, first_seq: int, until_seq: int
) -> Iterator[tuple[int, int, bool]]:
    """Yield (first, last, whether both have a segment that begins there), in order."""
    sides = [
        {segment.first_seq: segment.last_seq for segment in side.report.segments}
        for side in (one, other)
    ]
    begins = sorted({first_seq, *sides[0], *sides[1]})
    places = [place for place in begins if first_seq <= place <= until_seq]
    for place, behind in pairwise([*places, until_seq + 1]):
        yield place, behind - 1, place in sides[0] and place in sides[1]


def _first_digest(one: Side, other: Side, first_seq: int, last_seq: int) -> int:
    """Return the first record of a segment whose digest differs; 0 for none."""
    low, high = first_seq, last_seq
    while low <= high:
        step = max((high - low + 1) // _AT_ONCE, 1)
        seqs = sorted({*range(low, high + 1, step), high})
        mine, theirs = _digests(one, seqs), _digests(other, seqs)
        same: list[int] = [seq for seq in seqs if mine[seq] == theirs.get(seq)]
        if high in same:
            return 0
        before = same[-1] if same else low - 1
        low, high = before + 1, min(seq for seq in seqs if seq > before)
        if low == high:
            return low
    return 0


def _digests(side: Side, seqs: list[int]) -> dict[int, str]:
    return compute_digests(side.folder, seqs, filesystem=side.filesystem)


def _text(side: Side, seq: int) -> str:
    """Return a record as a line."""
    reader = LogReader(side.folder, filesystem=side.filesystem, from_seq=seq)
    try:
        return record_text(reader.read_batch()[0], 80)
    finally:
        reader.close()
