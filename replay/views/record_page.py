"""A record: who did what, by which script, and what that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import NoSuchMomentError
from joblog.replay.keys.inquiry import find_changes
from joblog.replay.keys.values import find_differences
from joblog.replay.output.texts import json_text
from joblog.replay.records.script_texts import ScriptNames, find_script
from joblog.replay.records.search import Match
from joblog.replay.shown.records import client_label, record_facts, record_text
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    key_label,
    version_facts,
)
from joblog.storage.errors import PrunedError

if TYPE_CHECKING:
    from joblog.app.history.touched import DbKey
    from joblog.replay.keys.values import Version
    from joblog.replay.views.payloads import Payloads
    from joblog.replay.views.source import Source
    from joblog.storage.record import Record

_LIMIT = 200
_PAYLOADS_MAX = 50


def change_facts(
    key: DbKey, before: Version | None, after: Version | None
) -> dict[str, Any]:
    """Return what a record did to a key, for JSON."""
    return {
        "db": key[0],
        "key": json_text(key[1]),
        "before": version_facts(before),
        "after": version_facts(after),
        "differences": difference_facts(list(find_differences(before, after))),
    }


def record_page_facts(source: Source, seq: int) -> dict[str, Any]:
    """Return a record for JSON, as `replay show --json`; and lines for people.

    Besides there are `text`, `who`, and `payloads`: what its arguments hold.

    Raises:
        NoSuchMomentError: the log has no such record.
        StorageError: the log is damaged, or was pruned.
    """
    index = source.index
    record = index.get_record(seq) if seq else None
    if record is None:
        raise NoSuchMomentError(f"there is no seq {seq}: it ends with {index.last_seq}")
    client = source.clients.find(record.origin.client_id, seq)
    facts = record_facts(Match(record, client))
    script = find_script(index, record)
    if script is not None and script.source is not None:
        facts["script"] = json_text(script.source)
    try:
        changes = find_changes(index, source.progress, record)
    except PrunedError:
        changes = {}
    facts["changes"] = [
        {
            **change_facts(key, *pair),
            "label": key_label(key),
            "lines": _lines(*pair),
        }
        for key, pair in changes.items()
    ]
    facts["took_us"] = (record.origin.note or {}).get("us")
    facts["who"] = client_label(client)
    facts["text"] = record_text(record, _LIMIT, ScriptNames(index))
    facts["payloads"] = decode_words(source.payloads, record)
    return facts


def _lines(before: Version | None, after: Version | None) -> list[tuple[str, str]]:
    version = after or before
    if version is None:
        return []
    return difference_lines(version.kind, list(find_differences(before, after)), _LIMIT)


def decode_words(payloads: Payloads, record: Record) -> list[dict[str, Any]]:
    """Return what the arguments of a record hold, each once."""
    words = [*(record.origin.command or []), *(w for e in record.effects for w in e)]
    found: dict[bytes, dict[str, Any]] = {}
    for word in words[: 10 * _PAYLOADS_MAX]:
        decoded = payloads.decode(word) if word not in found else None
        if decoded is not None and len(found) < _PAYLOADS_MAX:
            found[word] = {"text": json_text(word[:_LIMIT]), **decoded}
    return list(found.values())
