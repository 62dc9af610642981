"""Points: where in a log a moment is, found with the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from joblog.app.history.moments import NoSuchMomentError, Point, find_tag
from joblog.app.history.notes import TagNote, read_note
from joblog.replay.index.marks import ANY_TAG
from joblog.replay.index.scanning import Pieces
from joblog.replay.output.texts import show
from joblog.storage.errors import PrunedError
from joblog.storage.folder import LogFolder, read_chain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.history.moments import Moment
    from joblog.replay.index.finder import LogIndex
    from joblog.storage.record import Record

_TAG_MARK = b"\xa3tag"
"""In the payload of each record that gives a moment a name: msgpack for "tag"."""


class OpenPoint(NamedTuple):
    """A moment that can be opened at once, or that means something.

    Attributes:
        seq: the last record that has happened.
        at_ms: its time, or that of the file.
        kind: "start", "segment", "seal", "snapshot", "checkpoint" or "tag".
        text: its file, its digest, or its name.
    """

    seq: int
    at_ms: int
    kind: str
    text: str


def find_points(index: LogIndex) -> list[OpenPoint]:
    """Return the points of a log, in order.

    Raises:
        CorruptLogError: the log is damaged.
    """
    return sorted(_points(index))


def _points(index: LogIndex) -> Iterator[OpenPoint]:
    folder = LogFolder(index.folder, index.filesystem)
    for segment in read_chain(folder, index.filesystem):
        name, at_ms = segment.path.name, segment.header.created_at_ms
        kind = "start" if segment.first_seq == 1 else "segment"
        yield OpenPoint(segment.first_seq - 1, at_ms, kind, name)
        footer = segment.footer
        if footer is not None:
            text = footer.digest.hex()
            yield OpenPoint(footer.last_seq, footer.sealed_at_ms, "seal", text)
    for base in index.bases.find():
        found = index.bases.open_base(base)
        if found is not None:
            reader, _ = found
            reader.close()
            kind = "checkpoint" if base.is_checkpoint else "snapshot"
            yield OpenPoint(base.seq, reader.header.at_ms, kind, base.path.name)
    for record in tag_records(index):
        note = read_note(record.origin)
        if isinstance(note, TagNote):
            yield OpenPoint(record.seq, record.at_ms, "tag", show(note.name))


def find_point(moment: Moment, index: LogIndex) -> Point:
    """Find a moment as `joblog.app.history.moments.find_point` does, but quickly.

    Raises:
        MomentError: nobody gave a moment that name.
        NoSuchMomentError: the log has no record of that number yet.
        PrunedError: the moment lies before what the log still has.
        CorruptLogError: the log is damaged there.
    """
    if moment.at_ms is not None and moment.is_now:
        return _find_end(moment.at_ms, index)
    if moment.at_ms is not None:
        return Point(index.find_seq_at(moment.at_ms), moment.at_ms)
    if moment.tag is not None:
        return find_tag(moment, tag_records(index))
    assert moment.seq is not None
    return _find_seq(moment.seq, index)


def _find_end(now_ms: int, index: LogIndex) -> Point:
    """Return the log's end; its time is now, or that of its last record if later."""
    last_seq = index.last_seq
    try:
        if index.find_seq_at(now_ms) == last_seq:
            return Point(last_seq, now_ms)
    except PrunedError:  # all that is left of the log is of later
        pass
    record = index.get_record(last_seq)
    return Point(last_seq, max(now_ms, record.clock_ms if record else 0))


def tag_records(index: LogIndex) -> Iterator[Record]:
    """Yield the records that may give moments names, in order.

    Raises:
        CorruptLogError: the log is damaged.
    """
    return index.candidates([[ANY_TAG]], Pieces(_TAG_MARK))


def _find_seq(seq: int, index: LogIndex) -> Point:
    floor = index.first_seq
    folder = index.folder
    if seq < floor - 1:
        raise PrunedError(
            f"{folder}: seq {seq} is pruned: the log starts at seq {floor}", floor
        )
    if not seq:
        return Point(0, 0)
    record = index.get_record(max(seq, floor))
    if record is None:
        raise NoSuchMomentError(
            f"{folder}: there is no seq {seq}: the log ends with seq {index.last_seq}"
        )
    return Point(seq, record.clock_ms)
