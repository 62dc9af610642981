"""Audits: who did what to which jobs, with the log's digest at both ends.

A deed is one step of one job. Deeds are counted by queue, client, user and kind, and
the counts add up to the deeds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.history.moments import json_time
from joblog.replay.output.texts import json_text, plain_text, show
from joblog.storage.reader import read_records
from joblog.storage.verify import compute_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.replay.jobs.ledger_rows import KnownStep, Rows
    from joblog.replay.jobs.reading import JobLog
    from joblog.replay.jobs.views import Actors
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record


class End(NamedTuple):
    """One end of a range.

    Attributes:
        seq: the last record that had happened; 0 for none.
        at_ms: when that was.
        digest_hex: the log's digest there; "" before the first record.
    """

    seq: int
    at_ms: int
    digest_hex: str

    @property
    def digest(self) -> str:
        """The digest as `verify --expect` takes it, or why there is none."""
        return (
            f"{self.digest_hex}@{self.seq}" if self.digest_hex else "start of the log"
        )


class Deed(NamedTuple):
    """What somebody did to a job: one step, as an auditor reads it. All is text."""

    seq: int
    at: str
    queue: str
    job: str
    step: str
    state: str
    client: str
    address: str
    user: str
    library: str
    by: str
    key: str
    problem: str


class Group(NamedTuple):
    """By what deeds are counted."""

    queue: str
    client: str
    user: str
    step: str


def find_end(folder: Path, filesystem: FileSystem, seq: int) -> End:
    """Return an end of a range, with the log's digest there.

    Raises:
        StorageError: the log does not have that record.
    """
    for record in read_records(
        folder, filesystem=filesystem, from_seq=max(seq, 1), until_seq=seq
    ):
        digest = compute_digest(folder, seq, filesystem=filesystem)
        return End(seq, record.at_ms, digest)
    return End(seq, 0, "")


class Audit:
    """Deeds as they come, and their counts.

    Attributes:
        counts: how many deeds there were, by group.
        jobs: how many jobs, by queue; those of 100,000 jobs are told apart, and more
            are counted once for each stretch of their deeds.
        deeds: how many deeds there were.
    """

    def __init__(
        self, actors: Actors, wants_queue: Callable[[bytes], object] | None = None
    ) -> None:
        """Begin with no deeds.

        Args:
            actors: says who made a record, and how.
            wants_queue: which queues count; None for all.
        """
        self._actors = actors
        self._wants_queue = wants_queue
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.counts: Counter[Group] = Counter()
        self.jobs: Counter[str] = Counter()
        self.deeds = 0

    def read(self, log: JobLog, from_seq: int, until_seq: int) -> Iterator[Deed]:
        """Yield the deeds after a record, up to another, in order, and count them.

        Raises: as `JobLog.steps`.
        """
        for deed, record in log.deeds(from_seq, until_seq):
            if self._wants_queue is None or self._wants_queue(deed.queue):
                made = self._make(deed, record)
                group = Group(made.queue, made.client, made.user, made.step)
                self._count(group, 1)
                self._meet(made.queue, made.job)
                yield made

    def count(self, log: JobLog, from_seq: int, until_seq: int) -> None:
        """Count the deeds after a record, up to another, and look at none of them.

        Raises: as `JobLog.steps`.
        """
        known_seq = from_seq
        for rows in log.rows(from_seq, until_seq):
            self._count_rows(rows)
            known_seq = min(rows.steps.end_seq, until_seq)
        if known_seq < until_seq:
            for _ in self.read(log, known_seq, until_seq):
                pass

    def _count_rows(self, rows: Rows) -> None:
        ids, clients, _ = rows.tables
        wants = self._wants_queue
        names = {
            what.queue: json_text(what.queue)
            for what in rows.steps.table
            if wants is None or wants(what.queue)
        }
        found = Counter((who, what) for _, what, _, who, _ in rows.columns())
        for (who, what), number in found.items():
            if what.queue in names:
                client_id, seq = clients[who]
                name, user = self._actors.name_and_user(client_id, seq)
                self._count(Group(names[what.queue], name, user, what.kind), number)
        met = dict.fromkeys((what.queue, job) for _, what, job, *_ in rows.columns())
        for queue, job in met:
            if queue in names:
                self._meet(names[queue], json_text(ids[job]))

    def _make(self, deed: KnownStep, record: Record) -> Deed:
        client = self._actors.client(record)
        note = client.note
        name, user = self._actors.name_and_user(client.id, record.seq)
        return Deed(
            record.seq,
            json_time(record.at_ms),
            json_text(deed.queue),
            json_text(deed.job_id),
            deed.kind,
            deed.state,
            name,
            plain_text(note.address) if note else "",
            user,
            json_text(note.library) if note else "",
            self._actors.deed(record),
            json_text(deed.key),
            deed.problem,
        )

    def _count(self, group: Group, number: int) -> None:
        self.deeds += number
        self.counts[group] += number

    def _meet(self, queue: str, job_id: str) -> None:
        job = queue, job_id
        if job not in self._seen:
            self.jobs[queue] += 1
            self._seen[job] = None
            if len(self._seen) > _JOBS_KEPT:
                self._seen.popitem(last=False)

    def groups(self) -> list[tuple[Group, int]]:
        """Return the counts, by group."""
        return sorted(self.counts.items())


_JOBS_KEPT = 100_000


def head_facts(first: End, last: End) -> dict[str, Any]:
    """Return the range of an audit for JSON."""
    return {
        "audit": {
            "from_seq": first.seq,
            "from": json_time(first.at_ms) if first.seq else None,
            "from_digest": first.digest_hex or None,
            "until_seq": last.seq,
            "until": json_time(last.at_ms),
            "until_digest": last.digest_hex or None,
        }
    }


def total_facts(audit: Audit) -> dict[str, Any]:
    """Return the counts of an audit for JSON."""
    return {
        "totals": {
            "deeds": audit.deeds,
            "jobs": dict(sorted(audit.jobs.items())),
            "groups": [
                {**group._asdict(), "deeds": count} for group, count in audit.groups()
            ],
        }
    }


def queue_label(queue: str) -> str:
    """Return a queue's name for people."""
    return show(queue.encode("utf-8", "surrogateescape")) if queue else "-"
