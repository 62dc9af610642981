"""Summaries: the statistics of each part of the index, kept beside it.

A part's summary has its counts, but of keys only the busiest. So statistics of a long
log are those of its parts, added up, and of what lies around them, read from the log.
"""

from __future__ import annotations

import zlib
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgpack

from joblog.replay.index.attachments import attachment_name, encode_attachment
from joblog.replay.index.finder import LogIndex
from joblog.replay.index.parts import DamagedPartError
from joblog.replay.index.sidecar import write_file
from joblog.replay.records.statistics import Statistics, busiest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from joblog.replay.index.parts import PartHeader
    from joblog.replay.keys.past import Progress
    from joblog.storage.filesystem import FileSystem

KIND = "summary"
_SECTION = "counts"
_KEYS_MAX = 2_048
_TOLD_RECORDS = 4096


def count_records(
    index: LogIndex, progress: Progress, from_seq: int, until_seq: int
) -> Statistics:
    """Return the statistics of a stretch of the log.

    Args:
        index: the log's index.
        progress: is told now and then the number of the last record.
        from_seq: the first record.
        until_seq: the last record.

    Raises:
        CorruptLogError: the log is damaged.
        PrunedError: the log does not go back so far.
    """
    found = Statistics()
    next_seq = from_seq
    for header in index.catalogue.parts():
        if header.last_seq > until_seq:
            break
        summary = _read(index, header) if header.first_seq >= from_seq else None
        if summary is not None:
            if next_seq < header.first_seq:
                found.add(_count(index, progress, next_seq, header.first_seq - 1))
            found.add(summary)
            next_seq = header.last_seq + 1
    if next_seq <= until_seq:
        found.add(_count(index, progress, next_seq, until_seq))
    return found


def _count(
    index: LogIndex, progress: Progress, from_seq: int, until_seq: int
) -> Statistics:
    found = Statistics()
    for record in index.records(from_seq, until_seq):
        found.observe(record)
        if not record.seq % _TOLD_RECORDS:
            progress(record.seq)
    return found


def build_summaries(
    folder: Path, filesystem: FileSystem, progress: Progress
) -> Callable[[Path], None]:
    """Return what writes the summaries that are missing; see `build_index`."""

    def build(target: Path) -> None:
        with closing(LogIndex(folder, filesystem)) as index:
            for header in index.catalogue.parts():
                if _read(index, header) is None:
                    span = header.first_seq, header.last_seq
                    data = _encode(_count(index, progress, *span))
                    data = encode_attachment(KIND, header, {_SECTION: data})
                    write_file(
                        index.filesystem, target, attachment_name(KIND, header), data
                    )

    return build


def _read(index: LogIndex, header: PartHeader) -> Statistics | None:
    """Return a part's summary, None where there is no sound one."""
    attachment = index.catalogue.attachment(KIND, header)
    try:
        data = attachment.read(_SECTION) if attachment is not None else None
        return None if data is None else _decode(data)
    except (DamagedPartError, ValueError, TypeError, zlib.error):
        return None


def _encode(found: Statistics) -> bytes:
    keys = busiest(found.keys, _KEYS_MAX)
    data = msgpack.packb(
        [
            *(found.records, found.effects, found.first_at_ms, found.last_at_ms),
            *(list(found.commands.items()), list(found.scripts.items())),
            [(client, n, *found.seen[client]) for client, n in found.clients.items()],
            [(db, key, n) for (db, key), n in keys.items()],
            *(list(found.ticks.items()), found.shift, list(found.took.items())),
        ],
        unicode_errors="surrogateescape",
    )
    return zlib.compress(data, 1)


def _decode(data: bytes) -> Statistics:
    found = Statistics()
    parts: list[Any] = msgpack.unpackb(
        zlib.decompress(data), unicode_errors="surrogateescape"
    )
    found.records, found.effects, found.first_at_ms, found.last_at_ms = parts[:4]
    commands, scripts, clients, keys, ticks, found.shift, *took = parts[4:]
    found.took = Counter(dict(*took))  # of older logs there is none
    found.commands = Counter(dict(commands))
    found.scripts = Counter(dict(scripts))
    found.clients = Counter({client: n for client, n, *_ in clients})
    found.seen = {client: (seq, at_ms) for client, _, seq, at_ms in clients}
    found.keys = Counter({(db, key): n for db, key, n in keys})
    if len(keys) >= _KEYS_MAX:
        found.hidden = min(found.keys.values())
    found.ticks = Counter(dict(ticks))
    return found
