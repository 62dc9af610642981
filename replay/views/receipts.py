"""Receipts of jobs, as a page gives them away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import NoSuchMomentError
from joblog.replay.jobs.reading import JobLog
from joblog.replay.proofs.proving import (
    is_short,
    make_complete_receipt,
    make_receipt,
)
from joblog.replay.proofs.receipts import Subject

if TYPE_CHECKING:
    from joblog.replay.views.source import Source


def receipt_facts(source: Source, job_id: bytes) -> dict[str, Any]:
    """Return a receipt for a job: `text` is what `replay prove --job` writes.

    Raises:
        NoSuchMomentError: there is no such job.
        StorageError: the log is damaged, or was pruned.
    """
    index, point = source.index, source.point(None)
    jobs = JobLog(index, source.schemas, source.progress)
    timelines = jobs.follow(job_id, point, source.limits)
    records = [step.record for each in timelines for step in each.steps]
    subject = Subject("job", job_id)
    if not records:
        raise NoSuchMomentError(f"no record tells of a {subject}")
    if is_short(index):
        receipt = make_complete_receipt(index, subject, index.last_seq)
    else:
        receipt = make_receipt(index, source.clients, records, subject)
    return {
        "text": "".join(receipt.text),
        "about": str(subject),
        "is_complete": receipt.is_complete,
        "digests": [f"{digest.hex()}@{seq}" for digest, seq in receipt.digests],
    }
