"""What is near: the changes of a key, or the steps of a job, around a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.replay.jobs.reading import JobLog

if TYPE_CHECKING:
    from joblog.replay.views.source import Source


def near_key_facts(source: Source, db: int, key: bytes, seq: int) -> dict[str, Any]:
    """Return the last record before one, and the next behind it, that changed a key.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    before = source.index.key_records(db, key, 1, seq - 1, is_reverse=True)
    after = source.index.key_records(db, key, seq + 1)
    return {
        name: next((record.seq for record in records), None)
        for name, records in (("before", before), ("after", after))
    }


def near_job_facts(source: Source, job_id: bytes, seq: int) -> dict[str, Any]:
    """Return the last step of a job before a record, and the next behind it.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    jobs = JobLog(source.index, source.schemas, source.progress)
    timelines = jobs.follow(job_id, source.point(None), source.limits)
    seqs = {step.record.seq for each in timelines for step in each.steps}
    return {
        "before": max((each for each in seqs if each < seq), default=None),
        "after": min((each for each in seqs if each > seq), default=None),
    }
