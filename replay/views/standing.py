"""What is open or wrong at a moment, by queue: what the first screen shows of each job.

As `overview`, but for what is counted over time, which the board knows already: no page
of the ledger before the moment is read. Numbers are those of `replay top`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.reading import JobLog
from joblog.replay.output.texts import json_text
from joblog.replay.views.counting import Queue
from joblog.replay.views.facts import problem_facts
from joblog.replay.views.overview import WORDS, is_open_or_wrong
from joblog.replay.views.problems import Problems, last_seq

if TYPE_CHECKING:
    from joblog.app.history.moments import Point
    from joblog.replay.jobs.reading import Judged
    from joblog.replay.views.source import Source

NOTHING: dict[str, Any] = {"counts": {}, "oldest_waiting_ms": None, "workers": 0}
"""What there is to tell of a queue all of whose jobs have ended well."""


def standing_facts(source: Source, point: Point) -> dict[str, Any]:
    """Return for JSON the jobs that have not ended well, counted, and what is wrong.

    Raises:
        StorageError: the log is damaged, or does not go back so far.
    """
    index = source.index
    index.bases.require_openable(point.seq)
    judged = _judge(source, point)
    queues: dict[bytes, Queue] = {}
    problems = Problems(index, source.clients)
    for each in sorted(judged, key=last_seq):
        stood = each.story.standing
        if stood is None:
            continue
        queue = queues.setdefault(stood.queue, Queue(stood.queue, 1))
        queue.verdicts[each.verdict.word] += 1
        queue.note(each.story)
        problems.add(each)
    counts: Counter[str] = Counter()
    for queue in queues.values():
        counts.update(queue.verdicts)
    return {
        "point": {"seq": point.seq, "at": json_time(point.at_ms), "at_ms": point.at_ms},
        "counts": dict(counts),
        "queues": [_queue_facts(queue) for queue in queues.values()],
        "problems": [problem_facts(problem) for problem in problems.list()],
    }


def _judge(source: Source, point: Point) -> list[Judged]:
    jobs = JobLog(source.index, source.schemas, source.progress)
    words = point, source.limits, is_open_or_wrong, 0, WORDS
    try:
        return list(jobs.judge_all(*words))
    except DamagedPartError:
        jobs.ledger.distrust()
        return list(jobs.judge_all(*words))


def _queue_facts(queue: Queue) -> dict[str, Any]:
    return {
        "queue": json_text(queue.name),
        "counts": dict(queue.verdicts),
        "oldest_waiting_ms": queue.oldest_ms,
        "workers": len(queue.workers),
    }
