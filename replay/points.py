"""Points: where in a log a moment is, found with the index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.moments import NoSuchMomentError, Point
from storage.errors import PrunedError

if TYPE_CHECKING:
    from app.moments import Moment
    from replay.index.finder import LogIndex


def find_point(moment: Moment, index: LogIndex) -> Point:
    """Find a moment in a log, as `app.moments.find_point` does, but quickly.

    Raises:
        NoSuchMomentError: the log has no record of that number yet.
        PrunedError: the moment lies before what the log still has.
        CorruptLogError: the log is damaged there.
    """
    if moment.at_ms is not None:
        return Point(index.find_seq_at(moment.at_ms), moment.at_ms)
    assert moment.seq is not None
    return _find_seq(moment.seq, index)


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
    return Point(seq, record.at_ms)
