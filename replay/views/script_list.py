"""Scripts: which wrote, how often, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.replay.output.texts import json_text
from joblog.replay.records.script_uses import find_scripts

if TYPE_CHECKING:
    from joblog.app.history.moments import Point
    from joblog.replay.views.source import Source


def scripts_facts(source: Source, point: Point) -> dict[str, Any]:
    """Return the scripts that wrote up to a moment, those of most calls first.

    Raises:
        StorageError: the log is damaged.
    """
    index = source.index
    found = find_scripts(
        index, source.progress, index.first_seq, point.seq, lambda _: ""
    )
    rows = [
        {
            "sha": use.sha or None,
            "name": json_text(use.name) if use.name else "",
            "calls": use.calls,
            "failed": use.failed,
            **use.took.facts(),
            "first_seq": use.first[0] if use.first else None,
            "last_seq": use.last[0] if use.last else None,
            "last_ms": use.last[1] if use.last else None,
        }
        for use in found
    ]
    return {"scripts": sorted(rows, key=lambda row: -row["calls"])}
