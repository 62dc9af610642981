"""The scripts of a queue: which wrote to its keys lately, how often, and how much.

How long each call took is in its record; in older logs it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.notes import ScriptNote, read_note
from joblog.app.history.touched import changed_keys
from joblog.replay.output.texts import json_text
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.script_uses import Took, script_calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.history.moments import Point
    from joblog.replay.jobs.schema import Schema
    from joblog.replay.records.script_uses import ScriptCall
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
    found: dict[str, _Use] = {}
    records = index.records(first_seq, point.seq) if first_seq <= point.seq else ()
    for record in records:
        if record.origin.command is None or not _is_of(record, queue, source.schemas):
            continue
        for call in script_calls(record):
            use = found.get(call.script)
            if use is None:
                name = call.function or names.find(call.sha) or b""
                use = found[call.script] = _Use(call.sha, json_text(name))
            use.count(record, call)
    return {
        "from_seq": first_seq,
        "scripts": [
            use.facts() for use in sorted(found.values(), key=lambda use: -use.calls)
        ],
    }


class _Use:
    """What one script did for a queue.

    Of a transaction nobody knows which script had which effect: those of calls outside
    of one are counted (`alone`).
    """

    def __init__(self, sha: str, name: Any) -> None:
        self.sha = sha
        self.name = name
        self.calls = self.failed = self.alone = self.effects = 0
        self.last: tuple[int, int] = 0, 0
        self.took = Took()

    def count(self, record: Record, call: ScriptCall) -> None:
        """Count one call."""
        self.calls += 1
        self.failed += call.has_failed
        self.took.add(call.us)
        self.last = record.seq, record.at_ms
        if isinstance(read_note(record.origin), ScriptNote):
            self.alone += 1
            self.effects += len(record.effects)

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "sha": self.sha or None,
            "name": self.name,
            "calls": self.calls,
            "failed": self.failed,
            "alone": self.alone,
            "effects": self.effects,
            "effects_a_call": round(self.effects / self.alone, 1)
            if self.alone
            else None,
            **self.took.facts(),
            "last_seq": self.last[0],
            "last_ms": self.last[1],
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
