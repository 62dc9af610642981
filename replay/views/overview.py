"""The overview: what became of a log's jobs, by queue, over time, between tags.

It follows the jobs of a range once, and answers which stretch between two tags made a
queue grow, and what is wrong since when. Its numbers are those of `replay jobs` with
the same range. Plain data: nothing is printed here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import ScriptSourceNote, TagNote, read_note
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.reading import JobLog, Judged
from joblog.replay.records.points import tag_records
from joblog.replay.records.script_texts import source_records
from joblog.replay.records.scripts import script_name
from joblog.replay.views.counting import Counting, Queue
from joblog.replay.views.depths import Span
from joblog.replay.views.problems import SEVEREST, Problem, Problems, last_seq
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.jobs.verdicts import Limits
    from joblog.replay.keys.past import Progress
    from joblog.replay.records.clients import ClientDirectory

_UNFINISHED = frozenset(("waiting", "scheduled", "blocked", "running"))
_ENDED_WELL = frozenset(("done", "cancelled"))
WORDS = frozenset(SEVEREST)
"""The verdicts of jobs that have ended which are asked for one by one."""


class Mark(NamedTuple):
    """Something that happened at a moment: a tag was given, a script came.

    Attributes:
        seq: the record.
        at_ms: its time.
        kind: "tag" or "script".
        name: the tag's name, or the script's; of a script without one its SHA-1.
    """

    seq: int
    at_ms: int
    kind: str
    name: bytes


class Piece(NamedTuple):
    """A stretch of the range, from one tag to the next.

    Attributes:
        tag: the tag that it begins with, None for the beginning of the range.
        from_seq: its first record.
        until_seq: its last record.
        from_ms: when it begins.
        until_ms: when it ends.
    """

    tag: bytes | None
    from_seq: int
    until_seq: int
    from_ms: int
    until_ms: int


class Overview(NamedTuple):
    """What a log shows at a glance.

    Attributes:
        from_seq: the first record of the range.
        until_seq: the last one.
        at_ms: the moment at which jobs are judged.
        span: when the first and the last record were written.
        schemas: the names of the schemas that jobs were read by.
        queues: the queues, those in which something waits or is wrong first.
        marks: tags and new scripts of the range, in order.
        pieces: the stretches between tags; each queue has numbers for each of them.
        problems: what is wrong, the severest first.
    """

    from_seq: int
    until_seq: int
    at_ms: int
    span: Span
    schemas: list[str]
    queues: list[Queue]
    marks: list[Mark]
    pieces: list[Piece]
    problems: list[Problem]

    def verdicts(self) -> dict[str, int]:
        """Return how many jobs there are of each verdict, in all queues."""
        found: dict[str, int] = {}
        for queue in self.queues:
            for word, count in queue.verdicts.items():
                found[word] = found.get(word, 0) + count
        return {word: count for word, count in found.items() if count}


class Looked(NamedTuple):
    """What to look at.

    Attributes:
        since_seq: the record after which to begin, 0 for the log's first.
        until: the moment at which to end.
        limits: from when on a job is stuck or lost.
        wants_queue: which queues count; None for all.
    """

    since_seq: int
    until: Point
    limits: Limits
    wants_queue: Callable[[bytes], object] | None = None


def look_over(
    index: LogIndex,
    schemas: Sequence[Schema],
    clients: ClientDirectory,
    looked: Looked,
    progress: Progress,
) -> Overview:
    """Return the overview of a range.

    Args:
        index: the log's index.
        schemas: what keys mean.
        clients: who the clients were.
        looked: the range, and what counts.
        progress: is told how far the log was read.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    index.bases.require_openable(looked.until.seq)
    begin_seq = max(looked.since_seq, index.bases.find_floor())
    span = _find_span(index, begin_seq + 1, looked.until)
    pieces = _cut(index, span, begin_seq + 1, looked.until.seq)
    ends = [piece.until_seq for piece in pieces]
    jobs = JobLog(index, schemas, progress)
    try:
        counting, judged = _count(jobs, span, ends, begin_seq, looked)
    except DamagedPartError:
        jobs.ledger.distrust()
        counting, judged = _count(jobs, span, ends, begin_seq, looked)
    problems = Problems(index, clients)
    for each in sorted(judged, key=last_seq):
        if each.story.queue in counting.queues:
            problems.add(each)
    return Overview(
        begin_seq + 1,
        looked.until.seq,
        looked.until.at_ms,
        span,
        [schema.name for schema in schemas],
        sorted(counting.queues.values(), key=_urgency),
        find_marks(index, begin_seq + 1, looked.until.seq),
        pieces,
        problems.list(),
    )


