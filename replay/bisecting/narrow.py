"""Narrow: a condition asked of the keys that it reads, and not of all there are.

A command, or a script, is run over a slice of the past (see `keys.slices`). The engine
notes which keys it has read, as for a client that caches them; where one is not in the
slice, it is asked again with that one too. So the last answer is the one that the whole
keyspace would have given. What reads more than keys that it names is asked of all.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from typing import TYPE_CHECKING

from joblog.app.keyspace.keyspace import Keyspace
from joblog.replay.bisecting.conditions import Answer, ConditionError, Question
from joblog.replay.keys.past import DATABASES
from joblog.replay.keys.slices import Bookmark, NoSliceError, Slice

if TYPE_CHECKING:
    from joblog.replay.bisecting.conditions import Condition
    from joblog.replay.index.finder import LogIndex

_RECORDS_MAX = 100_000
_BOOKMARK_RECORDS = 1000
"""Behind so many records it is quicker to go back to a bookmark than to fold anew."""


class KeyMoments:
    """Some keys at one moment after the other, backward too.

    Between two states that a fold can begin with, one slice serves all moments.
    """

    def __init__(self, index: LogIndex, keys: frozenset[bytes] = frozenset()) -> None:
        """Look at some keys of a log."""
        self.keys = keys
        self._index = index
        self._bases = [base.seq for base in index.bases.find()]
        self._stretch = -1
        self._few: Slice | None = None
        self._bookmarks: list[Bookmark] = []

    def go_to(self, seq: int) -> Keyspace:
        """Return a keyspace in which these keys are as they were after a record.

        Raises:
            NoSliceError: they cannot be folded alone.
            CorruptLogError: the log is damaged.
        """
        if not self.keys:
            return Keyspace(DATABASES)
        stretch = bisect_right(self._bases, seq)
        few = self._few
        if few is None or stretch != self._stretch:
            few = self._open(seq)
        elif seq > few.until_seq and not few.extend(seq):
            self.keys = frozenset(few.keys)
            few = self._open(seq)
        self._stretch = stretch
        if few.seq > seq:
            while self._bookmarks[-1].seq > seq:
                self._bookmarks.pop()
            few.go_back(self._bookmarks[-1])
        few.go_to(seq)
        return few.keyspace

    def _open(self, seq: int) -> Slice:
        few = self._few = Slice(self._index, self.keys, seq, seq, _RECORDS_MAX)
        self.keys = frozenset(few.keys)
        self._bookmarks = [few.bookmark()]
        return few

    def keep(self) -> None:
        """Make it quick to come back to this moment, and to go on from here."""
        few = self._few
        if (
            few is not None
            and few.place - self._bookmarks[-1].place >= _BOOKMARK_RECORDS
        ):
            self._bookmarks.append(few.bookmark())


class NarrowAsker:
    """Asks a condition of the keys that it reads, as long as that can be."""

    def __init__(self, index: LogIndex, condition: Condition) -> None:
        """Prepare to ask."""
        self._index = index
        self._question = condition if isinstance(condition, Question) else None
        self._moments = KeyMoments(index)

    def ask(self, seq: int, at_ms: int) -> bool | None:
        """Tell whether the condition holds after a record; None where all is needed.

        Raises:
            ConditionError: it cannot be asked.
            CorruptLogError: the log is damaged.
        """
        if self._question is None:
            return None
        answer = None
        with suppress(NoSliceError):
            answer = self._ask(self._question, seq, at_ms)
        if answer is None:
            self._question = None
            return None
        if answer.holds is None:
            raise ConditionError(answer.error)
        if answer.holds:
            self._moments.keep()
        return answer.holds

    def _ask(self, question: Question, seq: int, at_ms: int) -> Answer | None:
        """Ask until all that is read is there; return None where all is needed.

        Raises:
            NoSliceError: the keys that are read cannot be folded alone.
            CorruptLogError: the log is damaged.
        """
        while True:
            answer = question.ask(self._moments.go_to(seq), at_ms)
            if answer.reads is None:
                return None
            if answer.reads <= self._moments.keys:
                return answer
            keys = self._moments.keys | answer.reads
            self._moments = KeyMoments(self._index, keys)
