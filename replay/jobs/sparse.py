"""One job of a long log, from the few records that mention it.

A log of ten million records has some twenty that name a job's id; the index finds them
(`joblog.replay.index`). Only the job's own elements are folded from them, so that a
list holds no job but this one. A pop names nothing: where a record shows that the job
has left its queue, the pop is looked for backward from there, first by the same client.
That is a conclusion, and `inferred` has the record; all else is as the log says it.

Where a job has left a place and no record mentions it again, what took it is found by
following that place alone (`joblog.replay.jobs.losses`). Where all this does not do (an
id that half the log mentions), `SparseError` says so, and the whole log has to be
followed.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sortedcontainers import SortedDict

from joblog.app.history.recovery import Fold
from joblog.app.history.touched import changed_keys, changes_databases
from joblog.replay.index.marks import WHOLE_DATABASES
from joblog.replay.index.scanning import KeyPieces
from joblog.replay.jobs.groups import ENTRY
from joblog.replay.jobs.losses import NotThereError, find_exit
from joblog.replay.jobs.schema import ENDS
from joblog.replay.keys.past import DATABASES
from joblog.storage.errors import CorruptLogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from joblog.app.keyspace.database import Database
    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.elements import ReadId
    from joblog.replay.jobs.losses import FindWord
    from joblog.replay.jobs.schema import Meaning, Rule, Schema
    from joblog.replay.jobs.stories import Home, Story
    from joblog.replay.jobs.tracker import Tracker
    from joblog.replay.keys.past import Progress
    from joblog.storage.record import Record

MENTIONS_MAX = 2_000
"""Where more records mention a job, they are not looked at one by one."""

_ALIASES_MAX = 100
_LOOKED_BACK = 64
_POPS = {b"LPOP", b"RPOP", b"LMOVE", b"RPOPLPUSH", b"ZPOPMIN", b"ZPOPMAX"}
_ADDS = {b"LPUSH": 2, b"RPUSH": 2, b"SADD": 2}
_SHOWING = {"running", "done", "failed", "cancelled"}


class SparseError(Exception):
    """The records that mention a job do not tell what happened to it."""


class MissedExitError(Exception):
    """A pop was found that came before records which were told already: begin again."""


class Known(NamedTuple):
    """What is known already of the records that have to do with a job.

    Attributes:
        seqs: their numbers.
        until_seq: up to which record that is so; 0 where nothing is known.
    """

    seqs: frozenset[int] = frozenset()
    until_seq: int = 0


class SparsePast:
    """A `joblog.replay.keys.past.Past` of one job alone, for a `Tracker`.

    Attributes:
        seq: the last record that has happened.
        inferred: the records that were concluded to be pops of the job.
    """

    def __init__(
        self,
        index: LogIndex,
        schemas: Sequence[Schema],
        job_id: bytes,
        until_seq: int,
        progress: Progress = lambda _: None,
        known: Known = Known(),  # noqa: B008 - a NamedTuple never changes
    ) -> None:
        """Find what mentions a job, or does something to it.

        Raises:
            SparseError: too much does.
            CorruptLogError: the log is damaged.
        """
        if any(rule.form == ENTRY for schema in schemas for rule in schema.rules):
            raise SparseError("what takes an entry of a stream names no job")
        self._index = index
        self._schemas = schemas
        self._job_id = job_id
        self._until_seq = until_seq
        self._progress = progress
        self._known = known
        self._settled: set[Home] = set()
        self._entered: dict[Home, int] = {}
        self._fold = Fold(DATABASES)
        self._aliases: dict[bytes, bytes] = {}
        self._tracker: Tracker | None = None
        self.inferred: set[int] = set()
        self.seq = 0
        self._mentions = self._find_mentions()

    @property
    def databases(self) -> list[Database]:
        """The databases, with nothing in them but the job's."""
        return self._fold.keyspace.databases

    def begin(self, tracker: Tracker) -> None:
        """Go to the log's start, and note down whose stories tell where the job is."""
        self._tracker = tracker
        self._fold = Fold(DATABASES)
        self.inferred.clear()
        self._settled.clear()
        self._entered.clear()
        self.seq = 0

    def _find_mentions(self) -> SortedDict[int, Record]:
        """Return the records that mention the job, by whichever name."""
        found: dict[int, Record] = {}
        words = deque([self._job_id, *self._own_keys()])
        while words:
            for record in self._index.word_records(
                words.popleft(), until_seq=self._until_seq
            ):
                if record.seq in found:
                    continue
                found[record.seq] = record
                words += self._learn_aliases(record)
                if len(found) > MENTIONS_MAX or len(self._aliases) > _ALIASES_MAX:
                    raise SparseError("very many records mention it")
        for seq in sorted(self._known.seqs - found.keys()):
            told = self._index.get_record(seq)
            if told is not None:
                found[seq] = told
        if found:
            for record in self._index.candidates(
                [[WHOLE_DATABASES]], KeyPieces(b"FLUSH"), min(found), self._until_seq
            ):
                if any(map(changes_databases, record.effects)):
                    found[record.seq] = record
        return SortedDict(found)

    def _own_keys(self) -> Iterator[bytes]:
        """Yield the keys that have the id in a longer word, such as `meta-{id}`."""
        for schema in self._schemas:
            for rule in schema.rules:
                if rule.pattern.holes == ["id"] and "{*}" not in rule.pattern.text:
                    yield rule.pattern.text.encode().replace(b"{id}", self._job_id)

    def _learn_aliases(self, record: Record) -> Iterator[bytes]:
        for argv in record.effects:
            if argv[0].upper() not in {b"HSET", b"HMSET"}:
                continue
            meaning = self._meaning(argv[1], argv[0])
            if meaning is None:
                continue
            rule = meaning.rule
            if rule.read_id is None or not (rule.kind == "alias" or rule.has_aliases):
                continue
            for name, value in zip(argv[2::2], argv[3::2], strict=False):
                is_own = rule.read_id(value, self._aliases) == self._job_id
                if is_own and name not in self._aliases:
                    self._aliases[name] = self._job_id
                    yield name

    def _meaning(self, key: bytes, command: bytes) -> Meaning | None:
        for schema in self._schemas:
            meaning = schema.meaning(key, command)
            if meaning is not None:
                return meaning
        return None

    # --- what a tracker asks of a past -------------------------------------------

    def apply(self, records: list[Record]) -> None:
        """Let records happen.

        Raises:
            SparseError: one of them depends on more than the job.
        """
        try:
            self._fold.apply(records)
        except CorruptLogError as error:
            raise SparseError(str(error)) from error

    def batches(self, _: int) -> Iterator[list[Record]]:
        """Yield the records that tell of the job, one at a time.

        Raises:
            MissedExitError: another record has to come in between; it will from now on.
            SparseError: the records do not tell what happened.
        """
        for record in self._mentions.values():
            is_told = record.seq <= self._known.until_seq
            for home in [] if is_told else self._left_unseen(record):
                pop = self._find_pop(home, record)
                if pop is not None:
                    self.inferred.add(pop.seq)
                    self.seq = pop.seq
                    yield [self._narrow(pop)]
            self.seq = record.seq
            yield [self._narrow(record)]
            self._note_places()
        yield from self._silent_exits()

    def _note_places(self) -> None:
        """Note down with which record the job came to each of its places."""
        there = {home for story in self._stories() for home in story.places}
        for home in there:
            self._entered.setdefault(home, self.seq)
        for home in self._entered.keys() - there:
            del self._entered[home]

    def _silent_exits(self) -> Iterator[list[Record]]:
        """Yield what took the job out of places after it was last mentioned.

        Raises:
            SparseError: what did does not do the same to the job alone.
        """
        while (found := self._find_exit()) is not None:
            record, home = found
            if record.seq in self._mentions:
                raise SparseError(f"{home[1]!r} was cut, and not by a pop")
            is_late = record.seq < self.seq
            self._mentions[record.seq] = record
            if is_late:
                raise MissedExitError
            self.seq = record.seq
            yield [self._narrow(record)]
            self._note_places()

    def _find_exit(self) -> tuple[Record, Home] | None:
        """Return a record that took the job out of a place it is believed to be in."""
        for home, rule in self._open_places():
            read_id = rule.read_id
            if home in self._settled or read_id is None:
                continue

            def finds(element: bytes, read_id: ReadId = read_id) -> bool:
                return read_id(element, self._aliases) == self._job_id

            entered_seq = self._entered[home]
            try:
                record = self._exit_of(finds, home, entered_seq)
            except NotThereError as error:
                raise SparseError(f"it never came to {home[1]!r}") from error
            if record is not None:
                return record, home
            self._settled.add(home)
        return None

    def _exit_of(self, finds: FindWord, home: Home, entered_seq: int) -> Record | None:
        """Return the record that took the job out of a place that it came to.

        Raises:
            NotThereError: it never came there.
        """
        index, progress = self._index, self._progress
        known_seq = self._known.until_seq
        if known_seq > entered_seq:
            # What took it away before would be known, where it meant anything.
            with suppress(NotThereError):
                span = known_seq, self._until_seq
                return find_exit(index, progress, finds, home, span)
        return find_exit(index, progress, finds, home, (entered_seq, self._until_seq))

    def _open_places(self) -> list[tuple[Home, Rule]]:
        """Return the places that a job which has not ended should still be in."""
        return [
            (home, rule)
            for story in self._stories()
            for home, (rule, _) in story.places.items()
            if rule.state == "waiting" or not (rule.state in ENDS or story.has_ended)
        ]

    def _stories(self) -> list[Story]:
        return [] if self._tracker is None else list(self._tracker.stories.values())

    def _left_unseen(self, record: Record) -> list[Home]:
        """Return the queues that the job may have left before a record, unmentioned."""
        touched = {key for argv in record.effects for key in changed_keys(argv)}
        return [
            home
            for story in self._stories()
            for home, (rule, _) in story.places.items()
            if rule.state == "waiting" and home[1] not in touched
        ]

    def _find_pop(self, home: Home, before: Record) -> Record | None:
        """Return the pop that took the job from a queue, None where it is still there.

        It is the last one by the client that wrote the next record about the job; or by
        anybody, where that record shows that the job was taken.
        """
        after_seq = max(story.last_seq for story in self._stories())
        after_seq = max(after_seq, self._known.until_seq)
        nearest = None
        records = self._index.key_records(
            *home, after_seq + 1, before.seq - 1, is_reverse=True
        )
        for record in islice(records, _LOOKED_BACK):
            if _pops(record, home[1]):
                if record.origin.client_id == before.origin.client_id:
                    return record
                nearest = nearest or record
        return nearest if self._shows_it_was_taken(before) else None

    def _shows_it_was_taken(self, record: Record) -> bool:
        for argv in record.effects:
            for key in changed_keys(argv):
                meaning = self._meaning(key, argv[0])
                if meaning is not None and (
                    meaning.rule.state in _SHOWING or meaning.rule.kind == "mark"
                ):
                    return True
        return False

    def _narrow(self, record: Record) -> Record:
        """Return a record without what it did to other jobs."""
        effects = []
        for argv in record.effects:
            narrowed = self._narrow_effect(argv)
            if narrowed is not None:
                effects.append(narrowed)
        return record._replace(effects=effects)

    def _narrow_effect(self, argv: list[bytes]) -> list[bytes] | None:
        name = argv[0].upper()
        if name == b"SELECT" or changes_databases(argv):
            return argv
        keys = changed_keys(argv)
        if not any(self._meaning(key, argv[0]) for key in keys):
            return None
        meaning = self._meaning(argv[1], argv[0])
        if meaning is None or meaning.rule.read_id is None or name not in _ADDS:
            return argv
        read_id, start = meaning.rule.read_id, _ADDS[name]
        own = [
            element
            for element in argv[start:]
            if read_id(element, self._aliases) == self._job_id
        ]
        return [*argv[:start], *own] if own else None


def _pops(record: Record, key: bytes) -> bool:
    return any(
        argv[0].upper() in _POPS and argv[1] == key
        for argv in record.effects
        if len(argv) > 1
    )
