"""The time axis of a log: from when to when it goes, and what stands out on it.

Marks are tags, scripts that came, starts of the server, snapshots, errors of jobs, and
records that are gone. A log has no record of a start; but each start counts its clients
anew, so an id that another had before tells of one. Its mark is the first client that
wrote behind it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time
from joblog.app.history.notes import ClientNote, read_note
from joblog.replay.index.marks import client_mark
from joblog.replay.index.scanning import Pieces
from joblog.replay.output.texts import json_text
from joblog.replay.records.clients import CLIENT_MARK
from joblog.replay.records.points import find_points
from joblog.replay.views.overview import Mark, find_marks
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from joblog.replay.index.finder import LogIndex
    from joblog.replay.views.source import Source

MARKS_MAX = 500
"""So many marks of a kind are told, the newest."""

_FIRST_IDS = 8
_GAP = re.compile(rb"gap-[0-9]+-[0-9]+")


def axis_facts(source: Source, errors: Iterable[Mark] = ()) -> dict[str, Any]:
    """Return the axis of a log for JSON.

    Args:
        source: the log.
        errors: the marks of errors; see `errors`.

    Raises:
        StorageError: the log is damaged.
    """
    index = source.index
    last_seq = index.last_seq
    first_seq = max(index.first_seq, index.bases.find_floor() + 1)
    marks = sorted((*errors, *_marks(index, first_seq, last_seq))) if last_seq else []
    return {
        "from_seq": first_seq,
        "until_seq": last_seq,
        **_time("from", _at_ms(index, first_seq)),
        **_time("until", _at_ms(index, last_seq)),
        "marks": [mark_facts(mark) for mark in marks],
    }


def mark_facts(mark: Mark) -> dict[str, Any]:
    """Return a mark for JSON."""
    return {
        "seq": mark.seq,
        **_time("at", mark.at_ms),
        "kind": mark.kind,
        "name": json_text(mark.name),
    }


def _time(name: str, at_ms: int | None) -> dict[str, Any]:
    text = None if at_ms is None else json_time(at_ms)
    return {name: text, f"{name}_ms": at_ms}


def _at_ms(index: LogIndex, seq: int) -> int | None:
    try:
        record = index.get_record(seq) if seq else None
    except PrunedError:
        return None
    return None if record is None else record.at_ms


def _marks(index: LogIndex, first_seq: int, last_seq: int) -> Iterator[Mark]:
    for mark in find_marks(index, first_seq, last_seq)[-MARKS_MAX:]:
        is_gap = mark.kind == "tag" and _GAP.fullmatch(mark.name)
        yield mark._replace(kind="gap") if is_gap else mark
    yield from list(_starts(index, first_seq, last_seq))[-MARKS_MAX:]
    for point in find_points(index)[-MARKS_MAX:]:
        if point.kind == "snapshot" and first_seq <= point.seq <= last_seq:
            yield Mark(point.seq, point.at_ms, "snapshot", point.text.encode())


def _starts(index: LogIndex, first_seq: int, last_seq: int) -> Iterator[Mark]:
    """Yield where the server was started anew, but for the first time."""
    wanted = [[client_mark(number)] for number in range(1, _FIRST_IDS + 1)]
    addresses: dict[int, str] = {}
    for record in index.candidates(wanted, Pieces(CLIENT_MARK), first_seq, last_seq):
        note = read_note(record.origin)
        if not isinstance(note, ClientNote):
            continue
        number = record.origin.client_id
        before = addresses.get(number)
        if before is not None and before != note.address:
            addresses.clear()
            yield Mark(record.seq, record.at_ms, "start", b"server")
        addresses[number] = note.address
