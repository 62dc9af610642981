"""Salvage: all that still reads from a damaged log, as a new log.

Records keep their order, times, effects and origins, and get new numbers, since numbers
leave no gaps. A record that cannot be applied without one that is gone is left out, so
that a server can start over the new log; what it names is told.

Where records are gone a tag stands, `gap-FIRST-LAST`: what pops and moves took behind
it is no more known, since they do not name it. Whoever tells of jobs looks for these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.notes import TagNote, encode_note
from joblog.app.history.recovery import Fold
from joblog.replay.keys.past import DATABASES
from joblog.storage.errors import CorruptLogError, StorageError
from joblog.storage.folder import LogFolder
from joblog.storage.frame import find_frame, split_frames
from joblog.storage.log import Log
from joblog.storage.record import Origin, RecordDecoder
from joblog.storage.segment import SegmentReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from joblog.storage.filesystem import FileSystem
    from joblog.storage.record import Record

_RECORDS_A_WRITE = 1000


class Salvaged(NamedTuple):
    """What was saved of a log.

    Attributes:
        records: how many.
        first_seq: the first one's old number; 0 for none.
        last_seq: the last one's old number.
        gaps: the old numbers that are gone, as (first, last).
        refused: (old number, why) of records that cannot be applied any more.
        damage: what is wrong with the segments.
    """

    records: int
    first_seq: int
    last_seq: int
    gaps: list[tuple[int, int]]
    refused: list[tuple[int, str]]
    damage: list[str]


def salvage_log(
    source: Path,
    target: Path,
    *,
    filesystem: FileSystem,
    progress: Callable[[int], None] = lambda _: None,
) -> Salvaged:
    """Write what still reads of a log into a new one.

    Args:
        source: the damaged data folder; it is only read.
        target: an empty folder, or none.
        filesystem: the door to the disk.
        progress: is told which record was read last.

    Raises:
        StorageError: the source is no data folder, or the target has a log.
    """
    paths = LogFolder(target, filesystem)
    paths.make()
    if paths.find_segments():
        raise StorageError(f"{target}: has a log already; salvage into an empty folder")
    damage: list[str] = []
    found = _sound_records(LogFolder(source, filesystem), filesystem, damage)
    saved = _Saved(target, filesystem, progress)
    try:
        for record in found:
            saved.take(record)
    finally:
        saved.close()
    return Salvaged(
        saved.records,
        saved.first_seq,
        saved.last_seq,
        saved.gaps,
        saved.refused,
        damage,
    )


class _Saved:
    """The new log, and the fold that says whether a record can be part of it."""

    def __init__(
        self, target: Path, filesystem: FileSystem, progress: Callable[[int], None]
    ) -> None:
        self._target = target
        self._filesystem = filesystem
        self._progress = progress
        self._fold = Fold(DATABASES)
        self._log: Log | None = None
        self._drafts: list[Record] = []
        self.records = self.first_seq = self.last_seq = 0
        self.gaps: list[tuple[int, int]] = []
        self.refused: list[tuple[int, str]] = []

    def take(self, record: Record) -> None:
        """Add a record, whole or without the effects that cannot be."""
        if record.seq <= self.last_seq:
            return  # it comes twice
        if self.first_seq and record.seq > self.last_seq + 1:
            self._mark_gap(record)
        self.first_seq = self.first_seq or record.seq
        self.last_seq = record.seq
        kept = self._apply(record)
        if kept or not record.effects:
            self._drafts.append(record._replace(effects=kept))
            self.records += 1
        if len(self._drafts) >= _RECORDS_A_WRITE:
            self._write()

    def _mark_gap(self, record: Record) -> None:
        """Give the moment a name at which records are gone that came before one."""
        gap = self.last_seq + 1, record.seq - 1
        self.gaps.append(gap)
        note = encode_note(TagNote(b"gap-%d-%d" % gap))
        self._drafts.append(record._replace(effects=[], origin=Origin(0, None, note)))

    def _apply(self, record: Record) -> list[list[bytes]]:
        """Return those of a record's effects that could be applied."""
        kept: list[list[bytes]] = []
        db = record.db
        for effect in record.effects:
            try:
                self._fold.apply([record._replace(db=db, effects=[effect])])
            except CorruptLogError as error:
                self.refused.append((record.seq, str(error)))
                continue
            if effect[0].upper() == b"SELECT":
                db = int(effect[1])
            kept.append(effect)
        return kept

    def close(self) -> None:
        """Make all durable."""
        self._write()
        if self._log is not None:
            self._log.close()

    def _write(self) -> None:
        if not self._drafts:
            return
        first_ms = self._drafts[0].at_ms
        if self._log is None:
            # No record may be earlier than the log itself.
            self._log = Log.open(
                self._target, filesystem=self._filesystem, now_ms=lambda: first_ms
            )
        drafts = [
            (each.at_ms, each.db, each.effects, list(each.origin))
            for each in self._drafts
        ]
        self._log.append(drafts, self._log.last_seq)
        self._drafts.clear()
        self._progress(self.last_seq)


def _sound_records(
    folder: LogFolder, filesystem: FileSystem, damage: list[str]
) -> Iterator[Record]:
    """Yield every sound record of every segment that has a sound header."""
    for first_seq in folder.find_segments():
        path = folder.segment_path(first_seq)
        try:
            reader = SegmentReader(filesystem, path)
        except CorruptLogError as error:
            damage.append(str(error))
            continue
        try:
            yield from _sound_in_segment(reader, first_seq, damage)
        finally:
            reader.close()


def _sound_in_segment(
    reader: SegmentReader, first_seq: int, damage: list[str]
) -> Iterator[Record]:
    decoder = RecordDecoder()
    last_seq = first_seq - 1
    try:
        while payloads := reader.read_payloads():
            for record in decoder.decode_all(payloads):
                last_seq = record.seq
                yield record
        if reader.read_footer() is not None:
            return
        rest = reader.read_rest()
    except (CorruptLogError, ValueError) as error:
        damage.append(str(error))
        return
    offset = find_frame(rest, 0, last_seq, reader.heads) if rest else None
    if offset is not None:
        damage.append(f"{reader.path}: byte {reader.offset}: a damaged frame")
    while offset is not None:
        payloads, used = split_frames(rest[offset:], reader.heads)
        for record in decoder.decode_all(payloads):
            last_seq = record.seq
            yield record
        offset = find_frame(rest, offset + used, last_seq, reader.heads)
