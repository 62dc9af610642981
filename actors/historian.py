"""Historian: reads the log for clients who ask about it (LOG.READ, CLIENT AT).

Going through a long log takes seconds, so it is done a slice at a time, between the
ticks in which all others are served. A reader that has come to the end of what one call
asked for is kept for a while, since the next call mostly goes on from there.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

from actors.cooperative import CooperativeActor
from actors.messages import Answered, Inquire
from app import clock, errors
from app.commands.inquiries import Inquiry, OpenMoment, ReadRecords
from app.config import Config
from app.engine.past import open_past
from app.engine.past_views import PastView
from app.errors import CommandError
from app.errors.general import one_line
from app.keyspace.glob import compile_glob
from app.moments import Moment, MomentError, find_tag, parse_moment
from app.recovery import Recovery, find_floor
from app.touched import find_touched, touches_text
from storage.errors import PrunedError, StorageError
from storage.notes import TagNote, read_note
from storage.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actors.inbox import Inbox
    from actors.loop import Loop
    from app.recovery import Fold
    from storage.filesystem import FileSystem
    from storage.log import Log
    from storage.reader import RecordEnd
    from storage.record import Record

logger = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 0.01
_PASSED_MAX = 100_000
"""How many records one LOG.READ passes over, before it answers with what it has."""

_RECORDS_A_SLICE = 500
_PLACES_KEPT = 16

_Answer = TypeVar("_Answer")

Work: TypeAlias = Generator[bool, None, Any]
"""A slice at each step; whether to go on at once. What it returns is the answer."""


class _Job(NamedTuple):
    """An inquiry, and the work on its answer."""

    inquiry: Inquiry
    work: Work


class _Place:
    """A place in the log from which records are read on, one by one if need be."""

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        from_seq: int,
        after: RecordEnd | None = None,
    ) -> None:
        self._reader = LogReader(
            folder, filesystem=filesystem, from_seq=from_seq, after=after
        )
        self._ahead: list[Record] = []
        self.next_seq = from_seq

    def read(self) -> list[Record]:
        """Return the next records; none where the log ends for now."""
        records = self._ahead or self._reader.read_batch()
        self._ahead = records[_RECORDS_A_SLICE:]
        records = records[:_RECORDS_A_SLICE]
        if records:
            self.next_seq = records[-1].seq + 1
        return records

    def give_back(self, records: list[Record]) -> None:
        """Let records that were read come again; they are the last that were."""
        if records:
            self._ahead = records + self._ahead
            self.next_seq = records[0].seq

    def close(self) -> None:
        self._reader.close()


class Historian(CooperativeActor):
    """Answers inquiries, several at a time, each a slice in its turn."""

    def __init__(
        self,
        loop: Loop,
        folder: Path,
        filesystem: FileSystem,
        log: Log,
        databases: int,
        keyspace: Inbox,
    ) -> None:
        """Make the reader of a log.

        Args:
            loop: the loop to run on.
            folder: the data folder.
            filesystem: the door to the disk.
            log: the same log as it is written; asked only for its last number.
            databases: how many the server has.
            keyspace: where answers go.
        """
        super().__init__(loop)
        self._folder = folder
        self._filesystem = filesystem
        self._log = log
        self._databases = databases
        self._keyspace = keyspace
        self._jobs: deque[_Job] = deque()
        self._idle: list[_Job] = []
        self._places: OrderedDict[int, _Place] = OrderedDict()
        self._views: WeakValueDictionary[tuple[int, int], PastView] = (
            WeakValueDictionary()
        )

    def on_stop(self) -> None:
        """Close the files."""
        for place in self._places.values():
            place.close()
        self._places.clear()

    def on_receive(self, message: Any) -> None:
        """Begin to work on an inquiry."""
        if type(message) is not Inquire:
            super().on_receive(message)
            return
        inquiry = message.inquiry
        if isinstance(inquiry, ReadRecords):
            work = self._read(inquiry)
        else:
            assert isinstance(inquiry, OpenMoment)
            work = self._open(inquiry)
        self._jobs.append(_Job(inquiry, work))
        if len(self._jobs) == 1:
            self.loop.call_soon(self._step)

    def _step(self) -> None:
        """Do a slice of the work that has waited the longest."""
        job = self._jobs.popleft()
        inquiry = job.inquiry
        if inquiry.session.waiter is not None:  # else it has gone, or waits no longer
            try:
                if next(job.work):
                    self._jobs.append(job)
                else:
                    self._put_aside(job)
            except StopIteration as stop:
                self._answer(inquiry, stop.value)
            except CommandError as error:
                self._answer(inquiry, error.with_traceback(None))
            except PrunedError as error:
                text = b"ERR pruned: the log starts at seq %d" % error.floor_seq
                self._answer(inquiry, CommandError(text))
            except StorageError as error:
                logger.error("a client asked for the log: %s", error)  # noqa: TRY400 - no bug
                text = one_line(b"ERR " + str(error).encode(errors="replace"))
                self._answer(inquiry, CommandError(text))
        if self._jobs:
            self.loop.call_soon(self._step)

    def _answer(self, inquiry: Inquiry, answer: Any) -> None:
        inquiry.answer = answer
        self._keyspace.post(Answered(inquiry.session.id))

    def _put_aside(self, job: _Job) -> None:
        """Come back to a job when the log has grown."""
        self._idle.append(job)
        if len(self._idle) == 1:
            self.loop.call_later(_LOOK_AGAIN_SECONDS, self._look_again)

    def _look_again(self) -> None:
        waiting = [job for job in self._idle if job.inquiry.session.waiter is not None]
        self._idle = []
        for job in waiting:
            assert isinstance(job.inquiry, ReadRecords)
            if self._log.last_seq < job.inquiry.from_seq:
                self._put_aside(job)
            else:
                self._jobs.append(job)
        if self._jobs:
            self.loop.call_soon(self._step)

    # --- LOG.READ ------------------------------------------------------------------

    def _read(self, inquiry: ReadRecords) -> Work:
        """Find records, a slice at each step.

        Yields:
            True to go on, False where there is nothing until the log has grown.

        Returns:
            The number to go on from, the last number, and the records.
        """
        wanted = _matcher(inquiry)
        found: list[dict[bytes, Any]] = []
        passed = 0
        place = self._take_place(inquiry.from_seq)
        try:
            while len(found) < inquiry.count and passed < _PASSED_MAX:
                records = place.read()
                if not records:
                    if found or not inquiry.waits:
                        break
                    inquiry.from_seq = place.next_seq
                    yield False
                    continue
                for index, record in enumerate(records):
                    if wanted(record):
                        found.append(record_reply(record))
                        if len(found) == inquiry.count:
                            place.give_back(records[index + 1 :])
                            break
                passed += len(records)
                yield True
        finally:
            self._keep_place(place)
        return [place.next_seq, self._log.last_seq, found]

    def _take_place(self, seq: int) -> _Place:
        place = self._places.pop(seq, None)
        return place or _Place(self._folder, self._filesystem, seq)

    def _keep_place(self, place: _Place) -> None:
        other = self._places.pop(place.next_seq, None)
        if other is not None:
            other.close()
        self._places[place.next_seq] = place
        if len(self._places) > _PLACES_KEPT:
            self._places.popitem(last=False)[1].close()

    # --- CLIENT AT -----------------------------------------------------------------

    def _open(self, inquiry: OpenMoment) -> Work:
        """Fold the log up to a moment, a slice at each step, from a snapshot if it can.

        Yields:
            True.

        Returns:
            The view of the moment.
        """
        try:
            moment = parse_moment(inquiry.text, clock.now_ms())
        except MomentError as error:
            text = one_line(b"ERR " + str(error).encode(errors="replace"))
            raise CommandError(text) from None
        if moment.seq is not None and moment.seq > self._log.last_seq:
            last_seq = self._log.last_seq
            raise CommandError(b"ERR the log ends with seq %d" % last_seq)
        if moment.tag is not None:
            moment = yield from self._find_tag(moment)
        recovery = Recovery(
            self._folder, self._filesystem, self._databases, moment.seq, moment.at_ms
        )
        try:
            end = yield from _slices(recovery.beginning())
        except PrunedError:
            floor = find_floor(self._folder, self._filesystem)
            raise CommandError(errors.BELOW_FLOOR % floor) from None
        fold, at_ms = recovery.fold, recovery.snapshot_ms
        place = _Place(self._folder, self._filesystem, fold.last_seq + 1, end)
        try:
            while records := _until(moment, place.read()):
                fold.apply(records)
                at_ms = records[-1].at_ms
                yield True
        finally:
            place.close()
        return self._view(fold, moment.at_ms or at_ms)

    def _find_tag(self, moment: Moment) -> Generator[bool, None, Moment]:
        """Find the last moment that was given a name, a slice of the log at each step.

        Yields:
            True.

        Returns:
            The moment by its number.
        """
        found: list[Record] = []
        from_seq = self._log.first_seq
        while True:
            try:
                yield from self._collect_tags(from_seq, found)
                break
            except PrunedError as error:  # while this read
                from_seq = error.floor_seq
        try:
            point = find_tag(moment, found)
        except MomentError as error:
            text = one_line(b"ERR " + str(error).encode(errors="replace"))
            raise CommandError(text) from None
        return Moment(moment.text, seq=point.seq)

    def _collect_tags(
        self, from_seq: int, found: list[Record]
    ) -> Generator[bool, None, None]:
        place = _Place(self._folder, self._filesystem, from_seq)
        try:
            while records := place.read():
                found += [record for record in records if _is_tag(record)]
                yield True
        finally:
            place.close()

    def _view(self, fold: Fold, at_ms: int) -> PastView:
        """Return the view of a moment: the one that others look at, if there is one."""
        key = fold.last_seq, at_ms
        view = self._views.get(key)
        if view is None:
            config = Config({"databases": str(self._databases)})
            engine = open_past(config, fold.keyspace, at_ms)
            view = self._views[key] = PastView(engine, fold.last_seq, at_ms)
        return view


def _slices(
    steps: Generator[Any, None, _Answer],
) -> Generator[bool, None, _Answer]:
    """Yield True after each of some steps, and return what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return cast("_Answer", stop.value)
        yield True


