"""Bisection: the first record after which a condition no longer holds.

The condition holds at one moment and not at a later one. The moment in the middle of
the two is folded and asked, and the half in which it stops to hold is halved again. So
what is found is a record after which it fails; where it came and went more than once,
one of them.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.recovery import Fold
from joblog.app.history.snapshots import encode_blocks
from joblog.replay.bisecting.narrow import NarrowAsker
from joblog.replay.keys.inquiry import open_past
from joblog.replay.keys.past import DATABASES, Past
from joblog.storage.snapshot import (
    NO_LINK,
    SnapshotHeader,
    SnapshotReader,
    write_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.replay.bisecting.conditions import Condition
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress

_KEPT_RECORDS = 200_000


class Bisection(NamedTuple):
    """What a bisection found.

    Attributes:
        holds_seq: the last moment that was found to be well; None where the range does
            not begin well.
        fails_seq: the record right after it, after which it is not; None where the
            range ends well.
        asked: how many moments were asked.
    """

    holds_seq: int | None
    fails_seq: int | None
    asked: int


def bisect(holds: Callable[[int], bool], from_seq: int, until_seq: int) -> Bisection:
    """Find the first record of a range after which a condition fails.

    Args:
        holds: given a moment, whether the condition holds there.
        from_seq: a moment at which it should.
        until_seq: a later one at which it should not.
    """
    if not holds(from_seq):
        return Bisection(None, from_seq, 1)
    if holds(until_seq):
        return Bisection(until_seq, None, 2)
    low, high, asked = from_seq, until_seq, 2
    while high - low > 1:
        middle = (low + high) // 2
        asked += 1
        if holds(middle):
            low = middle
        else:
            high = middle
    return Bisection(low, high, asked)


class Asker:
    """Asks a condition of one moment after the other.

    Going back costs a fold from the nearest snapshot. Where that is far, the last
    moment at which the condition held is kept on disk until `close`.
    """

    def __init__(
        self, index: LogIndex, condition: Condition, progress: Progress
    ) -> None:
        """Prepare to ask.

        Args:
            index: the log's index.
            condition: given a keyspace and the time in ms, whether all is well there.
            progress: is told the number of the record that was folded last.
        """
        self._index = index
        self._condition = condition
        self._progress = progress
        self._narrow = NarrowAsker(index, condition)
        self._past: Past | None = None
        self._home = tempfile.TemporaryDirectory()
        self._kept: Path | None = None

    def __call__(self, seq: int) -> bool:
        """Tell whether the condition holds at a moment.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log does not go back so far.
        """
        record = self._index.get_record(seq) if seq >= self._index.first_seq else None
        at_ms = record.clock_ms if record is not None else 0
        holds = self._narrow.ask(seq, at_ms)
        if holds is None:
            return self._ask_all(seq, at_ms)
        self._progress(seq)
        return holds

    def _ask_all(self, seq: int, at_ms: int) -> bool:
        past = self._past
        if past is None or past.seq > seq:
            past = self._open(seq)
        past.go_to(seq)
        holds = self._condition(past.fold.keyspace, at_ms)
        if holds and seq - self._nearest_base(seq) >= _KEPT_RECORDS:
            self._keep(seq, past)
        return holds

    def close(self) -> None:
        """Close the log, and remove what was kept."""
        if self._past is not None:
            self._past.close()
        self._home.cleanup()

    def _open(self, seq: int) -> Past:
        """Return the past at or before a moment, for want of one that can go on."""
        if self._past is not None:
            self._past.close()
        past = self._past = open_past(self._index, self._progress)
        kept = self._kept
        if kept is not None and self._nearest_base(seq) < int(kept.stem) <= seq:
            with closing(SnapshotReader(self._index.filesystem, kept)) as reader:
                fold = Fold.from_snapshot(reader, DATABASES)
            past.go_on_from(fold, self._index.find_end_before(fold.last_seq + 1))
        return past

    def _nearest_base(self, seq: int) -> int:
        bases = [base.seq for base in self._index.bases.find() if base.seq <= seq]
        return max(bases, default=0)

    def _keep(self, seq: int, past: Past) -> None:
        elder, self._kept = self._kept, Path(self._home.name, f"{seq:020d}.snap")
        header = SnapshotHeader(seq, 0, bytes(16), 0, 0, bytes(32), NO_LINK, 0)
        blocks = encode_blocks(past.fold.keyspace)
        write_snapshot(self._index.filesystem, self._kept, header, blocks)
        if elder is not None and elder != self._kept:
            elder.unlink()
