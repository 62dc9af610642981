"""What a key, or a job's id, may go on with: found in a moment, or not at all.

A shell waits while it completes, so this looks at as much as can be seen in a third of
a second: the newest records where the index makes them quick to reach, else the oldest;
then the keys of the newest checkpoint.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from joblog.app.history.snapshots import snapshot_keys
from joblog.app.history.touched import changed_keys
from joblog.replay.index.scanning import END_SEQ
from joblog.replay.jobs.schema import SchemaError
from joblog.replay.jobs.shipped import detect_schemas
from joblog.storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.jobs.schema import Schema
    from joblog.storage.record import Record

SECONDS = 0.3
MOST = 200

_QUICK_BYTES = 8 << 20
_RECORDS_AT_ONCE = 1000
_ADDS = {b"LPUSH": 2, b"RPUSH": 2, b"SADD": 2}


class _Until:
    """When to stop looking: in time, or with enough in hand."""

    def __init__(self, seconds: float, most: int) -> None:
        self._end = time.monotonic() + seconds
        self._most = most

    def is_over(self, found: dict[bytes, None]) -> bool:
        return len(found) >= self._most or time.monotonic() > self._end


def find_keys(
    index: LogIndex, start: bytes, seconds: float = SECONDS, most: int = MOST
) -> list[bytes]:
    """Return keys of a log that start so, in order; not always all."""
    until, found = _Until(seconds, most), dict[bytes, None]()
    _collect(index, start, until, found, _keys_of)
    if not until.is_over(found):
        _collect_held(index, start, until, found)
    return sorted(found)


def find_jobs(
    index: LogIndex, start: bytes, seconds: float = SECONDS, most: int = MOST
) -> list[bytes]:
    """Return ids of jobs in a log that start so, in order; not always all."""
    return _find_of_jobs(index, start, _Until(seconds, most), _jobs_of)


def find_queues(index: LogIndex, seconds: float = SECONDS) -> list[bytes]:
    """Return names of queues in a log, in order; not always all."""
    return _find_of_jobs(index, b"", _Until(seconds, MOST), _queues_of)


def _find_of_jobs(
    index: LogIndex,
    start: bytes,
    until: _Until,
    names_of: Callable[[Record, list[Schema]], Iterable[bytes]],
) -> list[bytes]:
    found: dict[bytes, None] = {}
    try:
        schemas = detect_schemas(index) if _is_quick(index) else []
    except (StorageError, SchemaError):
        schemas = []
    if schemas:
        _collect(index, start, until, found, lambda record: names_of(record, schemas))
    return sorted(found)


def _is_quick(index: LogIndex) -> bool:
    return index.count_unindexed_bytes() < _QUICK_BYTES


def _collect(
    index: LogIndex,
    start: bytes,
    until: _Until,
    found: dict[bytes, None],
    names_of: Callable[[Record], Iterable[bytes]],
) -> None:
    """Take names out of records while there is time; damage ends the log here."""
    try:
        for number, record in enumerate(_records(index)):
            for name in names_of(record):
                if name.startswith(start):
                    found[name] = None
            if number % _RECORDS_AT_ONCE == 0 and until.is_over(found):
                return
    except StorageError:
        return


def _records(index: LogIndex) -> Iterator[Record]:
    """Yield the newest records first, in short runs; all in order if that is slow."""
    if not _is_quick(index):
        yield from index.records(index.first_seq, END_SEQ)
        return
    high, first = index.last_seq, index.first_seq
    while high >= first:
        low = max(first, high - _RECORDS_AT_ONCE + 1)
        yield from index.records(low, high)
        high = low - 1


def _collect_held(
    index: LogIndex, start: bytes, until: _Until, found: dict[bytes, None]
) -> None:
    """Take keys out of the newest state that is kept, while there is time."""
    try:
        opened = index.bases.open(END_SEQ)
        if opened is None:
            return
        reader, _ = opened
        try:
            for keys in snapshot_keys(reader, start):
                found |= dict.fromkeys(key for key in keys if key.startswith(start))
                if until.is_over(found):
                    return
        finally:
            reader.close()
    except StorageError:
        return


def _keys_of(record: Record) -> Iterator[bytes]:
    for argv in record.effects:
        yield from changed_keys(argv)


def _jobs_of(record: Record, schemas: list[Schema]) -> Iterator[bytes]:
    for argv in record.effects:
        for key in changed_keys(argv):
            for schema in schemas:
                meaning = schema.meaning(key, argv[0])
                if meaning is None:
                    continue
                if meaning.names.id is not None:
                    yield meaning.names.id
                elif meaning.rule.read_id is not None:
                    for element in _elements_of(argv):
                        job_id = meaning.rule.read_id(element, {})
                        if job_id:
                            yield job_id
                break


def _queues_of(record: Record, schemas: list[Schema]) -> Iterator[bytes]:
    for argv in record.effects:
        for key in changed_keys(argv):
            meanings = (schema.meaning(key, argv[0]) for schema in schemas)
            meaning = next(filter(None, meanings), None)
            if meaning is not None and meaning.names.queue is not None:
                yield meaning.names.queue


def _elements_of(argv: list[bytes]) -> list[bytes]:
    """Return what an effect adds to a list, a set or, plainly, a sorted set."""
    name = argv[0].upper()
    if name == b"ZADD":
        return argv[3::2]
    return argv[_ADDS[name] :] if name in _ADDS else []
