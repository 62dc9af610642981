"""Following: what metrics tell of a log that grows, a piece of time at a time.

It begins with what the index knows, or follows a short log from its start; of a long
one that is not indexed it begins with the jobs that are there now, and counts from then
on: how long these had waited before is not known.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from joblog.app import families
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.ledger import Ledger
from joblog.replay.jobs.reading import time_at
from joblog.replay.jobs.shipped import detect_schemas
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.wanted import Wanted
from joblog.replay.keys.past import Past
from joblog.replay.records.script_texts import TextNames
from joblog.replay.views.past_series import begin_counting, find_started
from joblog.replay.views.series import JobCounts, RecordCounts, Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from joblog.replay.jobs.schema import Schema
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

FOLLOWED_MAX = 100_000
"""So many records are followed at the beginning; with more, it begins at the end."""

_AT_ONCE = 500


class _Told(Past):
    """A past that tells which records happen, once they are asked for.

    Attributes:
        records: counts them.
        names: learns what scripts are called.
        is_told: whether they are told.
    """

    def __init__(self, index: LogIndex) -> None:
        super().__init__(index.folder, index.filesystem, bases=index.bases)
        self.records = RecordCounts()
        self.names = TextNames()
        self.is_told = False

    def batches(self, until_seq: int | None) -> Iterator[list[Record]]:
        """Yield the records that come next; see `Past.batches`."""
        for records in super().batches(until_seq):
            for record in records if self.is_told else ():
                self.records.observe(record)
                if not record.effects:
                    self.names.observe(record)
            yield records


class Following:
    """Follows the log of a running server."""

    def __init__(self, folder: Path, filesystem: FileSystem) -> None:
        """Look at a data folder; nothing is read yet."""
        self._folder = folder
        self._filesystem = filesystem
        self._past: _Told | None = None
        self._tracker: Tracker | None = None
        self._jobs = JobCounts({}, 0)
        self._schemas: list[Schema] = []
        self._detected_seq = 0

    def go_on(self, seconds: float) -> bool:
        """Follow for so long, or up to the log's end; say whether there may be more.

        Raises:
            StorageError: the log is damaged, or what comes next was pruned.
            SchemaError: a schema in the folder is none.
        """
        deadline = time.monotonic() + seconds
        self._look_for_schemas()
        if self._past is None and not self._begin():
            return False
        past, tracker = self._past, self._tracker
        assert past is not None
        assert tracker is not None
        while True:
            before = past.seq
            for story, step in tracker.run(past, before + _AT_ONCE):
                self._jobs.observe(story, step)
            if past.seq == before:
                return False
            if time.monotonic() > deadline:
                return True

    @property
    def seq(self) -> int:
        """The last record that was followed; 0 for none."""
        return 0 if self._past is None else self._past.seq

    def values(self, at_ms: int) -> Iterator[Value]:
        """Yield what there is to tell."""
        if self._past is None:
            return
        for schema in self._schemas:
            yield Value(families.SCHEMA, (schema.name,), 1)
        records = self._past.records
        yield from (value for value in records.values() if not value.family.field)
        for script in records.scripts:
            name = self._past.names.find(script)
            if name:
                label = name.decode("utf-8", "backslashreplace")
                yield Value(families.SCRIPT_NAMES, (script, label), 1)
        yield from self._jobs.values(at_ms)

    def close(self) -> None:
        """Begin anew the next time."""
        if self._past is not None:
            self._past.close()
        self._past = self._tracker = None
        self._detected_seq = 0

    def _look_for_schemas(self) -> None:
        """Look again which schemas fit, each time that the log has doubled."""
        if self._past is not None and self.seq < 2 * self._detected_seq:
            return
        index = LogIndex(self._folder, self._filesystem)
        try:
            self._detected_seq = max(index.last_seq, 1)
            found = detect_schemas(index)
        finally:
            index.close()
        if [each.name for each in found] != [each.name for each in self._schemas]:
            if self._past is not None:
                self._past.close()
            self._past, self._schemas = None, found

    def _begin(self) -> bool:
        """Learn of the jobs that there are; say whether the log has a record."""
        index = LogIndex(self._folder, self._filesystem)
        last_seq = index.last_seq
        if not last_seq:
            index.close()
            return False
        past, tracker = _Told(index), self._make_tracker()
        try:
            self._jobs = self._resume(index, past, tracker, last_seq)
        except BaseException:
            past.close()
            raise
        finally:
            index.close()
        past.is_told = True
        self._past, self._tracker = past, tracker
        return True

    def _make_tracker(self) -> Tracker:
        return Tracker(
            self._schemas, keeps=lambda _: False, gone=Wanted(lambda _: False)
        )

    def _resume(
        self, index: LogIndex, past: _Told, tracker: Tracker, last_seq: int
    ) -> JobCounts:
        ledger, floor = Ledger(index, self._schemas), index.bases.find_floor()
        counts = begin_counting(
            self._schemas, *find_started(index, self._schemas, last_seq)
        )
        known_seq = 0
        with suppress(DamagedPartError):
            known_seq = ledger.resume(tracker, last_seq)
            for rows in ledger.rows(floor + 1, known_seq) if known_seq else ():
                counts.observe_rows(rows, rows.start, rows.end)
        if known_seq and last_seq - known_seq <= FOLLOWED_MAX:
            past.go_to(known_seq)
            return counts
        tracker.forget()
        start_seq = floor if last_seq - floor <= FOLLOWED_MAX else last_seq
        past.go_to(start_seq)
        begun_ms = time_at(index, start_seq, last_seq)
        begin_tracking(tracker, past, begun_ms)
        return begin_counting(self._schemas, tracker.started, begun_ms)
