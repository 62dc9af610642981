"""A key: what it was, what changed it, and who set what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.replay.keys.blame import find_blame
from joblog.replay.keys.inquiry import find_version, trace_last
from joblog.replay.keys.values import find_differences
from joblog.replay.output.texts import json_text
from joblog.replay.records.script_texts import ScriptNames
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    version_facts,
    version_text,
)

if TYPE_CHECKING:
    from joblog.app.history.moments import Point
    from joblog.replay.keys.blame import Blame
    from joblog.replay.keys.past import Step
    from joblog.replay.records.script_texts import TextNames
    from joblog.replay.views.source import Source
    from joblog.storage.record import Record

CHANGES = 50
"""So many changes are shown, the last."""

BLAMES_MAX = 1000
_LIMIT = 200


def change_facts(step: Step, match: Match, names: TextNames) -> dict[str, Any]:
    """Return a record that changed a key for JSON, with what it left."""
    facts = record_facts(match, names)
    facts["after"] = version_facts(step.after)
    differences = list(find_differences(step.before, step.after))
    facts["differences"] = difference_facts(differences)
    return facts


def blame_facts(one: Blame) -> dict[str, Any]:
    """Return where an element is, and what it is, for JSON."""
    place, content, _ = one
    name = json_text(place) if isinstance(place, bytes) else place
    return {"place": name, "value": None if content is None else json_text(content)}


def key_facts(source: Source, db: int, key: bytes, point: Point) -> dict[str, Any]:
    """Return a key for JSON: its value at a moment, its last changes, its blame.

    Changes are as `replay history --json` has them, blame as `replay blame --json`;
    `text` says each in a line.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    index = source.index
    names = ScriptNames(index)
    floor = index.bases.find_floor()
    version = find_version(index, source.progress, db, key, point.seq)
    steps = trace_last(index, source.progress, (db, key), (floor, point.seq), CHANGES)
    return {
        "db": db,
        "key": json_text(key),
        "value": version_facts(version),
        "text": version_text(version, _LIMIT),
        "decoded": source.payloads.elements(version) if version is not None else [],
        "changes": [_change(source, step, names) for step in reversed(steps)],
        "blame": _blame(source, db, key, point, names) if version else [],
    }


def _change(source: Source, step: Step, names: ScriptNames) -> dict[str, Any]:
    record = step.record
    client = source.clients.find(record.origin.client_id, record.seq)
    facts = change_facts(step, Match(record, client), names)
    version = step.after or step.before
    kind = version.kind if version is not None else "string"
    differences = list(find_differences(step.before, step.after))
    return {
        **facts,
        "who": client_label(client),
        "text": record_text(record, _LIMIT, names),
        "after_text": version_text(step.after, _LIMIT),
        "lines": difference_lines(kind, differences, _LIMIT),
    }


def _blame(
    source: Source, db: int, key: bytes, point: Point, names: ScriptNames
) -> list[dict[str, Any]]:
    floor = source.index.bases.find_floor()
    owners = find_blame(source.index, source.progress, (db, key), (floor, point.seq))
    return [
        {**blame_facts(one), **_who(source, one.record, names)}
        for one in owners.blames()[:BLAMES_MAX]
    ]


def _who(source: Source, record: Record | None, names: ScriptNames) -> dict[str, Any]:
    if record is None:
        return {"seq": None, "at_ms": None, "who": "-", "text": "-"}
    client = source.clients.find(record.origin.client_id, record.seq)
    return {
        "seq": record.seq,
        "at_ms": record.at_ms,
        "who": client_label(client),
        "text": record_text(record, _LIMIT, names),
    }
