"""Inquiries: what a key was, and what changed it, in as little time as it takes.

Each tries a slice first (see `slices`), and folds everything where there is none.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from joblog.app.history.touched import find_touched
from joblog.replay.keys.past import Changes, Past, change_of, trace_key
from joblog.replay.keys.slices import NoSliceError, Slice, trace_slice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Progress, Step
    from joblog.replay.keys.values import Version
    from joblog.storage.record import Record

_MARGIN = 4


def open_past(index: LogIndex, progress: Progress) -> Past:
    """Return the log's past, which may begin with a snapshot."""
    return Past(index.folder, index.filesystem, progress, index.bases)


def find_version(
    index: LogIndex, progress: Progress, db: int, key: bytes, seq: int
) -> Version | None:
    """Return what a key was after a record, None where it was missing.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log has lost its beginning, and no snapshot stands for it.
    """
    try:
        few = Slice(index, [key], seq, seq)
        few.go_to(seq)
        return few.version(db, key)
    except NoSliceError:
        with closing(open_past(index, progress)) as past:
            past.go_to(seq)
            return past.version(db, key)


def find_changes(index: LogIndex, progress: Progress, record: Record) -> Changes:
    """Return what one record did to each of the keys that it names.

    Raises: as `find_version`.
    """
    keys = {key for _, key in find_touched(record).keys}
    if not keys:
        return {}
    try:
        return change_of(Slice(index, keys, record.seq - 1, record.seq), record)
    except NoSliceError:
        with closing(open_past(index, progress)) as past:
            return change_of(past, record)


def trace(
    index: LogIndex,
    progress: Progress,
    place: tuple[int, bytes],
    from_seq: int,
    until_seq: int,
) -> Iterator[Step]:
    """Yield each change of a key after a record, up to another, in order.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        place: the key's database, and the key.
        from_seq: the record before the stretch.
        until_seq: the last record of the stretch.

    Raises: as `find_version`.
    """
    try:
        steps = trace_slice(index, *place, from_seq, until_seq)
    except NoSliceError:
        with closing(open_past(index, progress)) as past:
            past.go_to(from_seq)
            yield from trace_key(past, *place, until_seq)
    else:
        yield from steps


def trace_last(
    index: LogIndex,
    progress: Progress,
    place: tuple[int, bytes],
    span: tuple[int, int],
    count: int,
) -> list[Step]:
    """Return the last changes of a key in a stretch; what is before is not folded.

    A record that names a key need not have changed it, so this may have to go back
    further more than once.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        place: the key's database, and the key.
        span: the record before the stretch, and its last one.
        count: how many changes are wanted.

    Raises: as `find_version`.
    """
    from_seq, until_seq = span
    wanted = count + _MARGIN
    while True:
        begin = count_back(index, place, span, wanted)
        steps = list(trace(index, progress, place, begin, until_seq))
        if len(steps) >= count or begin == from_seq:
            return steps[-count:]
        wanted *= 10


def count_back(
    index: LogIndex, place: tuple[int, bytes], span: tuple[int, int], count: int
) -> int:
    """Return the moment before the last records that may have changed a key."""
    last = islice(
        index.key_records(*place, span[0] + 1, span[1], is_reverse=True), count
    )
    seqs = [record.seq for record in last]
    return seqs[-1] - 1 if len(seqs) == count else span[0]
