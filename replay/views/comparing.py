"""Two moments: which keys are not what they were, and how the queues differ."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

from joblog.app.keyspace.glob import compile_glob
from joblog.replay.keys.differences import compare_moments
from joblog.replay.keys.inquiry import open_past
from joblog.replay.keys.values import find_differences
from joblog.replay.output.texts import json_text
from joblog.replay.shown.versions import (
    difference_facts,
    difference_lines,
    key_label,
    version_facts,
)

if TYPE_CHECKING:
    from joblog.app.history.moments import Point
    from joblog.replay.keys.differences import KeyChange
    from joblog.replay.keys.values import Difference
    from joblog.replay.views.source import Source

KEYS_MAX = 500
"""So many keys are shown; the others are counted."""

_LIMIT = 200
_LINES_MAX = 50


def fate_of(change: KeyChange) -> str:
    """Return what became of a key, in a word: added, removed or changed."""
    if change.before is None:
        return "added"
    return "removed" if change.after is None else "changed"


def change_facts(change: KeyChange, differences: list[Difference]) -> dict[str, Any]:
    """Return a key that differs for JSON."""
    return {
        "db": change.db,
        "key": json_text(change.key),
        "change": fate_of(change),
        "before": version_facts(change.before),
        "after": version_facts(change.after),
        "differences": difference_facts(differences),
    }


def compare_facts(
    source: Source, points: tuple[Point, Point], key_glob: bytes = b"*"
) -> dict[str, Any]:
    """Return how two moments differ for JSON: the counts are those of `diff --stat`.

    Raises:
        StorageError: the log is damaged, or was pruned.
    """
    first, last = sorted(point.seq for point in points)
    counts: Counter[str] = Counter()
    keys: list[dict[str, Any]] = []
    with closing(open_past(source.index, source.progress)) as past:
        wants = compile_glob(key_glob)
        for change in compare_moments(past, first, last, wants, source.index):
            counts[fate_of(change)] += 1
            if len(keys) < KEYS_MAX:
                keys.append(_row(change))
    return {
        "from_seq": first,
        "until_seq": last,
        "counts": {name: counts[name] for name in ("added", "removed", "changed")},
        "keys": keys,
    }


def _row(change: KeyChange) -> dict[str, Any]:
    version = change.after or change.before
    assert version is not None
    differences = list(find_differences(change.before, change.after))
    lines = difference_lines(version.kind, differences[:_LINES_MAX], _LIMIT)
    return {
        "db": change.db,
        "key": json_text(change.key),
        "label": key_label((change.db, change.key)),
        "change": fate_of(change),
        "type": version.kind,
        "differences": len(differences),
        "lines": lines,
    }
