"""One job of a long log, exactly, from the records that mention it or moved it.

As `sparse`, but what a pop took is not concluded from what came next: the places of the
job are followed from the log's first record on (see `whereabouts`). That takes longer,
and proves what it says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from joblog.replay.index.marks import word_test
from joblog.replay.jobs.sparse import SparseError, SparsePast
from joblog.replay.jobs.timelines import timelines_of
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.jobs.whereabouts import Whereabouts, count_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.timelines import Timeline
    from joblog.storage.record import Record

_is_plain = re.compile(rb"[0-9A-Za-z_.:-]+").fullmatch
"""Such an id looks the same in JSON, in a pickle and by itself."""


def follow_exactly(
    index: LogIndex, schemas: Sequence[Schema], job_id: bytes, point: Point
) -> list[Timeline]:
    """Return the jobs of an id up to a moment, as following all records would tell.

    Args:
        index: the log, from its first record on.
        schemas: what keys mean.
        job_id: the id.
        point: the moment.

    Raises:
        SparseError: only following all of them tells.
        CorruptLogError: the log is damaged.
    """
    if not _is_plain(job_id):
        raise SparseError("records may have it in another spelling")
    past = _ExactPast(index, schemas, job_id, point.seq)
    tracker = Tracker(schemas, wants=lambda each: each == job_id)
    past.begin(tracker)
    told = tracker.run(past, point.seq)
    return timelines_of(tracker, told, point, Limits())


class _ExactPast(SparsePast):
    """A past of one job alone, with all that moved it."""

    def __init__(
        self,
        index: LogIndex,
        schemas: Sequence[Schema],
        job_id: bytes,
        until_seq: int,
    ) -> None:
        super().__init__(index, schemas, job_id, until_seq)
        tests = [word_test(name) for name in (job_id, *self._aliases)]
        self._finds = lambda text: any(test(text) for test in tests)
        self._places = Whereabouts(index, self._finds, self._mentions, until_seq)
        self._mentions.update(self._places.moved)
        counts = self._places.there.values()
        self._homes = {home for each in counts for home in each}

    def batches(self, _: int) -> Iterator[list[Record]]:
        """Yield the records that tell of the job, one at a time.

        Raises:
            SparseError: one does not do to the job alone what it did among others.
        """
        for record in self._mentions.values():
            self.seq = record.seq
            yield [self._narrow(self._places.parts.get(record.seq, record))]
            there = self._places.there.get(record.seq)
            if there is None:
                continue
            for db, key in self._homes:
                found = count_in(self.databases[db], key, self._finds)
                if found != there[db, key]:
                    raise SparseError(f"{key!r} was changed by more than a pop")
