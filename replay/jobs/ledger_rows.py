"""Rows: the steps of jobs that the ledger has of one part, as columns of numbers.

To count steps only the columns of `KnownSteps` are needed; who did what to which job
stands in those of `Rows` beside them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class KnownStep(NamedTuple):
    """One thing that happened to a job; the words are those of a `Step`."""

    seq: int
    job_id: bytes
    queue: bytes
    kind: str
    state: str
    problem: str
    key: bytes


class What(NamedTuple):
    """What a step was; many are alike.

    Attributes:
        queue: the job's queue.
        kind: what happened.
        state: the job's state after it.
        problem: what is wrong with it, "" where nothing is.
        from_queue: the queue in which the job stood before, None where nothing was told
            of it.
        from_state: its state there, "" where nothing was told.
    """

    queue: bytes
    kind: str
    state: str
    problem: str = ""
    from_queue: bytes | None = None
    from_state: str = ""


class KnownSteps(NamedTuple):
    """When the steps of a part were, and what.

    Attributes:
        first_seq: the number of the part's first record.
        end_seq: the part's last record, also where it has no step.
        seqs: for each step the record's number, less that of the first.
        times: the record's time, in ms.
        whats: numbers of the table's entries.
        pauses: how many records before it the job's last step was; 0 for none.
        table: what steps were.
    """

    first_seq: int
    end_seq: int
    seqs: Sequence[int]
    times: Sequence[int]
    whats: Sequence[int]
    pauses: Sequence[int]
    table: list[What]

    def span(self, low_seq: int, high_seq: int) -> tuple[int, int]:
        """Return the first step of some records, and the one behind the last."""
        low = bisect_left(self.seqs, low_seq - self.first_seq)
        return low, bisect_right(self.seqs, high_seq - self.first_seq)


class Rows(NamedTuple):
    """The steps of jobs in the records of a part.

    Attributes:
        steps: when they were, and what.
        jobs: for each of them, and so on: numbers of the tables' entries.
        clients: (client's id, the first record of a row with it), anew behind each
            record that describes such a client.
        keys: keys.
        tables: the tables of jobs' ids, clients and keys.
        start: the first row that counts.
        end: the one behind the last that does.
    """

    steps: KnownSteps
    jobs: Sequence[int]
    clients: Sequence[int]
    keys: Sequence[int]
    tables: tuple[Sequence[Any], ...]
    start: int
    end: int

    @property
    def seqs(self) -> tuple[int, int] | None:
        """The records of the first and the last row that count; None for none."""
        if self.start == self.end:
            return None
        first_seq, seqs = self.steps.first_seq, self.steps.seqs
        return first_seq + seqs[self.start], first_seq + seqs[self.end - 1]

    def columns(self) -> Iterator[tuple[int, What, int, int, int]]:
        """Yield (record, what, job, client, key) of each row, by tables' numbers."""
        steps, rows = self.steps, slice(self.start, self.end)
        columns = (steps.seqs, steps.whats, self.jobs, self.clients, self.keys)
        for seq, what, *more in zip(*(each[rows] for each in columns), strict=True):
            job, client, key = more
            yield steps.first_seq + seq, steps.table[what], job, client, key

    def known(self) -> Iterator[KnownStep]:
        """Yield what each row says."""
        ids, _, keys = self.tables
        for seq, what, job, _, key in self.columns():
            queue, kind, state, problem, *_ = what
            yield KnownStep(seq, ids[job], queue, kind, state, problem, keys[key])

    def within(self, low_seq: int, high_seq: int) -> Rows:
        """Return the rows of some records alone."""
        start, end = self.steps.span(low_seq, high_seq)
        return self._replace(start=start, end=end)
