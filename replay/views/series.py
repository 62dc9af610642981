"""Series: what metrics tell of a log, at one moment after the other.

Steps of jobs and records come in, in order, and what the families of
`joblog.app.families` have at a moment comes out, as plain numbers: for the page of a
running server, and for the past. Memory: an entry for each job that waits.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

from joblog.app import families
from joblog.app.history.notes import EvictedNote, ExpiredNote, ScriptNote, read_note
from joblog.replay.jobs.ledger_rows import What
from joblog.replay.views.counting import deed_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from joblog.app.families import Family
    from joblog.replay.jobs.ledger_rows import Rows
    from joblog.replay.jobs.stories import Step, Story
    from joblog.replay.records.statistics import Statistics
    from joblog.storage.record import Record

OPEN_STATES = ("waiting", "scheduled", "blocked", "running", "failed")
"""Those of which there is a number; other ends are counted when they come."""

QUEUES_MAX = 1000
"""So many queues are told, those of most jobs first."""

_ACKED = "acknowledged"
_ACKED_KEPT = 100_000
_SLACK = 1000
_REMOVING = frozenset((b"DEL", b"UNLINK"))


class Value(NamedTuple):
    """What one series has at a moment."""

    family: Family
    labels: tuple[str, ...]
    number: float


class Waiting:
    """Since when the jobs of a queue wait, the oldest first."""

    __slots__ = ("_since", "_turns")

    def __init__(self) -> None:
        """Begin with none."""
        self._since: dict[bytes, int] = {}
        self._turns: deque[tuple[int, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._since)

    def add(self, job_id: bytes, at_ms: int) -> None:
        """Note that a job waits since then; if it does already, that counts."""
        if job_id not in self._since:
            self._since[job_id] = at_ms
            self._turns.append((at_ms, job_id))

    def remove(self, job_id: bytes) -> None:
        """Note that a job waits no longer."""
        self._since.pop(job_id, None)
        if len(self._turns) > 2 * len(self._since) + _SLACK:
            self._turns = deque(turn for turn in self._turns if self._is_now(turn))

    def oldest_ms(self) -> int | None:
        """Return since when the oldest waits; None for none."""
        turns = self._turns
        while turns and not self._is_now(turns[0]):
            turns.popleft()
        return turns[0][0] if turns else None

    def _is_now(self, turn: tuple[int, bytes]) -> bool:
        return self._since.get(turn[1]) == turn[0]


class QueueCounts:
    """One queue: how many jobs are in which state, and what happened how often."""

    __slots__ = ("deeds", "states", "waiting")

    def __init__(self) -> None:
        """Begin with no jobs."""
        self.states: Counter[str] = Counter()
        self.deeds: Counter[str] = Counter()
        self.waiting = Waiting()

    def oldest_ms(self, begun_ms: int) -> int | None:
        """Return since when the oldest job waits, None for none.

        Args:
            begun_ms: a time at which those were there of which no more is known.
        """
        count = self.states["waiting"]
        if count > len(self.waiting):
            return begun_ms
        return self.waiting.oldest_ms() if count > 0 else None


class JobCounts:
    """Counts the steps of jobs, by queue.

    Attributes:
        queues: what was counted, by the queue's name.
    """

    def __init__(
        self,
        started: Mapping[tuple[bytes, str], int],
        begun_ms: int,
        *,
        has_acks: bool = True,
    ) -> None:
        """Begin with jobs that were there already.

        Args:
            started: how many of which queue and state.
            begun_ms: a time at which they were there.
            has_acks: whether running jobs are kept anywhere: else nobody knows of one
                whether it still runs, and their number is not told.
        """
        self.queues: dict[bytes, QueueCounts] = {}
        self._acked: OrderedDict[tuple[bytes | None, bytes], None] = OrderedDict()
        self._begun_ms = begun_ms
        self._states: tuple[str, ...] = OPEN_STATES
        if not has_acks:
            self._states = tuple(each for each in OPEN_STATES if each != "running")
        for (queue, state), count in started.items():
            self._queue(queue).states[state] += count

    def _queue(self, name: bytes) -> QueueCounts:
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = QueueCounts()
        return queue

    def observe(self, story: Story, step: Step) -> None:
        """Count a step that a tracker tells."""
        stood = (None, "") if step.before is None else step.before[:2]
        what = What(story.queue, step.kind, step.state, step.problem, *stood)
        self.add(step.record.at_ms, story.id, what)

    def observe_rows(self, rows: Rows, start: int, end: int) -> None:
        """Count some steps that the ledger has."""
        steps, ids = rows.steps, rows.tables[0]
        span = slice(start, end)
        columns = steps.times[span], steps.whats[span], rows.jobs[span]
        for at_ms, what, job in zip(*columns, strict=True):
            self.add(at_ms, ids[job], steps.table[what])

    def add(self, at_ms: int, job_id: bytes, what: What) -> None:
        """Count a step."""
        queue = self._queue(what.queue)
        was, now = what.from_state, what.state
        if "running" in {was, now}:
            was, now = self._look_for_acks(job_id, what)
        if (what.from_queue, was) != (what.queue, now):
            if what.from_queue is not None:
                left = self._queue(what.from_queue)
                left.states[was] -= 1
                if was == "waiting":
                    left.waiting.remove(job_id)
            queue.states[now] += 1
            if now == "waiting":
                queue.waiting.add(job_id, at_ms)
        deed = deed_of(what)
        if deed is not None:
            queue.deeds[deed] += 1

    def _look_for_acks(self, job_id: bytes, what: What) -> tuple[str, str]:
        """Return in which state a job was, and is, if an acknowledged one does not run.

        Of many nothing more is heard: they would be running for ever.
        """
        was, now, acked = what.from_state, what.state, self._acked
        name = what.from_queue, job_id
        if name in acked:
            del acked[name]
            was = _ACKED
            if now == "running" and what.kind != "taken":
                now = _ACKED
        elif what.kind == "acknowledged" and now == "running":
            now = _ACKED
        if now == _ACKED:
            acked[what.queue, job_id] = None
            if len(acked) > _ACKED_KEPT:
                acked.popitem(last=False)
        return was, now

    def values(self, at_ms: int) -> Iterator[Value]:
        """Yield what there is to tell at a moment behind all that was counted."""
        names = sorted(self.queues)
        if len(names) > QUEUES_MAX:
            names.sort(key=lambda name: -sum(self.queues[name].states.values()))
        for name in names[:QUEUES_MAX]:
            queue, label = self.queues[name], name.decode("utf-8", "backslashreplace")
            for state in self._states:
                count = queue.states[state]
                yield Value(families.JOBS, (label, state), max(count, 0))
            since_ms = queue.oldest_ms(self._begun_ms)
            age_ms = 0 if since_ms is None else max(at_ms - since_ms, 0)
            yield Value(families.OLDEST, (label,), age_ms / 1000)
            for deed, family in families.DEEDS.items():
                yield Value(family, (label,), queue.deeds[deed])


class RecordCounts:
    """Counts records, by the command and the script that made them.

    Attributes:
        last_seq: the last one.
        commands: how many each command made.
        scripts: how many each script did, by its SHA-1, or by its function's name.
        took: how many microseconds these took, as far as records say it.
        expired: how many keys went since they were due.
        evicted: how many went for want of memory.
    """

    def __init__(self, before: Statistics | None = None) -> None:
        """Begin with what was counted of the records before, if it was."""
        self.last_seq = 0
        self.commands: Counter[bytes] = Counter(before.commands if before else ())
        self.scripts: Counter[str] = Counter(before.scripts if before else ())
        self.took: Counter[str] = Counter(before.took if before else ())
        self.expired = self.evicted = 0

    def observe(self, record: Record) -> None:
        """Count one record."""
        self.last_seq = record.seq
        if not record.effects:
            return
        origin = record.origin
        self.commands[(origin.command or record.effects[0])[0].upper()] += 1
        if origin.note is None and origin.command is None:
            return
        note = read_note(origin)
        if isinstance(note, ScriptNote):
            command = origin.command or []
            name = command[1].decode("utf-8", "replace") if command[1:] else ""
            self.scripts[note.sha or name] += 1
            if note.us is not None:
                self.took[note.sha or name] += note.us
        elif isinstance(note, ExpiredNote):
            self.expired += _count_removed(record)
        elif isinstance(note, EvictedNote):
            self.evicted += _count_removed(record)

    def values(self) -> Iterator[Value]:
        """Yield what there is to tell behind the last record."""
        yield Value(families.LAST_SEQ, (), self.last_seq)
        yield Value(families.EXPIRED, (), self.expired)
        yield Value(families.EVICTED, (), self.evicted)
        for command, count in self.commands.items():
            label = command.decode("utf-8", "backslashreplace")
            yield Value(families.LOG_COMMANDS, (label,), count)
        for script, count in self.scripts.items():
            yield Value(families.SCRIPT_RECORDS, (script,), count)
        for script, us in self.took.items():
            yield Value(families.SCRIPT_TOOK, (script,), us / 1e6)


def _count_removed(record: Record) -> int:
    """Return how many keys a record removes; fields of hashes are none."""
    return sum(len(argv) - 1 for argv in record.effects if argv[0].upper() in _REMOVING)
