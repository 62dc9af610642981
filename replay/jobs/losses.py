"""Losses: what took a word, such as a job's id, out of a key.

A pop does not mention what it takes. So a word is followed from where it was put: the
checkpoints tell between which two moments it left its key, and from the former on each
effect on that key is looked at as it is applied.
"""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from joblog.app.history.touched import changed_keys, changes_databases
from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.replay.index.marks import word_test
from joblog.replay.jobs.moves import watch_effect
from joblog.replay.keys.inquiry import find_changes, find_version, open_past
from joblog.replay.keys.slices import NoSliceError, Slice
from joblog.replay.keys.values import elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.keys.past import Changes, Past, Progress
    from joblog.replay.keys.values import Version
    from joblog.storage.record import Record

_MENTIONS_MAX = 100
_SWITCHES = {b"SELECT", b"select"}
_WATCHED = (Hash, List, Set, SortedSet)


FindWord: TypeAlias = "Callable[[bytes], object]"
"""Tells whether a text has a word; see `marks.word_test`."""


class NotThereError(Exception):
    """A key lacks a word at the very moment from which it was to be followed."""


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
    finds = word_test(word)
    mentions = index.word_records(word, until_seq=until_seq, is_reverse=True)
    for record in islice(mentions, _MENTIONS_MAX):
        if not record.effects:
            continue
        changes = find_changes(index, progress, record)
        for place in _gainers(changes, finds):
            loss = _follow(index, progress, finds, place, (record.seq, until_seq))
            if loss is not None:
                return loss
        for (db, key), (before, after) in changes.items():
            if (
                before is not None
                and _holds(before, finds)
                and not _holds(after, finds)
            ):
                return Loss(record, db, key, before)
    return None


def _follow(
    index: LogIndex,
    progress: Progress,
    finds: FindWord,
    place: tuple[int, bytes],
    span: tuple[int, int],
) -> Loss | None:
    """Follow a word from key to key, and return what took it out of one the last time.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        finds: whether a text has the word.
        place: the database and the key that it came to.
        span: the record with which it did, and the last one to look at.
    """
    loss = None
    from_seq, until_seq = span
    here: tuple[int, bytes] | None = place
    while here is not None:
        record = find_exit(index, progress, finds, here, (from_seq, until_seq))
        if record is None:
            return loss
        changes = find_changes(index, progress, record)
        before, _ = changes.get(here) or (None, None)
        if before is None:
            before = find_version(index, progress, *here, record.seq - 1)
            if before is None:
                return loss
        loss = Loss(record, *here, before)
        from_seq = record.seq
        here = next(_gainers(changes, finds), None)
    return loss


def find_exit(
    index: LogIndex,
    progress: Progress,
    finds: FindWord,
    place: tuple[int, bytes],
    span: tuple[int, int],
) -> Record | None:
    """Return the record that took a word out of a key, after one that put it there.

    Args:
        index: the log's index.
        progress: is told how far a fold has come.
        finds: whether a text has the word.
        place: the database, and the key.
        span: the record that put it there, and the last one to look at.

    Returns:
        The record; None where the key has the word at the end of the span.

    Raises:
        NotThereError: it has not at the start.
        CorruptLogError: the log is damaged.
        PrunedError: the log has lost its beginning, and no snapshot stands for it.
    """
    low, high = span

    def has_at(seq: int) -> bool:
        return _holds(find_version(index, progress, *place, seq), finds)

    moments = [base.seq for base in index.bases.find() if low < base.seq < high]
    if moments:
        # It may be there still, and then there is no need to go all the way.
        if has_at(high):
            return None
        low, high = _narrow(moments, has_at, span)
    try:
        few = Slice(index, [place[1]], low, high)
        few.go_to(low)
        return _walk(few.steps(high), few, finds, place)
    except NoSliceError:
        with closing(open_past(index, progress)) as past:
            past.go_to(low)
            return _walk(_steps(past, high), past, finds, place)


def _narrow(
    moments: list[int], has_at: Callable[[int], bool], span: tuple[int, int]
) -> tuple[int, int]:
    """Return two moments between which a key lost a word, and none lies between.

    Most jobs leave a queue soon, so the first moments are asked first.

    Args:
        moments: those that are quick to ask, in order.
        has_at: whether the key has the word at a moment.
        span: a moment when it has, and one when it has not.
    """
    bounds = [span[0], *moments, span[1]]
    low, high, reach = 0, len(bounds) - 1, 1
    while low + reach < high and has_at(bounds[low + reach]):
        low += reach
        reach *= 2
    high = min(low + reach, high)
    while high - low > 1:
        middle = (low + high) // 2
        if has_at(bounds[middle]):
            low = middle
        else:
            high = middle
    return bounds[low], bounds[high]


def _steps(past: Past, until_seq: int) -> Iterator[tuple[Record, Record]]:
    """Yield the records that come next, each twice, as a slice does."""
    for records in past.batches(until_seq):
        for record in records:
            yield record, record


def _walk(
    steps: Iterator[tuple[Record, Record]],
    past: Slice | Past,
    finds: FindWord,
    place: tuple[int, bytes],
) -> Record | None:
    """Let records happen until one has taken a word out of a key.

    Raises:
        NotThereError: the key lacks it already.
    """
    if not _holds(past.version(*place), finds):
        raise NotThereError
    for record, part in steps:
        if _may_take(past, part, finds, place) and not _holds(
            past.version(*place), finds
        ):
            return record
    return None


def _may_take(
    past: Slice | Past, part: Record, finds: FindWord, place: tuple[int, bytes]
) -> bool:
    """Let a record happen, and tell whether it may have taken a word out of a key."""
    home, key = place
    if any(changes_databases(argv) or argv[0] in _SWITCHES for argv in part.effects):
        past.apply([part])
        return True
    took = False
    database = past.databases[home]
    for argv in part.effects:
        one = part if len(part.effects) == 1 else part._replace(effects=[argv])
        if key not in changed_keys(argv):
            past.apply([one])
        elif isinstance(database.values.get(key), _WATCHED):
            finish = watch_effect(database, argv, [key])
            past.apply([one])
            took = took or any(
                move.delta <= 0 and (finds(move.element) or finds(move.value or b""))
                for move in finish()
            )
        else:
            past.apply([one])
            took = True
    return took


def _gainers(changes: Changes, finds: FindWord) -> Iterator[tuple[int, bytes]]:
    """Yield the keys that have a word and had it not before."""
    for place, (before, after) in changes.items():
        if _holds(after, finds) and not _holds(before, finds):
            yield place


def _holds(version: Version | None, finds: FindWord) -> bool:
    """Tell whether a value has a word in the name or the content of an element."""
    if version is None:
        return False
    data = version.data
    if version.kind in {"list", "set", "zset"}:
        return any(map(finds, data))
    if version.kind == "hash":
        return any(map(finds, data)) or any(map(finds, data.values()))
    return any(
        (isinstance(place, bytes) and finds(place))
        or (content is not None and finds(content))
        for place, content in elements(version)
    )
