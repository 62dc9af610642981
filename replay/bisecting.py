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

from app.recovery import Fold
from app.snapshots import encode_blocks
from replay.inquiry import open_past
from replay.past import DATABASES, Past
from storage.snapshot import NO_LINK, SnapshotHeader, SnapshotReader, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.keyspace.keyspace import Keyspace
    from replay.index.finder import LogIndex
    from replay.past import Progress

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


class Bisector:
    """Asks one moment after the other.

    Going back costs a fold from the nearest snapshot. Where that is far, the last
    moment that was well is kept on disk until the end.
    """

    def __init__(
        self,
        index: LogIndex,
        condition: Callable[[Keyspace, int], bool],
        progress: Progress,
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
        self._past: Past | None = None
        self._asked = 0

    def run(self, from_seq: int, until_seq: int) -> Bisection:
        """Find the first record of a range after which the condition fails.

        Args:
            from_seq: a moment at which it holds.
            until_seq: a later one at which it does not.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log does not go back so far.
        """
        with tempfile.TemporaryDirectory() as home:
            try:
                return self._run(from_seq, until_seq, Path(home))
            finally:
                self._close()

    def _run(self, from_seq: int, until_seq: int, home: Path) -> Bisection:
        if not self._holds(from_seq, home):
            return Bisection(None, from_seq, self._asked)
        self._keep(from_seq, home)
        if self._holds(until_seq, home):
            return Bisection(until_seq, None, self._asked)
        low, high = from_seq, until_seq
        while high - low > 1:
            middle = (low + high) // 2
            if self._holds(middle, home):
                low = middle
                self._keep(low, home)
            else:
                high = middle
        return Bisection(low, high, self._asked)

    def _holds(self, seq: int, home: Path) -> bool:
        """Ask one moment."""
        past = self._past
        if past is None or past.seq > seq:
            self._close()
            past = self._past = self._open(seq, home)
        past.go_to(seq)
        self._asked += 1
        record = self._index.get_record(seq) if seq >= self._index.first_seq else None
        at_ms = record.at_ms if record is not None else 0
        return self._condition(past.fold.keyspace, at_ms)

    def _open(self, seq: int, home: Path) -> Past:
        past = open_past(self._index, self._progress)
        kept = max((path for path in home.glob("*.snap")), default=None)
        if kept is not None and self._is_far(seq, int(kept.stem)):
            with closing(SnapshotReader(self._index.filesystem, kept)) as reader:
                fold = Fold.from_snapshot(reader, DATABASES)
            past.go_on_from(fold, self._index.find_end_before(fold.last_seq + 1))
        return past

    def _is_far(self, seq: int, kept_seq: int) -> bool:
        """Tell whether the moment that was kept is nearer than any snapshot."""
        bases = [base.seq for base in self._index.bases.find() if base.seq <= seq]
        return kept_seq <= seq and kept_seq > max(bases, default=0)

    def _keep(self, seq: int, home: Path) -> None:
        """Keep the moment that was just asked, where no snapshot is near."""
        assert self._past is not None
        bases = [base.seq for base in self._index.bases.find() if base.seq <= seq]
        if seq - max(bases, default=0) < _KEPT_RECORDS:
            return
        for path in home.glob("*.snap"):
            path.unlink()
        path = home / f"{seq:020d}.snap"
        header = SnapshotHeader(seq, 0, bytes(16), 0, 0, bytes(32), NO_LINK, 0)
        blocks = encode_blocks(self._past.fold.keyspace)
        write_snapshot(self._index.filesystem, path, header, blocks)

    def _close(self) -> None:
        if self._past is not None:
            self._past.close()
            self._past = None
