"""Columns: the steps of jobs that no page of the ledger has yet, as a page has them.

What is behind the ledger, or a whole log that has none, is followed once and kept as
columns of numbers, twenty bytes a step; so the board counts it as it counts pages. All
that is known of the jobs meanwhile, some hundred megabytes of a long log, is held while
the log grows alone.
"""

from __future__ import annotations

import time
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.ledger import Ledger
from joblog.replay.jobs.ledger_rows import KnownSteps, What
from joblog.replay.jobs.reading import time_at
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.wanted import Wanted
from joblog.replay.keys.past import Past

if TYPE_CHECKING:
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.views.source import Source

_AT_ONCE = 500


class Columns:
    """Follows jobs behind a record, and notes down what happens.

    Attributes:
        steps: what was noted down.
        seq: the last record that was followed.
    """

    def __init__(self, source: Source, since_seq: int) -> None:
        """Learn of the jobs that there are.

        Args:
            source: the log.
            since_seq: steps behind this record are noted down.

        Raises:
            StorageError: the log is damaged, or was pruned.
        """
        self._since_seq = since_seq
        self._seqs, self._times = array("Q"), array("Q")
        self._whats, self._pauses = array("I"), array("Q")
        self._numbers: dict[What, int] = {}
        self._noted_seq = since_seq
        self._following: tuple[Tracker, Past] | None = self._begin(source)

    def _begin(self, source: Source) -> tuple[Tracker, Past]:
        gone = Wanted(lambda _: False)
        schemas = [schema.anew() for schema in source.schemas]
        tracker = Tracker(schemas, keeps=lambda _: False, gone=gone)
        index = source.index
        past = Past(source.folder, source.filesystem, source.progress, index.bases)
        known_seq = 0
        with suppress(DamagedPartError):
            known_seq = Ledger(index, schemas).resume(tracker, self._since_seq)
        if known_seq:
            past.go_to(known_seq)
        else:
            tracker.forget()
            past.go_to(source.index.bases.find_floor())
            begin_tracking(
                tracker, past, time_at(source.index, past.seq, source.index.last_seq)
            )
        return tracker, past

    def go_on(self, source: Source, until_seq: int, seconds: float) -> bool:
        """Follow up to a record, or for so long; say whether it is reached.

        Raises:
            StorageError: the log is damaged, or what comes next was pruned.
        """
        if self._following is None:
            self._following = self._begin(source)
        tracker, past = self._following
        end = time.monotonic() + seconds
        while past.seq < until_seq:
            goal = min(past.seq + _AT_ONCE, until_seq)
            for story, step in tracker.run(past, goal):
                if step.record.seq > self._noted_seq:
                    self._note(story, step)
            self._noted_seq = max(self._noted_seq, past.seq)
            if time.monotonic() > end:
                break
        return past.seq >= until_seq

    def _note(self, story: Story, step: Step) -> None:
        record, before = step.record, step.before
        stood = (None, "") if before is None else before[:2]
        what = What(story.queue, step.kind, step.state, step.problem, *stood)
        self._seqs.append(record.seq - self._since_seq - 1)
        self._times.append(record.at_ms)
        self._whats.append(self._numbers.setdefault(what, len(self._numbers)))
        self._pauses.append(0 if before is None else record.seq - before.seq)

    @property
    def seq(self) -> int:
        """The last record that was followed."""
        return self._noted_seq

    @property
    def steps(self) -> KnownSteps:
        """What was noted down."""
        columns = self._seqs, self._times, self._whats, self._pauses
        first_seq = self._since_seq + 1
        return KnownSteps(first_seq, self.seq, *columns, list(self._numbers))

    def rest(self) -> None:
        """Keep what was noted down alone; who goes on learns of the jobs anew."""
        if self._following is not None:
            self._following[1].close()
            self._following = None
