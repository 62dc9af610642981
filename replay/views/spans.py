"""Spans: the life of each job as a trace: a span for it, and one for each state.

Ids are hashes of the log, the job and the record with which its life began, so that
who takes in a range twice has each span once. A life ends where a job is done,
cancelled or deleted; one that failed may go on. Memory: the lives that have not ended.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from joblog.replay.jobs.schema import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.jobs.ledger_rows import KnownStep

_TRACE_BYTES = 16
_SPAN_BYTES = 8


class Told(NamedTuple):
    """A step of a job, with what is told of who made it.

    Attributes:
        step: the step.
        at_ms: when it was.
        client: who made it.
        deed: by which command or script.
    """

    step: KnownStep
    at_ms: int
    client: str
    deed: str


class StateSpan(NamedTuple):
    """For how long a job was in a state.

    Attributes:
        id: of eight bytes.
        began: the step that brought it there.
        end_ms: when the next one came.
        error: what was wrong when it left, "" for nothing.
    """

    id: bytes
    began: Told
    end_ms: int
    error: str


class Trace(NamedTuple):
    """One life of a job.

    Attributes:
        id: of sixteen bytes.
        root_id: the id of the span that is the whole life.
        job_id: the job.
        queue: the queue in which it was last.
        begin_ms: when it began.
        end_ms: when it ended, or what is told of it.
        state: the last state.
        error: what is wrong in the end, "" for nothing.
        states: its states, in order.
    """

    id: bytes
    root_id: bytes
    job_id: bytes
    queue: bytes
    begin_ms: int
    end_ms: int
    state: str
    error: str
    states: list[StateSpan]


def trace_jobs(told: Iterable[Told], log_id: str, until_ms: int) -> Iterator[Trace]:
    """Yield the lives of jobs, each when it ends, and then those that go on.

    Args:
        told: the steps of a range, in order.
        log_id: the log's.
        until_ms: the end of the range, up to which lives go that have not ended.
    """
    lives: dict[tuple[bytes, bytes], list[Told]] = {}
    queues: dict[bytes, bytes] = {}
    for each in told:
        step = each.step
        queue = queues.setdefault(step.job_id, step.queue)
        if queue != step.queue:  # it went to another: the same life goes on
            moved = lives.pop((queue, step.job_id), None)
            if moved is not None:
                lives[step.queue, step.job_id] = moved
            queues[step.job_id] = step.queue
        name = step.queue, step.job_id
        life = lives.get(name)
        if life is None:
            if step.state in ENDS:
                continue  # of a life that was told, or began before the range
            life = lives[name] = []
        life.append(each)
        if step.state in ENDS and step.state != "failed":
            del lives[name]
            queues.pop(step.job_id, None)
            yield _make(life, log_id, each.at_ms)
    for life in lives.values():
        is_over = life[-1].step.state in ENDS
        yield _make(life, log_id, life[-1].at_ms if is_over else until_ms)


def _make(life: list[Told], log_id: str, end_ms: int) -> Trace:
    first, last = life[0], life[-1]
    name = b"\0".join(
        (log_id.encode(), first.step.job_id, b"%d" % first.step.seq, first.step.queue)
    )
    trace_id = hashlib.sha256(name).digest()[:_TRACE_BYTES]
    error = _error_of(last)
    return Trace(
        trace_id,
        _span_id(trace_id, 0),
        first.step.job_id,
        last.step.queue,
        first.at_ms,
        max(end_ms, first.at_ms),
        last.step.state,
        error,
        _states(life, trace_id, end_ms),
    )


def _states(life: list[Told], trace_id: bytes, end_ms: int) -> list[StateSpan]:
    """Return the states of a life; taken again it is in the next one."""
    found: list[StateSpan] = []
    began: Told | None = None
    for each in life:
        step = each.step
        is_same = began is not None and began.step.state == step.state
        if is_same and step.kind != "taken":
            continue
        if began is not None:
            span_id = _span_id(trace_id, began.step.seq)
            found.append(StateSpan(span_id, began, each.at_ms, _error_of(each)))
        began = None if step.state in ENDS else each
    if began is not None:
        span_id = _span_id(trace_id, began.step.seq)
        found.append(StateSpan(span_id, began, max(end_ms, began.at_ms), ""))
    return found


def _error_of(told: Told) -> str:
    step = told.step
    return step.problem or ("failed" if step.state == "failed" else "")


def _span_id(trace_id: bytes, seq: int) -> bytes:
    return hashlib.sha256(b"%b%d" % (trace_id, seq)).digest()[:_SPAN_BYTES]
