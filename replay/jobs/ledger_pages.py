"""Pages of the ledger: what is known of jobs from the records of one part of the index.

A page is an attachment of the part (`joblog.replay.index.attachments`). Its sections:

    rows         a row for each step of a job: which record, job, what, who, queue, key
    jobs         crc32 of the ids of the jobs that have rows, sorted, to look one up
    gone WORD    stories that were let go, by their verdict; `+` behind the word stands
                 for jobs that were taken back
    back         names of jobs that had gone before, and came back
    state        all that the tracker knows at the part's end; not on each page

A row holds numbers, its texts stand in tables; all but `jobs` is packed by msgpack and
compressed.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.replay.index.attachments import Attachment
    from joblog.replay.jobs.packing import Packer
    from joblog.replay.jobs.stories import JobName, Step, Story

STATE = "state"
_ROWS, _JOBS, _BACK, _GONE = "rows", "jobs", "back", "gone "
_TAKEN_BACK = "+"
_LEVEL = 1
_COLUMNS = ("seqs", "jobs", "whats", "clients", "queues", "keys")


class KnownStep(NamedTuple):
    """One thing that happened to a job; the words are those of a `Step`."""

    seq: int
    job_id: bytes
    queue: bytes
    kind: str
    state: str
    problem: str
    key: bytes


class Rows(NamedTuple):
    """The steps of jobs in the records of a part.

    Attributes:
        first_seq: the number of the part's first record.
        seqs: for each row the record's number, less that of the first.
        jobs: and so on: numbers of the tables below.
        whats: (kind, state, problem).
        clients: (client's id, the first record of a row with it), anew behind each
            record that describes such a client.
        queues: queues' names.
        keys: keys.
        tables: the tables of jobs' ids, whats, clients, queues and keys.
        end_seq: the part's last record, also where it has no row.
    """

    first_seq: int
    seqs: Sequence[int]
    jobs: Sequence[int]
    whats: Sequence[int]
    clients: Sequence[int]
    queues: Sequence[int]
    keys: Sequence[int]
    tables: tuple[list[Any], ...]
    end_seq: int = 0

    @property
    def last_seq(self) -> int:
        """The record of the last row; 0 where there is none."""
        return self.first_seq + self.seqs[-1] if self.seqs else 0

    def steps(self) -> Iterator[KnownStep]:
        """Yield what each row says."""
        ids, whats, _, queues, keys = self.tables
        columns = (getattr(self, name) for name in _COLUMNS)
        for seq, job, what, _, queue, key in zip(*columns, strict=True):
            kind, state, problem = whats[what]
            yield KnownStep(
                seq=self.first_seq + seq,
                job_id=ids[job],
                queue=queues[queue],
                kind=kind,
                state=state,
                problem=problem,
                key=keys[key],
            )

    def within(self, low_seq: int, high_seq: int) -> Rows:
        """Return the rows of some records alone."""
        start = bisect_left(self.seqs, low_seq - self.first_seq)
        end = bisect_right(self.seqs, high_seq - self.first_seq)
        if (start, end) == (0, len(self.seqs)):
            return self
        columns = [getattr(self, name)[start:end] for name in _COLUMNS]
        rows = _rows_of(self.first_seq, columns, self.tables)
        return rows._replace(end_seq=self.end_seq)


def _rows_of(
    first_seq: int, columns: list[Sequence[int]], tables: tuple[list[Any], ...]
) -> Rows:
    seqs, jobs, whats, clients, queues, keys = columns
    return Rows(first_seq, seqs, jobs, whats, clients, queues, keys, tables)


class PageWriter:
    """Collects what goes on one page; a tracker tells it what is let go."""

    def __init__(self, packer: Packer, first_seq: int) -> None:
        """Begin an empty page."""
        self._packer = packer
        self._first_seq = first_seq
        self._columns = {name: array("I") for name in _COLUMNS}
        self._tables: list[dict[Any, int]] = [{} for _ in _COLUMNS[1:]]
        self._newest_clients: dict[int, int] = {}
        self._described: dict[int, deque[int]] = {}
        self._gone: dict[JobName, tuple[str, list[Any]]] = {}
        self._back: dict[JobName, None] = {}

    def add_step(self, story: Story, step: Step) -> None:
        """Note down what happened to a job."""
        jobs, whats, _, queues, keys = self._tables
        what = step.kind, step.state, step.problem
        columns = self._columns
        columns["seqs"].append(step.record.seq - self._first_seq)
        columns["jobs"].append(jobs.setdefault(story.id, len(jobs)))
        columns["whats"].append(whats.setdefault(what, len(whats)))
        columns["clients"].append(self._client(step))
        columns["queues"].append(queues.setdefault(story.queue, len(queues)))
        columns["keys"].append(keys.setdefault(step.key, len(keys)))

    def _client(self, step: Step) -> int:
        seq, client_id = step.record.seq, step.record.origin.client_id
        number = self._newest_clients.get(client_id)
        described = self._described.get(client_id)
        while described and described[0] <= seq:
            described.popleft()
            number = None
        if number is None:
            clients = self._tables[2]
            number = clients.setdefault((client_id, seq), len(clients))
            self._newest_clients[client_id] = number
        return number

    def note_client(self, client_id: int, seq: int) -> None:
        """Note down that a client's id may be another's from a record on."""
        self._described.setdefault(client_id, deque()).append(seq)

    def add(self, name: JobName, story: Story) -> None:
        """Take a story that is let go."""
        word = judge(story, 0).word + _TAKEN_BACK * bool(story.times_taken_back)
        self._gone.pop(name, None)
        self._gone[name] = word, self._packer.pack(name, story)

    def take_back(self, name: JobName) -> None:
        """Forget a story that was let go."""
        if self._gone.pop(name, None) is None:
            self._back[name] = None

    def sections(self) -> dict[str, bytes]:
        """Return what the page has to say."""
        columns = [column.tobytes() for column in self._columns.values()]
        ids = self._tables[0]
        checksums = sorted({zlib.crc32(job_id) for job_id in ids})
        gone: dict[str, list[Any]] = {}
        for word, packed in self._gone.values():
            gone.setdefault(word, []).append(packed)
        return {
            _ROWS: pack([columns, *map(list, self._tables)]),
            _JOBS: array("I", checksums).tobytes(),
            _BACK: pack(list(map(self._packer.pack_name, self._back))),
            **{_GONE + word: pack(packed) for word, packed in gone.items()},
        }


def pack(value: Any) -> bytes:
    """Return the bytes of a section."""
    return zlib.compress(msgpack.packb(value, unicode_errors="surrogateescape"), _LEVEL)


def unpack(data: bytes) -> Any:
    """Return what a section has, arrays as tuples.

    Raises:
        DamagedPartError: it is no section.
    """
    try:
        return msgpack.unpackb(
            zlib.decompress(data), use_list=False, unicode_errors="surrogateescape"
        )
    except (zlib.error, ValueError, TypeError) as error:
        raise DamagedPartError("no section of a page") from error


class Page:
    """One page, read as far as it is asked for."""

    def __init__(self, attachment: Attachment, first_seq: int, last_seq: int) -> None:
        """Take the attachment of a part, and the numbers of the part's records."""
        self._attachment = attachment
        self.first_seq = first_seq
        self.last_seq = last_seq

    @property
    def has_state(self) -> bool:
        """Whether it has all that the tracker knew at its end."""
        return STATE in self._attachment.names

    def check(self) -> None:
        """Compare all of it with its checksums.

        Raises:
            DamagedPartError: the page is not what was written; so the others.
        """
        self._attachment.check()

    def state(self) -> Any:
        """Return what the tracker knew, packed."""
        return self._read(STATE)

    def rows(self) -> Rows:
        """Return the steps of jobs, in order."""
        packed, *tables = self._read(_ROWS)
        columns: list[Sequence[int]] = [memoryview(each).cast("I") for each in packed]
        rows = _rows_of(self.first_seq, columns, tuple(tables))
        return rows._replace(end_seq=self.last_seq)

    def seqs_of(self, job_id: bytes) -> Iterator[int]:
        """Yield the records in which something happened to a job."""
        data = self._attachment.read(_JOBS) or b""
        checksums = memoryview(data).cast("I")
        checksum = zlib.crc32(job_id)
        place = bisect_left(checksums, checksum)
        if place == len(checksums) or checksums[place] != checksum:
            return
        rows = self.rows()
        if job_id not in rows.tables[0]:
            return
        number = rows.tables[0].index(job_id)
        for seq, job in zip(rows.seqs, rows.jobs, strict=True):
            if job == number:
                yield self.first_seq + seq

    def back(self) -> Any:
        """Return the packed names of the jobs that came back."""
        return self._read(_BACK)

    def gone(self, words: frozenset[str] | None) -> Iterator[Any]:
        """Yield packed stories that were let go.

        Args:
            words: which verdicts count; `+` is that of all that were taken back; None
                for any.
        """
        for name in self._attachment.names:
            if name.startswith(_GONE):
                word = name.removeprefix(_GONE)
                was_taken_back = word.endswith(_TAKEN_BACK)
                if (
                    words is None
                    or word.removesuffix(_TAKEN_BACK) in words
                    or (was_taken_back and _TAKEN_BACK in words)
                ):
                    yield from self._read(name)

    def _read(self, name: str) -> Any:
        data = self._attachment.read(name)
        if data is None:
            raise DamagedPartError(f"a page without {name}")
        return unpack(data)
