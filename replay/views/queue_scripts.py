"""The scripts of a queue: which wrote to its keys lately, how often, and how much.

How long a call took is in no record: the server's metrics tell that while it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.notes import ScriptNote, read_note
from joblog.app.history.touched import changed_keys
from joblog.replay.output.texts import json_text
from joblog.replay.records.script_texts import ScriptNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.views.source import Source
    from joblog.storage.record import Record

LOOKED_AT = 20_000
"""So many records are looked at, the newest."""


def queue_scripts_facts(source: Source, queue: bytes, point: Point) -> dict[str, Any]:
    """Return for JSON which scripts wrote to a queue's keys, those of most calls first.

    Raises:
        StorageError: the log is damaged.
    """
    index, names = source.index, ScriptNames(source.index)
    first_seq = max(index.first_seq, point.seq - LOOKED_AT + 1)
    found: dict[tuple[str, bytes], dict[str, Any]] = {}
    records = index.records(first_seq, point.seq) if first_seq <= point.seq else ()
    for record in records:
        note = read_note(record.origin)
        if not isinstance(note, ScriptNote) or not _is_of(
            record, queue, source.schemas
        ):
            continue
        command = record.origin.command or []
        function = b"" if note.sha else b"".join(command[1:2])
        row = found.setdefault(
            (note.sha, function),
            {
                "sha": note.sha or None,
                "name": json_text(function or names.find(note.sha) or b""),
                **dict.fromkeys(("calls", "failed", "effects"), 0),
            },
        )
        row["calls"] += 1
        row["failed"] += note.error is not None
        row["effects"] += len(record.effects)
        row |= {"last_seq": record.seq, "last_ms": record.at_ms}
    return {
        "from_seq": first_seq,
        "scripts": sorted(found.values(), key=lambda row: -row["calls"]),
    }


def _is_of(record: Record, queue: bytes, schemas: Sequence[Schema]) -> bool:
    """Say whether a record changed a key that belongs to a queue."""
    for argv in record.effects:
        for key in changed_keys(argv):
            for schema in schemas:
                meaning = schema.meaning(key, argv[0])
                if meaning is not None and meaning.names.queue == queue:
                    return True
    return False
