"""Following: where the steps of jobs come from that are counted.

The ledger of the index has a row for each step, so that a long log is followed once;
what is behind its last row is followed. Of a range that begins later, of a log that was
pruned, and of one of several schemas, all is followed from where it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.replay.views.counting import Told, job_number, name_number
from joblog.replay.views.problems import SEVEREST
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.ledger_pages import Rows
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.views.depths import Span

_ENDED_WELL = frozenset(("done", "cancelled"))
WORDS = frozenset(SEVEREST)
"""The verdicts of jobs that have ended which are asked for one by one."""


def told(story: Story, step: Step, span: Span) -> Told:
    """Return a step that a tracker tells, as it is counted."""
    record = step.record
    return Told(
        job_number(story),
        story.queue,
        step.kind,
        step.state,
        record.seq,
        span.slot(record.at_ms),
    )


def told_by_rows(
    pages: Iterable[Rows], schema: Schema, starts: Sequence[int]
) -> Iterator[Told]:
    """Yield steps that the ledger has, as they are counted.

    Args:
        pages: what it has, in order.
        schema: the one by which the jobs were read.
        starts: the first record of each slot, in order.
    """
    slot, last = 0, len(starts) - 1
    for rows in pages:
        ids, whats, _, queues, _ = rows.tables
        columns = rows.seqs, rows.jobs, rows.whats, rows.queues
        for number, job, what, queue in zip(*columns, strict=True):
            seq = rows.first_seq + number
            while slot < last and starts[slot + 1] <= seq:
                slot += 1
            kind, state, _ = whats[what]
            name = queues[queue]
            yield Told(
                name_number(schema, name, ids[job]), name, kind, state, seq, slot
            )


def find_starts(index: LogIndex, span: Span) -> list[int]:
    """Return the first record of each slot of a span, or of one behind it."""
    return [_first_at(index, at_ms) for at_ms in span.starts_ms()]


def _first_at(index: LogIndex, at_ms: int) -> int:
    try:
        return index.find_seq_at(at_ms - 1) + 1
    except PrunedError:
        return index.first_seq


def is_open_or_wrong(judged: Judged) -> bool:
    """Say whether a job is to be judged by itself, not counted among others."""
    return judged.verdict.word not in _ENDED_WELL
