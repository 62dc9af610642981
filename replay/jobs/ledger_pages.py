"""Pages of the ledger: what is known of jobs from the records of one part of the index.

A page is an attachment of the part (`joblog.replay.index.attachments`). Its sections:

    steps        for each step of a job the record, its time, what it was, and how many
                 records before it was the job's last step; 0 for none
    rows         for each of them which job, who, and key
    jobs         crc32 of the ids of the jobs that have rows, sorted, to look one up
    gone WORD    stories that were let go, by their verdict; behind the word `+` stands
                 for jobs that were taken back, `@` for those that lay in a key
    left         the names of the jobs that were let go, in order, and where they stood
    marks        64 bits that stand for each of these names
    back         names of jobs that had gone before, and came back
    state        all that the tracker knows at the part's end; not on each page

Steps and rows hold numbers, their texts stand in tables; all but `jobs` is packed by
msgpack and compressed. To count steps, no more than the section `steps` is read.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import msgpack

from joblog.replay.index.parts import DamagedPartError
from joblog.replay.jobs.ledger_rows import KnownSteps, Rows, What
from joblog.replay.jobs.verdicts import judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.index.attachments import Attachment
    from joblog.replay.jobs.packing import Packer
    from joblog.replay.jobs.stories import JobName, Standing, Step, Story

STATE = "state"
_STEPS, _ROWS, _JOBS, _BACK, _GONE = "steps", "rows", "jobs", "back", "gone "
_LEFT, _MARKS = "left", "marks"
_TAKEN_BACK, _IN_A_KEY = "+", "@"
_ENDED_WELL = "done", "cancelled"
_LEVEL = 1
_STEP_COLUMNS: dict[str, Literal["I", "Q"]] = {
    "seqs": "I",
    "times": "Q",
    "whats": "I",
    "pauses": "Q",
}
_ROW_COLUMNS = ("jobs", "clients", "keys")


class PageWriter:
    """Collects what goes on one page; a tracker tells it what is let go."""

    def __init__(self, packer: Packer, first_seq: int) -> None:
        """Begin an empty page."""
        self._packer = packer
        self._first_seq = first_seq
        self._steps = {name: array(code) for name, code in _STEP_COLUMNS.items()}
        self._rows = {name: array("I") for name in _ROW_COLUMNS}
        self._whats: dict[What, int] = {}
        self._tables: list[dict[Any, int]] = [{} for _ in _ROW_COLUMNS]
        self._newest_clients: dict[int, int] = {}
        self._described: dict[int, deque[int]] = {}
        self._gone: dict[JobName, tuple[str, list[Any], Standing | None]] = {}
        self._back: dict[JobName, None] = {}

    def add_step(self, story: Story, step: Step) -> None:
        """Note down what happened to a job."""
        jobs, _, keys = self._tables
        steps, rows, record = self._steps, self._rows, step.record
        before = step.before
        stood = (None, "") if before is None else before[:2]
        what = What(story.queue, step.kind, step.state, step.problem, *stood)
        steps["seqs"].append(record.seq - self._first_seq)
        steps["times"].append(record.at_ms)
        steps["whats"].append(self._whats.setdefault(what, len(self._whats)))
        steps["pauses"].append(0 if before is None else record.seq - before.seq)
        rows["jobs"].append(jobs.setdefault(story.id, len(jobs)))
        rows["clients"].append(self._client(step))
        rows["keys"].append(keys.setdefault(step.key, len(keys)))

    def _client(self, step: Step) -> int:
        seq, client_id = step.record.seq, step.record.origin.client_id
        number = self._newest_clients.get(client_id)
        described = self._described.get(client_id)
        while described and described[0] <= seq:
            described.popleft()
            number = None
        if number is None:
            clients = self._tables[1]
            number = clients.setdefault((client_id, seq), len(clients))
            self._newest_clients[client_id] = number
        return number

    def note_client(self, client_id: int, seq: int) -> None:
        """Note down that a client's id may be another's from a record on."""
        self._described.setdefault(client_id, deque()).append(seq)

    def add(self, name: JobName, story: Story) -> None:
        """Take a story that is let go."""
        word = judge(story, 0).word + _TAKEN_BACK * bool(story.times_taken_back)
        word += _IN_A_KEY * bool(story.places or story.marks)
        self._gone.pop(name, None)
        self._gone[name] = word, self._packer.pack(name, story), story.standing

    def take_back(self, name: JobName) -> None:
        """Forget a story that was let go."""
        if self._gone.pop(name, None) is None:
            self._back[name] = None

    def sections(self) -> dict[str, bytes]:
        """Return what the page has to say."""
        steps = [column.tobytes() for column in self._steps.values()]
        rows = [column.tobytes() for column in self._rows.values()]
        ids = self._tables[0]
        checksums = sorted({zlib.crc32(job_id) for job_id in ids})
        left = [
            list(map(self._packer.pack_name, self._gone)),
            [stood for _, _, stood in self._gone.values()],
        ]
        gone: dict[str, list[Any]] = {}
        for word, packed, _ in self._gone.values():
            gone.setdefault(word, []).append(packed)
        return {
            _STEPS: pack([steps, list(self._whats)]),
            _ROWS: pack([rows, *map(list, self._tables)]),
            _JOBS: array("I", checksums).tobytes(),
            _BACK: pack(list(map(self._packer.pack_name, self._back))),
            _LEFT: pack(left),
            _MARKS: array("Q", map(name_mark, self._gone)).tobytes(),
            **{_GONE + word: pack(packed) for word, packed in gone.items()},
        }


def name_mark(name: JobName) -> int:
    """Return 64 bits that stand for the name of a job."""
    digest = hashlib.blake2b(msgpack.packb(name), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def pack(value: Any) -> bytes:
    """Return the bytes of a section."""
    return zlib.compress(msgpack.packb(value, unicode_errors="surrogateescape"), _LEVEL)


def pack_pieces(pieces: Iterable[bytes]) -> bytes:
    """Return the bytes of a section that is packed already, piece by piece."""
    compressor = zlib.compressobj(_LEVEL)
    packed = [compressor.compress(piece) for piece in pieces]
    return b"".join((*packed, compressor.flush()))


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


class _Inflated:
    """A section as a file, inflated as it is read."""

    def __init__(self, data: bytes) -> None:
        self._inflate = zlib.decompressobj()
        self._data = data

    def read(self, count: int) -> bytes:
        """Return the next bytes, none at the end."""
        try:
            piece = self._inflate.decompress(self._data, count)
        except zlib.error as error:
            raise ValueError("no section of a page") from error
        self._data = self._inflate.unconsumed_tail
        return piece


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
        """Compare all of it with its checksums, for who builds on it.

        Raises:
            DamagedPartError: the page is not what was written; so the others.
        """
        self._attachment.check()

    def check_rows(self) -> None:
        """Compare the steps of jobs with their checksums.

        Raises:
            DamagedPartError: they are not what was written.
        """
        self._attachment.check((_STEPS, _ROWS))

    def read_state(self) -> msgpack.Unpacker:
        """Return what unpacks what the tracker knew, a piece at a time.

        It raises some `ValueError` where that is no section.
        """
        data = self._attachment.read(STATE)
        if data is None:
            raise DamagedPartError(f"a page without {STATE}")
        return msgpack.Unpacker(
            _Inflated(data), use_list=False, unicode_errors="surrogateescape"
        )

    def steps(self) -> KnownSteps:
        """Return when the steps of jobs were, and what."""
        packed, table = self._read(_STEPS)
        seqs, times, whats, pauses = (memoryview(each) for each in packed)
        return KnownSteps(
            self.first_seq,
            self.last_seq,
            seqs.cast("I"),
            times.cast("Q"),
            whats.cast("I"),
            pauses.cast("Q"),
            [What(*each) for each in table],
        )

    def rows(self) -> Rows:
        """Return the steps of jobs, in order."""
        packed, *tables = self._read(_ROWS)
        jobs, clients, keys = (memoryview(each).cast("I") for each in packed)
        steps = self.steps()
        return Rows(steps, jobs, clients, keys, tuple(tables), 0, len(steps.seqs))

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
        for seq, job in zip(rows.steps.seqs, rows.jobs, strict=True):
            if job == number:
                yield self.first_seq + seq

    def back(self) -> Any:
        """Return the packed names of the jobs that came back."""
        return self._read(_BACK)

    def left(self) -> Any:
        """Return the names of the jobs that were let go, packed."""
        return self._read(_LEFT)

    def marks(self) -> set[int]:
        """Return what stands for these names."""
        return set(memoryview(self._attachment.read(_MARKS) or b"").cast("Q"))

    def gone(self, words: frozenset[str] | None, since_seq: int = 0) -> Iterator[Any]:
        """Yield packed stories that were let go.

        Args:
            words: which verdicts count; `+` is that of all that were taken back; None
                for any.
            since_seq: of what was told up to this record, only jobs in keys that
                did not end well count.
        """
        for name in self._attachment.names:
            if not name.startswith(_GONE):
                continue
            word = name.removeprefix(_GONE)
            is_over = self.last_seq <= since_seq
            if is_over and (_IN_A_KEY not in word or word.startswith(_ENDED_WELL)):
                continue
            if (
                words is None
                or word.rstrip(_TAKEN_BACK + _IN_A_KEY) in words
                or (_TAKEN_BACK in word and _TAKEN_BACK in words)
            ):
                yield from self._read(name)

    def _read(self, name: str) -> Any:
        data = self._attachment.read(name)
        if data is None:
            raise DamagedPartError(f"a page without {name}")
        return unpack(data)
