"""Inquiries: what a key was, and what changed it, in as little time as it takes.

Each tries a slice first (see `slices`), and folds everything where there is none.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from app.touched import find_touched
from replay.past import Changes, Past, change_of, trace_key
from replay.slices import NoSliceError, Slice, trace_slice
from replay.values import elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from replay.index.finder import LogIndex
    from replay.past import Keyspace, Progress, Step
    from replay.values import Version
    from storage.record import Record

_MARGIN = 4
_MENTIONS_MAX = 100
_TRACED_RECORDS = 100


class Loss(NamedTuple):
    """What took a word out of a key.

    Attributes:
        record: the record that did.
        db: the key's database.
        key: the key.
        before: what it was before.
    """

    record: Record
    db: int
    key: bytes
    before: Version


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


def find_loss(
    index: LogIndex, progress: Progress, word: bytes, until_seq: int
) -> Loss | None:
    """Return what took a word, such as a job's id, out of a key the last time.

    A pop does not mention what it takes: so where a record that mentions the word put
    it into a key, that key is followed from there.

    Returns:
        None where the last records that mention the word took it from nowhere, and
        nothing took it out of where they put it.

    Raises: as `find_version`.
    """
    mentions = index.word_records(word, until_seq=until_seq, is_reverse=True)
    for record in islice(mentions, _MENTIONS_MAX):
        if not record.effects:
            continue
        changes = find_changes(index, progress, record)
        for place in _gainers(changes, word):
            loss = _follow(index, progress, word, place, (record.seq, until_seq))
            if loss is not None:
                return loss
        for (db, key), (before, after) in changes.items():
            if before is not None and _holds(before, word) and not _holds(after, word):
                return Loss(record, db, key, before)
    return None


def _follow(
    index: LogIndex,
    progress: Progress,
    word: bytes,
    place: tuple[int, bytes],
    span: tuple[int, int],
) -> Loss | None:
    """Follow a word from key to key, and return what took it out of one the last time.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        word: the word.
        place: the database and the key that it came to.
        span: the record with which it did, and the last one to look at.
    """
    loss = None
    from_seq, until_seq = span
    here: tuple[int, bytes] | None = place
    while here is not None:
        step = _find_exit(index, progress, word, here, (from_seq, until_seq))
        if step is None or step.before is None:
            return loss
        loss = Loss(step.record, *here, step.before)
        from_seq = step.record.seq
        here = next(_gainers(find_changes(index, progress, step.record), word), None)
    return loss


def _find_exit(
    index: LogIndex,
    progress: Progress,
    word: bytes,
    place: tuple[int, bytes],
    span: tuple[int, int],
) -> Step | None:
    """Return how a key lost a word that it had at the start of a stretch.

    Returns:
        The step; None where the key has the word at the end of the stretch.
    """
    low, high = span
    if _holds(find_version(index, progress, *place, high), word):
        return None
    while high - low > _TRACED_RECORDS:
        try:
            few = Slice(index, [place[1]], low, high)
            low, high = _narrow(few, word, place, (low, high))
        except NoSliceError:
            with closing(open_past(index, progress)) as past:
                low, high = _narrow(past, word, place, (low, high))
    steps = trace(index, progress, place, low, high)
    return next((step for step in steps if not _holds(step.after, word)), None)


def _narrow(
    past: Keyspace, word: bytes, place: tuple[int, bytes], span: tuple[int, int]
) -> tuple[int, int]:
    """Return a shorter stretch in which a key lost a word, after one pass over it.

    To look at a long list after each record would be slow. So it is looked at ever less
    often, the further it is from the start: most jobs leave a queue soon.
    """
    start, end = span
    past.go_to(start)
    low = start
    while True:
        high = min(low + max(_TRACED_RECORDS, (low - start) // 64), end)
        past.go_to(high)
        if high == end or not _holds(past.version(*place), word):
            return low, high
        low = high


def _gainers(changes: Changes, word: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the keys that have a word and had it not before."""
    for place, (before, after) in changes.items():
        if _holds(after, word) and not _holds(before, word):
            yield place


def _holds(version: Version | None, word: bytes) -> bool:
    """Tell whether a value has a word as a name, or in what an element holds."""
    if version is None:
        return False
    return any(
        place == word or (content is not None and word in content)
        for place, content in elements(version)
    )
