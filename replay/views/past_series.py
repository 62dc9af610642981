"""Past series: what metrics tell of a range of the log, at equal steps of time.

Steps of jobs come from the ledger where the index has one, and are followed behind it;
records are read once. Memory: eight bytes for each series and moment.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from joblog.app import families
from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.reading import JobLog, time_at
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.keys.past import Past
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.summaries import count_records
from joblog.replay.views.series import JobCounts, RecordCounts, Value

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

    from joblog.app.families import Family
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.keys.past import Progress

VALUES_MAX = 10_000_000
"""So many values are held at a time: 80 MB."""


class TooManyValuesError(Exception):
    """There is more to tell than is held at a time; the text says what to do."""


class Range(NamedTuple):
    """What is to be told.

    Attributes:
        since_seq: the record before the first.
        until_seq: the last one.
        moments: the times, in ms and in order; records up to each count.
    """

    since_seq: int
    until_seq: int
    moments: Sequence[int]


class Columns:
    """The values of each series, one for each moment.

    Attributes:
        found: them, by family and labels.
    """

    def __init__(self, moments: int) -> None:
        """Begin with no series."""
        self.found: dict[Family, dict[tuple[str, ...], array[float]]] = {}
        self._moments = moments
        self._series = 0

    def take(self, place: int, values: Iterable[Value]) -> None:
        """Take in what there is at one moment; what was not there before was 0.

        Raises:
            TooManyValuesError: that is too much.
        """
        for family, labels, number in values:
            series = self.found.setdefault(family, {})
            column = series.get(labels)
            if column is None:
                self._series += 1
                if self._series * self._moments > VALUES_MAX:
                    raise TooManyValuesError(
                        f"{self._series} series or more at {self._moments} moments are "
                        "too many to hold; give a longer --step, or a shorter range"
                    )
                column = series[labels] = array("d", bytes(8 * self._moments))
            column[place] = number


def tell_past(
    index: LogIndex,
    schemas: Sequence[Schema],
    wanted: Range,
    progress: Progress,
) -> Columns:
    """Return what metrics tell of a range.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
        TooManyValuesError: there is too much of it.
    """
    columns = Columns(len(wanted.moments))
    records = _tell_records(index, wanted, columns, progress)
    _tell_jobs(index, schemas, wanted, columns, progress)
    names = ScriptNames(index)
    ever: list[Value] = [
        Value(families.SCHEMA, (schema.name,), 1.0) for schema in schemas
    ]
    for script in records.scripts:
        name = names.find(script)
        if name:
            label = name.decode("utf-8", "backslashreplace")
            ever.append(Value(families.SCRIPT_NAMES, (script, label), 1.0))
    for place in range(len(wanted.moments)):
        columns.take(place, ever)
    return columns


def _tell_records(
    index: LogIndex, wanted: Range, columns: Columns, progress: Progress
) -> RecordCounts:
    """Count the records of a range, and tell of them at each moment."""
    first_seq, moments = index.first_seq, wanted.moments
    before = None
    if wanted.since_seq >= first_seq:
        before = count_records(index, progress, first_seq, wanted.since_seq)
    counts = RecordCounts(before)
    counts.last_seq = max(wanted.since_seq, first_seq - 1)
    place = 0
    from_seq = counts.last_seq + 1
    found = index.records(from_seq, wanted.until_seq)
    for record in found if from_seq <= wanted.until_seq else ():
        while place < len(moments) and record.at_ms > moments[place]:
            columns.take(place, counts.values())
            place += 1
        counts.observe(record)
    for rest in range(place, len(moments)):
        columns.take(rest, counts.values())
    return counts


def find_started(
    index: LogIndex, schemas: Sequence[Schema], until_seq: int
) -> tuple[Counter[tuple[bytes, str]], int]:
    """Return which jobs there were when following began, and a time at which.

    Raises: as `tell_past`.
    """
    tracker = Tracker(schemas)
    floor = index.bases.find_floor()
    if not floor:
        return tracker.started, 0
    past = Past(index.folder, index.filesystem, bases=index.bases)
    try:
        past.go_to(floor)
        begun_ms = time_at(index, floor, until_seq)
        begin_tracking(tracker, past, begun_ms)
    finally:
        past.close()
    return tracker.started, begun_ms


def begin_counting(
    schemas: Sequence[Schema], started: Counter[tuple[bytes, str]], begun_ms: int
) -> JobCounts:
    """Return counts of jobs that are read by some schemas."""
    has_acks = any(schema.has_acks for schema in schemas)
    return JobCounts(started, begun_ms, has_acks=has_acks)


def _tell_jobs(
    index: LogIndex,
    schemas: Sequence[Schema],
    wanted: Range,
    columns: Columns,
    progress: Progress,
) -> None:
    """Count the steps of all jobs, and tell of them at each moment."""
    moments, until_seq = wanted.moments, wanted.until_seq
    index.bases.require_openable(until_seq)
    jobs = JobLog(index, schemas, progress)
    counts = begin_counting(schemas, *find_started(index, schemas, until_seq))
    place, known_seq = 0, index.bases.find_floor()
    for rows in jobs.rows(known_seq, until_seq):
        start = rows.start
        while place < len(moments):
            times = rows.steps.times
            end = bisect_right(times, moments[place], start, rows.end)
            counts.observe_rows(rows, start, end)
            start = end
            if end == rows.end:
                break
            columns.take(place, counts.values(moments[place]))
            place += 1
        known_seq = min(rows.steps.end_seq, until_seq)
    for story, step in jobs.steps(known_seq, until_seq):
        while place < len(moments) and step.record.at_ms > moments[place]:
            columns.take(place, counts.values(moments[place]))
            place += 1
        counts.observe(story, step)
    for rest in range(place, len(moments)):
        columns.take(rest, counts.values(moments[rest]))
