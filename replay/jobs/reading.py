"""The jobs of a data folder: one with all its steps, or all with their verdicts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.touched import find_touched
from joblog.replay.index.background import WORTH_IT_BYTES
from joblog.replay.index.marks import word_test
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.beginning import begin_tracking
from joblog.replay.jobs.generic import GenericSchema
from joblog.replay.jobs.ledger import Ledger
from joblog.replay.jobs.ledger_rows import KnownStep
from joblog.replay.jobs.packing import Packer
from joblog.replay.jobs.sparse import Known, MissedExitError, SparseError, SparsePast
from joblog.replay.jobs.timelines import Timeline, timelines_of
from joblog.replay.jobs.tracker import Tracker
from joblog.replay.jobs.verdicts import Limits, Verdict, judge
from joblog.replay.jobs.wanted import Wanted
from joblog.replay.keys.past import Past
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.ledger_rows import KnownSteps, Rows
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.keys.past import Progress
    from joblog.storage.record import Record


LONG_RECORDS = 50_000
"""From so many records on a job is looked for by the index."""


_ENDED_WELL = frozenset(("done", "cancelled"))
_TRIES = 32
"""How many pops may be found that no record mentions, before all is followed."""


class Judged(NamedTuple):
    """One job of many, and what became of it."""

    story: Story
    verdict: Verdict


class JobLog:
    """A data folder, read as a history of jobs.

    Attributes:
        schemas: what it is read by.
        started: once jobs were judged, how many there were of which queue and state
            when following began.
    """

    def __init__(
        self,
        index: LogIndex,
        schemas: Sequence[Schema],
        progress: Progress = lambda _: None,
    ) -> None:
        """Look at a log by some schemas; what these learn of it is not shared."""
        self._index = index
        self.schemas = [schema.anew() for schema in schemas]
        self._progress = progress
        self._opened: Ledger | None = None
        self.started: Counter[tuple[bytes, str]] = Counter()

    @property
    def ledger(self) -> Ledger:
        """What the index has of these jobs: the same at each look."""
        if self._opened is None:
            self._opened = Ledger(self._index, self.schemas)
            if self._opened.missing_bytes >= WORTH_IT_BYTES:
                self._index.followed_by = [
                    schema.source or schema.name for schema in self.schemas
                ]
        return self._opened

    def follow(
        self,
        job_id: bytes,
        point: Point,
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
        *,
        is_exact: bool = False,
    ) -> list[Timeline]:
        """Return the jobs of an id up to a moment: several where queues share ids.

        Of a long log only the records that mention the id are read, where these tell
        enough; steps that are concluded from them say so.

        Args:
            job_id: the id.
            point: the moment.
            limits: from when on a job is stuck or lost.
            is_exact: whether to follow the whole log, whatever its length.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        schemas = self._narrow(job_id)
        if not is_exact:
            try:
                found = self._follow_quickly(schemas, job_id, point, limits)
            except SparseError:
                found = None
            if found is not None:
                return found
        tracker = Tracker(schemas, wants=lambda each: each == job_id)
        return timelines_of(tracker, self._run(tracker, point.seq), point, limits)

    def find_seqs(self, job_id: bytes, point: Point) -> set[int]:
        """Return the records that did something for a job, up to a moment.

        They are its steps, and what else was written to keys that are named after it.

        Raises: as `follow`.
        """
        timelines = self.follow(job_id, point)
        if any(step.is_inferred for each in timelines for step in each.steps):
            timelines = self.follow(job_id, point, is_exact=True)
        seqs = {step.record.seq for each in timelines for step in each.steps}
        if not seqs:
            return seqs
        is_named = word_test(job_id)
        for record in self._index.word_records(job_id, until_seq=point.seq):
            if any(is_named(key) for _, key in find_touched(record).keys):
                seqs.add(record.seq)
        return seqs

    def find_steps(self, job_id: bytes, point: Point) -> set[int] | None:
        """Return the records that are steps of a job, up to a moment.

        Returns:
            None where only following a long log would tell, or one that was pruned.

        Raises:
            CorruptLogError: the log is damaged.
        """
        try:
            timelines = self._follow_quickly(self._narrow(job_id), job_id, point)
            if timelines is None:
                timelines = self.follow(job_id, point)
        except (SparseError, PrunedError):
            return None
        return {step.record.seq for each in timelines for step in each.steps}

    def _narrow(self, job_id: bytes) -> list[Schema]:
        """Return the schemas; one that guesses looks for this job alone."""
        return narrow(self.schemas, job_id)

    def _follow_quickly(
        self,
        schemas: list[Schema],
        job_id: bytes,
        point: Point,
        limits: Limits = Limits(),  # noqa: B008 - a NamedTuple never changes
    ) -> list[Timeline] | None:
        """Return the jobs of an id as a long log's index tells; None for a short one.

        Raises:
            SparseError: the index does not tell.
        """
        if point.seq - self._index.first_seq <= LONG_RECORDS:
            return None
        if self._index.first_seq > 1:
            raise SparseError("what was before is pruned")
        return self._follow_sparsely(schemas, job_id, point, limits)

    def _find_known(self, job_id: bytes, until_seq: int) -> Known:
        """Return the records that the ledger knows to be about a job."""
        ledger = self.ledger
        try:
            seqs = ledger.find_seqs(job_id, until_seq)
        except DamagedPartError:
            return Known()
        return Known(frozenset(seqs), ledger.last_seq(until_seq))

    def _follow_sparsely(
        self, schemas: list[Schema], job_id: bytes, point: Point, limits: Limits
    ) -> list[Timeline]:
        known = self._find_known(job_id, point.seq)
        past = SparsePast(
            self._index, schemas, job_id, point.seq, self._progress, known
        )
        for _ in range(_TRIES):
            tracker = Tracker(schemas, wants=lambda each: each == job_id)
            past.begin(tracker)
            try:
                told = tracker.run(past, point.seq)
                found = timelines_of(tracker, told, point, limits)
                break
            except MissedExitError:
                continue
        else:
            raise SparseError("it was taken many times, and not mentioned")
        return [
            timeline._replace(
                steps=[
                    step._replace(is_inferred=step.record.seq in past.inferred)
                    for step in timeline.steps
                ]
            )
            for timeline in found
        ]

    def judge_all(
        self,
        point: Point,
        limits: Limits,
        wants: Callable[[Judged], bool],
        since_seq: int = 0,
        words: frozenset[str] | None = None,
        observe: Callable[[Story, Step], None] | None = None,
    ) -> Iterator[Judged]:
        """Yield the jobs that are wanted, as they were at a moment, the oldest first.

        A job that has ended is judged when it ends, and let go where it is not wanted.

        Args:
            point: the moment.
            limits: from when on a job is stuck or lost.
            wants: whether a job is wanted.
            since_seq: only jobs of which a step is told behind it, or that were last
                seen in a key and had not ended well; 0 for all.
            words: the verdicts of jobs that are wanted where they have ended, and `+`
                for all that were taken back; None for any.
            observe: is told each step that had to be followed: those behind a moment
                that the ledger knows.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """

        def judged(story: Story) -> Judged:
            has_results = tracker.has_results
            return Judged(story, judge(story, point.at_ms, limits, has_results))

        def is_wanted(story: Story) -> bool:
            if since_seq and not _is_of_range(story, since_seq):
                return False
            return wants(judged(story))

        gone = Wanted(is_wanted, Packer(self.schemas))
        tracker = Tracker(self.schemas, keeps=lambda _: False, gone=gone)
        start_seq = self._resume(tracker, gone, point.seq, words, since_seq)
        for told in self._run(tracker, point.seq, start_seq):
            if observe is not None:
                observe(*told)
        for name, story in tracker.stories.items():
            gone.take_back(name)
            if story.state:
                gone.add(name, story)
        self.started = tracker.started
        for story in gone.stories():
            yield judged(story)

    def _resume(
        self,
        tracker: Tracker,
        gone: Wanted,
        until_seq: int,
        words: frozenset[str] | None,
        since_seq: int = 0,
    ) -> int:
        """Let a tracker know what the ledger does, and return up to which record."""
        ledger = self.ledger
        try:
            seq = ledger.resume(tracker, until_seq)
            ledger.read_gone(gone, seq, words, since_seq)
        except DamagedPartError:
            tracker.forget()
            gone.clear()
            return 0
        return seq

    def rows(self, from_seq: int, until_seq: int) -> Iterator[Rows]:
        """Yield what the ledger has of the records after one, up to another.

        What is behind its last row is for `steps` to tell.
        """
        with suppress(DamagedPartError):
            yield from self.ledger.rows(from_seq + 1, until_seq)

    def known_steps(self, from_seq: int, until_seq: int) -> Iterator[KnownSteps]:
        """Yield the same for who only counts steps, by whole pages.

        Raises:
            DamagedPartError: a page is not what was written; others were yielded.
        """
        return self.ledger.steps(from_seq + 1, until_seq)

    def deeds(
        self, from_seq: int, until_seq: int
    ) -> Iterator[tuple[KnownStep, Record]]:
        """Yield the steps of jobs after a record, up to another, each with its record.

        Raises: as `steps`.
        """
        known_seq = from_seq
        for rows in self.rows(from_seq, until_seq):
            known_seq = min(rows.steps.end_seq, until_seq)
            if rows.seqs is None:
                continue
            records = self._index.records(*rows.seqs)
            record = next(records, None)
            for known in rows.known():
                while record is not None and record.seq < known.seq:
                    record = next(records, None)
                assert record is not None
                yield known, record
        if known_seq == until_seq:
            return
        for story, step in self.steps(known_seq, until_seq):
            record, what = step.record, (step.kind, step.state, step.problem)
            yield (
                KnownStep(record.seq, story.id, story.queue, *what, step.key),
                record,
            )

    def steps(self, from_seq: int, until_seq: int) -> Iterator[tuple[Story, Step]]:
        """Yield what happened to jobs in the records after one, up to another.

        Raises:
            CorruptLogError: the log is damaged.
            PrunedError: the log no longer has its first record.
        """
        gone = Wanted(lambda _: False)
        tracker = Tracker(self.schemas, keeps=lambda _: False, gone=gone)
        start_seq = self._resume(tracker, gone, from_seq, frozenset())
        for story, step in self._run(tracker, until_seq, start_seq):
            if step.record.seq > from_seq:
                yield story, step

    def _run(
        self,
        tracker: Tracker,
        until_seq: int,
        known_seq: int = 0,
    ) -> Iterator[tuple[Story, Step]]:
        """Follow jobs from the first moment that can be opened.

        Args:
            tracker: what follows them.
            until_seq: the last record.
            known_seq: up to where it has followed them already, 0 for not yet.
        """
        index = self._index
        if known_seq == until_seq:
            return
        past = Past(index.folder, index.filesystem, self._progress, index.bases)
        try:
            index.bases.require_openable(until_seq)
            if known_seq:
                past.go_to(known_seq)
            else:
                past.go_to(index.bases.find_floor())
                begin_tracking(tracker, past, time_at(index, past.seq, until_seq))
            yield from tracker.run(past, until_seq)
        finally:
            past.close()


def _is_of_range(story: Story, since_seq: int) -> bool:
    stood = story.standing
    if stood is not None and stood.seq > since_seq:
        return True
    return story.state not in _ENDED_WELL and bool(story.places or story.marks)


def time_at(index: LogIndex, seq: int, until_seq: int) -> int:
    """Return a time at which a moment's state lasted: when the next record came."""
    try:
        record = index.get_record(min(seq + 1, until_seq))
    except PrunedError:
        record = None
    return 0 if record is None else record.at_ms


def narrow(schemas: Iterable[Schema], job_id: bytes) -> list[Schema]:
    """Return schemas; one that guesses looks for one job alone."""
    return [
        GenericSchema(job_id) if isinstance(schema, GenericSchema) else schema
        for schema in schemas
    ]