def _until(moment: Moment, records: list[Record]) -> list[Record]:
    """Return those of some records that have happened by a moment."""
    if moment.seq is not None:
        return [record for record in records if record.seq <= moment.seq]
    assert moment.at_ms is not None
    return [record for record in records if record.at_ms <= moment.at_ms]


def _is_tag(record: Record) -> bool:
    return isinstance(read_note(record.origin), TagNote)


def _matcher(inquiry: ReadRecords) -> Callable[[Record], object]:
    key, db = inquiry.key, inquiry.db
    if key is not None:
        assert db is not None
        return lambda record: record.effects and find_touched(record).includes(db, key)
    if inquiry.glob is not None:
        matches = compile_glob(inquiry.glob)
        return lambda record: touches_text(record, matches)
    return lambda _: True


def record_reply(record: Record) -> dict[bytes, Any]:
    """Return a record as clients see it: a map of its parts, by name."""
    origin = record.origin
    note = read_note(origin)
    return {
        b"seq": record.seq,
        b"at-ms": record.at_ms,
        b"db": record.db,
        b"client": origin.client_id,
        b"command": origin.command,
        b"note": None if note is None else _plain(origin.note),
        b"effects": record.effects,
    }


def _plain(value: Any) -> Any:
    """Return a note's value with its text as bytes, as replies have it."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape")
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