def _count(
    jobs: JobLog, span: Span, ends: list[int], begin_seq: int, looked: Looked
) -> tuple[Counting, list[Judged]]:
    """Count the steps that the ledger has, and those behind; return who is wrong too.

    Raises:
        DamagedPartError: a page of the ledger is not what was written.
    """
    # Of what was pruned as much is known as was there when following began.
    is_whole = looked.since_seq <= 0 or looked.since_seq < begin_seq
    counting = Counting(span, ends, begin_seq, looked.wants_queue, is_whole=is_whole)
    known_seq, until = begin_seq, looked.until
    for steps in jobs.known_steps(begin_seq, until.seq):
        counting.observe_known(steps, until.seq)
        known_seq = min(steps.end_seq, until.seq)

    def observe(story: Story, step: Step) -> None:
        if step.record.seq > known_seq:
            counting.observe(story, step)

    found = jobs.judge_all(
        until, looked.limits, is_open_or_wrong, looked.since_seq, WORDS, observe
    )
    judged = list(found)
    counting.finish(judged, jobs.started)
    return counting, judged


def is_open_or_wrong(judged: Judged) -> bool:
    """Say whether a job is to be judged by itself, not counted among others."""
    return judged.verdict.word not in _ENDED_WELL


def _find_span(index: LogIndex, from_seq: int, until: Point) -> Span:
    """Return when the first and the last record of a range were written."""
    first, last = _at_ms(index, from_seq), _at_ms(index, until.seq)
    until_ms = until.at_ms if last is None else last
    from_ms = until_ms if first is None or from_seq > until.seq else first
    return Span(from_ms, max(from_ms, until_ms))


def _at_ms(index: LogIndex, seq: int) -> int | None:
    try:
        record = index.get_record(seq) if seq else None
    except PrunedError:
        return None
    return None if record is None else record.at_ms


def _cut(index: LogIndex, span: Span, from_seq: int, until_seq: int) -> list[Piece]:
    """Cut a range into the stretches between its tags."""
    found: list[Piece] = []
    tag, first_seq, first_ms = None, from_seq, span.from_ms
    for mark in _tags(index, from_seq, until_seq):
        if mark.seq > from_seq:
            found.append(Piece(tag, first_seq, mark.seq - 1, first_ms, mark.at_ms))
        tag, first_seq, first_ms = mark.name, mark.seq, mark.at_ms
    found.append(Piece(tag, first_seq, until_seq, first_ms, span.until_ms))
    return found


def _tags(index: LogIndex, from_seq: int, until_seq: int) -> list[Mark]:
    """Return the tags of a range; one that was moved on is called NAME~1, and so on."""
    found: list[Mark] = []
    times: Counter[bytes] = Counter()
    for record in reversed(list(tag_records(index))):
        note = read_note(record.origin)
        if not isinstance(note, TagNote):
            continue
        back = times[note.name]
        times[note.name] += 1
        if from_seq <= record.seq <= until_seq:
            name = note.name + (b"~%d" % back if back else b"")
            found.append(Mark(record.seq, record.at_ms, "tag", name))
    return found[::-1]


def find_marks(index: LogIndex, from_seq: int, until_seq: int) -> list[Mark]:
    """Return the tags of a range, and the scripts that came in it, in order."""
    marks = _tags(index, from_seq, until_seq)
    seen: set[str] = set()
    for record in source_records(index, until_seq=until_seq):
        note = read_note(record.origin)
        if not isinstance(note, ScriptSourceNote) or note.sha in seen:
            continue
        seen.add(note.sha)
        if record.seq >= from_seq:
            name = script_name(note.source) or note.sha.encode()
            marks.append(Mark(record.seq, record.at_ms, "script", name))
    return sorted(marks)


def _urgency(queue: Queue) -> tuple[int, int, bytes]:
    wrong = sum(queue.verdicts[word] for word in SEVEREST)
    unfinished = sum(queue.verdicts[word] for word in _UNFINISHED)
    return -unfinished, -wrong, queue.name
