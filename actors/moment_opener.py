"""Opening a moment of the log for a client (CLIENT AT), a slice at a time."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast
from weakref import WeakValueDictionary

from actors.log_place import LogPlace
from app import clock, errors
from app.config import Config
from app.engine.past import open_past
from app.engine.past_views import PastView
from app.errors import CommandError
from app.errors.general import one_line
from app.moments import Moment, MomentError, find_tag, parse_moment
from app.moments import first_seq as find_first_seq
from app.recovery import Recovery, find_floor
from storage.errors import PrunedError
from storage.notes import TagNote, read_note

if TYPE_CHECKING:
    from pathlib import Path

    from app.recovery import Fold
    from storage.filesystem import FileSystem
    from storage.log import Log
    from storage.record import Record

_Answer = TypeVar("_Answer")

Work: TypeAlias = Generator[bool, None, _Answer]
"""A slice at each step; yields whether to go on at once. It returns the answer."""


class MomentOpener:
    """Opens moments; clients who look at the same one share its keyspace."""

    def __init__(
        self, folder: Path, filesystem: FileSystem, log: Log, databases: int
    ) -> None:
        """Make the opener of a log's moments.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            log: the same log as it is written; asked only for its ends.
            databases: how many the server has.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._log = log
        self._databases = databases
        self._views: WeakValueDictionary[tuple[int, int], PastView] = (
            WeakValueDictionary()
        )

    def open(self, text: str) -> Work[PastView]:
        """Open a moment, a slice of the work at each step.

        Args:
            text: the moment, as the client wrote it.

        Yields:
            True.

        Returns:
            The view of the moment.

        Raises:
            CommandError: there is no such moment, or it is pruned.
            StorageError: the log cannot be read.
        """
        try:
            moment = parse_moment(text, clock.now_ms())
        except MomentError as error:
            raise _refusal(error) from None
        if moment.seq is not None and moment.seq > self._log.last_seq:
            last_seq = self._log.last_seq
            raise CommandError(b"ERR the log ends with seq %d" % last_seq)
        if moment.tag is not None:
            moment = yield from self._find_tag(moment)
        while True:
            first_seq = find_first_seq(self._folder, self._filesystem)
            try:
                return (yield from self._fold(moment))
            except PrunedError:
                # Begin anew where it is pruning that took away what came next: the
                # moment may be kept, behind a newer snapshot.
                if find_first_seq(self._folder, self._filesystem) == first_seq:
                    floor = find_floor(self._folder, self._filesystem)
                    raise CommandError(errors.BELOW_FLOOR % floor) from None

    def _fold(self, moment: Moment) -> Work[PastView]:
        """Fold the log up to a moment, from a snapshot if it can.

        Yields:
            True.

        Returns:
            The view of the moment.

        Raises:
            PrunedError: the log no longer has what comes next.
        """
        recovery = Recovery(
            self._folder, self._filesystem, self._databases, moment.seq, moment.at_ms
        )
        end = yield from _slices(recovery.beginning())
        fold, at_ms = recovery.fold, recovery.snapshot_ms
        place = LogPlace(self._folder, self._filesystem, fold.last_seq + 1, end)
        try:
            while records := _until(moment, place.read()):
                fold.apply(records)
                at_ms = records[-1].at_ms
                yield True
        finally:
            place.close()
        return self._view(fold, moment.at_ms or at_ms)

    def _find_tag(self, moment: Moment) -> Work[Moment]:
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
            raise _refusal(error) from None
        return Moment(moment.text, seq=point.seq)

    def _collect_tags(self, from_seq: int, found: list[Record]) -> Work[None]:
        place = LogPlace(self._folder, self._filesystem, from_seq)
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


def _refusal(error: MomentError) -> CommandError:
    return CommandError(one_line(b"ERR " + str(error).encode(errors="replace")))


def _slices(steps: Generator[Any, None, _Answer]) -> Work[_Answer]:
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
