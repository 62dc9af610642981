"""Overviews as JSON: one object, for programs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text
from joblog.replay.views.axis import mark_facts

if TYPE_CHECKING:
    from joblog.replay.views.counting import Queue
    from joblog.replay.views.overview import Overview, Piece
    from joblog.replay.views.problems import Problem


def overview_facts(overview: Overview) -> dict[str, Any]:
    """Return an overview for JSON; docs/replay.md has its schema."""
    span = overview.span
    return {
        "range": {
            "from_seq": overview.from_seq,
            "until_seq": overview.until_seq,
            **_time("from", span.from_ms),
            **_time("until", span.until_ms),
            **_time("at", overview.at_ms),
        },
        "schemas": overview.schemas,
        "counts": overview.verdicts(),
        "slots_ms": span.starts_ms(),
        "queues": [_queue_facts(queue) for queue in overview.queues],
        "marks": [mark_facts(mark) for mark in overview.marks],
        "stretches": [_piece_facts(piece) for piece in overview.pieces],
        "problems": [problem_facts(problem) for problem in overview.problems],
    }


def _time(name: str, at_ms: int | None) -> dict[str, Any]:
    return {
        name: None if at_ms is None else json_time(at_ms),
        f"{name}_ms": at_ms,
    }


def _queue_facts(queue: Queue) -> dict[str, Any]:
    return {
        "queue": json_text(queue.name),
        "counts": {word: count for word, count in queue.verdicts.items() if count},
        "depths": {state: depth.at_ends() for state, depth in queue.depths.items()},
        "stretches": [
            queue.stretch(place)._asdict() for place in range(len(queue.steps))
        ],
        "grew_most": queue.grew_most(),
        **_time("oldest_waiting", queue.oldest_ms),
        "workers": len(queue.workers),
    }


def _piece_facts(piece: Piece) -> dict[str, Any]:
    return {
        "tag": None if piece.tag is None else json_text(piece.tag),
        "from_seq": piece.from_seq,
        "until_seq": piece.until_seq,
        **_time("from", piece.from_ms),
        **_time("until", piece.until_ms),
    }


def problem_facts(problem: Problem) -> dict[str, Any]:
    """Return a problem for JSON."""
    group = problem.group
    return {
        **group._asdict(),
        "queue": json_text(group.queue),
        "jobs": problem.jobs,
        "first_id": json_text(problem.first_id),
        "first_seq": problem.first_seq,
        **_time("first", problem.first_ms),
        **_time("last", problem.last_ms),
    }
