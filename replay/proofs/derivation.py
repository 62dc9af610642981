"""Derivation: what a receipt's bytes say of its subject, whatever the receipt says.

A job of a receipt that holds all from a log's first record on is followed as in the log
itself. Of one that begins later nobody knows what was before, so the records count that
mention the job. A receipt of single records says of each of them what it is, and of no
other.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.moments import Point
from joblog.app.history.recovery import Fold
from joblog.app.history.touched import ALL_DATABASES, find_touched
from joblog.replay.index.marks import word_test
from joblog.replay.index.scanning import KeyPieces, Pieces
from joblog.replay.jobs.exact import follow_exactly
from joblog.replay.jobs.reading import LONG_RECORDS, narrow
from joblog.replay.jobs.shipped import detect_in_records, look_at
from joblog.replay.jobs.sparse import SparseError
from joblog.replay.jobs.timelines import timelines_of
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import Limits
from joblog.replay.keys.past import DATABASES
from joblog.replay.proofs.held_log import HeldLog
from joblog.replay.proofs.receipts import role_of
from joblog.storage.errors import CorruptLogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from joblog.app.keyspace.database import Database
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.timelines import Timeline
    from joblog.replay.proofs.held import HeldRecords
    from joblog.replay.proofs.receipts import Checked, Subject
    from joblog.storage.record import Record

_BATCH_RECORDS = 1000
_FOLLOWED_MAX = 10_000
"""From so many records on those that count are looked for."""


class Derived(NamedTuple):
    """What the records of a receipt say of its subject.

    Attributes:
        seqs: the records that are about it, in order.
        timelines: of a job that was followed from the log's first record.
    """

    seqs: list[int]
    timelines: list[Timeline]


class HeldPast:
    """A past of records that are at hand, for a `Tracker`."""

    def __init__(self, held: HeldRecords) -> None:
        """Begin before the first record, which is the log's."""
        self._held = held
        self._fold = Fold(DATABASES)

    @property
    def databases(self) -> list[Database]:
        """The databases at this moment."""
        return self._fold.keyspace.databases

    def apply(self, records: list[Record]) -> None:
        """Let the next records happen.

        Raises:
            CorruptLogError: one cannot be applied.
        """
        self._fold.apply(records)

    def batches(self, _: int) -> Iterator[list[Record]]:
        """Yield all records."""
        records = self._held.records()
        while some := list(islice(records, _BATCH_RECORDS)):
            yield some


def derive(checked: Checked, schemas: Sequence[Schema] = ()) -> Derived:
    """Return what a sound receipt's bytes say of its subject.

    Args:
        checked: the receipt.
        schemas: what keys mean; by default what the records show.
    """
    subject = checked.subject
    held = checked.held
    if subject.kind == "record":
        return Derived([subject.number], [])
    if not checked.is_complete:
        shown = [each.seq for each in held.records() if role_of(each) == "record"]
        return Derived(shown, [])
    if subject.kind == "key":
        touches = _touches(subject)
        found = filter(touches, held.records(KeyPieces(subject.name)))
        return Derived([each.seq for each in found], [])
    if subject.kind == "job" and checked.spans[0].first_seq == 1:
        try:
            return _follow(held, subject.name, schemas)
        except CorruptLogError:
            pass  # it is no log that a server wrote: what it mentions is told
    mentions = word_test(subject.name)
    told = held.records(Pieces(subject.name))
    return Derived([each.seq for each in told if _mentions(each, mentions)], [])


def _follow(held: HeldRecords, job_id: bytes, schemas: Sequence[Schema]) -> Derived:
    """Follow a job through all records of a log."""
    log = HeldLog(held)
    count = len(held.seqs)
    shown = look_at(log) if count > LONG_RECORDS else held.records()
    chosen = narrow(schemas or detect_in_records(shown), job_id)
    last = held[held.seqs.last]
    point = Point(last.seq, last.at_ms)
    found = None
    if count > _FOLLOWED_MAX:
        with suppress(SparseError):
            found = follow_exactly(log, chosen, job_id, point)
    if found is None:
        tracker = Tracker(chosen, wants=lambda each: each == job_id)
        told = tracker.run(HeldPast(held), last.seq)
        found = timelines_of(tracker, told, point, Limits())
    seqs = {step.record.seq for timeline in found for step in timeline.steps}
    return Derived(sorted(seqs), found)


def _touches(subject: Subject) -> Callable[[Record], bool]:
    def touches(record: Record) -> bool:
        touched = find_touched(record)
        return (subject.number, subject.name) in touched.keys or not {
            subject.number,
            ALL_DATABASES,
        }.isdisjoint(touched.databases)

    return touches


def _mentions(record: Record, test: Callable[[bytes], object]) -> bool:
    given = record.origin.command or []
    return any(map(test, given)) or any(
        test(word) for argv in record.effects for word in argv
    )
