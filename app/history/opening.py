"""Opening a moment: from what people wrote to the state of the log at that moment.

A view of the past does this in a process of its own (`joblog.actors.viewing`), between
whose steps it looks after its memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.history.moments import Moment, MomentError, find_tag
from joblog.app.history.moments import first_seq as find_first_seq
from joblog.app.history.notes import TagNote, read_note
from joblog.app.history.recovery import Recovery, find_floor
from joblog.storage.errors import PrunedError
from joblog.storage.reader import LogReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.app.keyspace.keyspace import Keyspace
    from joblog.storage.filesystem import FileSystem
    from joblog.storage.reader import RecordEnd
    from joblog.storage.record import Record


def _go_on() -> None:
    """Go on, whatever it costs."""


class Opened(NamedTuple):
    """A moment that was opened.

    Attributes:
        keyspace: what the log folds to.
        seq: the last record that has happened.
        at_ms: the moment, in ms since the epoch.
    """

    keyspace: Keyspace
    seq: int
    at_ms: int


class MomentOpener:
    """Opens moments of a log, also while the log is being pruned."""

    def __init__(
        self,
        folder: Path,
        filesystem: FileSystem,
        databases: int,
        look: Callable[[], None] = _go_on,
    ) -> None:
        """Make the opener of a log's moments.

        Args:
            folder: the data folder.
            filesystem: the door to the disk.
            databases: how many the server has.
            look: called after every small step; what it raises ends the work.
        """
        self._folder = folder
        self._filesystem = filesystem
        self._databases = databases
        self._look = look

    def open(self, moment: Moment) -> Opened:
        """Open a moment.

        Args:
            moment: a number or a time; see `find` for a tag.

        Raises:
            CommandError: the moment is pruned.
            StorageError: the log cannot be read.
        """
        while True:
            first_seq = find_first_seq(self._folder, self._filesystem)
            try:
                return self._fold(moment)
            except PrunedError:
                # Begin anew where it is pruning that took away what came next: the
                # moment may be kept, behind a newer snapshot.
                if find_first_seq(self._folder, self._filesystem) == first_seq:
                    floor = find_floor(self._folder, self._filesystem)
                    raise CommandError(errors.BELOW_FLOOR % floor) from None

    def find(self, moment: Moment) -> Moment:
        """Return the last moment that was given a name, by its number.

        Raises:
            CommandError: nobody gave it that name.
            StorageError: the log cannot be read.
        """
        found: list[Record] = []
        from_seq = find_first_seq(self._folder, self._filesystem)
        while True:
            try:
                self._collect_tags(from_seq, found)
                break
            except PrunedError as error:  # while this read
                from_seq = error.floor_seq
        try:
            point = find_tag(moment, found)
        except MomentError as error:
            raise refusal(error) from None
        return Moment(moment.text, seq=point.seq)

    def _fold(self, moment: Moment) -> Opened:
        """Fold the log up to a moment, from a snapshot if it can.

        Raises:
            PrunedError: the log no longer has what comes next.
        """
        recovery = Recovery(
            self._folder, self._filesystem, self._databases, moment.seq, moment.at_ms
        )
        end = self._load_snapshot(recovery)
        fold, at_ms = recovery.fold, recovery.snapshot_ms
        reader = LogReader(
            self._folder,
            filesystem=self._filesystem,
            from_seq=fold.last_seq + 1,
            after=end,
        )
        try:
            for batch in reader.batches():
                records = _until(moment, batch)
                if not records:
                    break
                fold.apply(records)
                at_ms = records[-1].clock_ms
                self._look()
        finally:
            reader.close()
        return Opened(fold.keyspace, fold.last_seq, moment.at_ms or at_ms)

    def _load_snapshot(self, recovery: Recovery) -> RecordEnd | None:
        """Load what the fold begins with, and say where to read on."""
        steps = recovery.beginning()
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                end: RecordEnd | None = stop.value
                return end
            self._look()

    def _collect_tags(self, from_seq: int, found: list[Record]) -> None:
        reader = LogReader(self._folder, filesystem=self._filesystem, from_seq=from_seq)
        try:
            while records := reader.read_batch():
                found += [record for record in records if is_tag(record)]
                self._look()
        finally:
            reader.close()


def refusal(error: MomentError) -> CommandError:
    """Return what a client is told whose moment is none."""
    return CommandError(errors.in_own_words(error))


def _until(moment: Moment, records: list[Record]) -> list[Record]:
    """Return those of some records that have happened by a moment."""
    if moment.seq is not None:
        return [record for record in records if record.seq <= moment.seq]
    assert moment.at_ms is not None
    return [record for record in records if record.at_ms <= moment.at_ms]


def is_tag(record: Record) -> bool:
    """Tell whether a record gives a moment a name."""
    return isinstance(read_note(record.origin), TagNote)
