"""Versions of keys and their differences, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import json_time, show_time
from joblog.replay.keys.values import (
    Difference,
    FieldDeadline,
    Version,
    element_count,
    elements,
)
from joblog.replay.output.texts import json_text, json_value, show

if TYPE_CHECKING:
    from joblog.app.history.touched import DbKey

_ELEMENTS_ON_A_TERMINAL = 12
_DIFFERENCES_ON_A_TERMINAL = 20
MORE = "…"
"""The sign of a line that counts differences which are not shown."""

_MISSING = "(missing)"


def version_text(version: Version | None, limit: int | None = None) -> str:
    """Return a value in one line.

    A string is as it is, a list `[a b]`, a set `{a b}`, anything else `{a: 1, b: 2}`.

    Args:
        version: the value, None for a missing key.
        limit: the most characters for one element; a long value is cut too.
    """
    if version is None:
        return _MISSING
    shown_max = None if limit is None else _ELEMENTS_ON_A_TERMINAL
    parts = [
        _element_text(version.kind, place, content, limit)
        for place, content in islice(elements(version), shown_max)
    ]
    if version.kind == "string":
        return parts[0]
    rest = element_count(version) - len(parts)
    separator = " " if version.kind in {"list", "set"} else ", "
    if rest > 0:
        parts.append(f"… {rest} more")
    opening, closing = "[]" if version.kind == "list" else "{}"
    return f"{opening}{separator.join(parts)}{closing}"


def _element_text(
    kind: str, place: bytes | int | None, content: bytes | None, limit: int | None
) -> str:
    if isinstance(place, bytes):
        name = show(place, limit)
        return name if kind == "set" else f"{name}: {show(content or b'', limit)}"
    return show(content or b"", limit)


def version_facts(version: Version | None) -> dict[str, Any] | None:
    """Return a version for JSON: type, value, expires_at (UTC) and expires_at_ms.

    `fields_expire_at_ms` is there where fields of a hash have deadlines. A set is
    sorted, a sorted set an object of scores in their order; a stream is as in
    `stream_values`.
    """
    if version is None:
        return None
    data = version.data
    if version.kind == "zset":
        data = dict(sorted(data.items(), key=lambda pair: (pair[1], pair[0])))
    facts: dict[str, Any] = {"type": version.kind, "value": json_value(data)}
    if version.deadline_ms is not None:
        facts["expires_at"] = json_time(version.deadline_ms)
        facts["expires_at_ms"] = version.deadline_ms
    if version.field_deadlines is not None:
        facts["fields_expire_at_ms"] = json_value(version.field_deadlines)
    return facts


def deadline_text(version: Version) -> str:
    """Return when a key expires; "-" for never."""
    return "-" if version.deadline_ms is None else show_time(version.deadline_ms)


def difference_lines(
    kind: str, differences: list[Difference], limit: int | None = None
) -> list[tuple[str, str]]:
    """Return differences as (sign, text): `+` gained, `-` lost, `~` changed.

    Args:
        kind: the type of the value that differs.
        differences: in order.
        limit: the most characters for each piece; then only the first are shown, and
            the others counted.
    """
    most = len(differences)
    if limit is not None and most > _DIFFERENCES_ON_A_TERMINAL + 1:
        most = _DIFFERENCES_ON_A_TERMINAL
    lines = [_difference_line(kind, one, limit) for one in differences[:most]]
    if differences[most:]:
        text = f"{len(differences) - most:,} more: {count_text(differences[most:])}"
        lines.append((MORE, text))
    return lines


def count_text(differences: list[Difference]) -> str:
    """Return how many differences there are of each kind: `9,990 gained, 1 lost`."""
    count = Counter(map(_sign, differences))
    words = {"+": "gained", "-": "lost", "~": "changed"}
    return ", ".join(
        f"{count[sign]:,} {word}" for sign, word in words.items() if count[sign]
    )


def _sign(difference: Difference) -> str:
    _, before, after = difference
    return "+" if before is None else "-" if after is None else "~"


def _difference_line(
    kind: str, difference: Difference, limit: int | None
) -> tuple[str, str]:
    place, before, after = difference
    sign = _sign(difference)
    if place == "deadline" or isinstance(place, FieldDeadline):
        texts = [
            None if digits is None else show_time(int(digits))
            for digits in (before, after)
        ]
    else:
        texts = [None if x is None else show(x, limit) for x in (before, after)]
    changed = " -> ".join(text for text in texts if text is not None)
    if kind == "set" and isinstance(place, bytes):
        return sign, show(place, limit)
    name = show(place, limit) if isinstance(place, bytes) else _place_text(place)
    return sign, f"{name}{changed}" if not name else f"{name}: {changed}"


def _place_text(place: int | str | FieldDeadline) -> str:
    if isinstance(place, int):
        return f"[{place}]"
    if isinstance(place, FieldDeadline):
        return f"{show(place.field)} expires"
    return {"value": "", "deadline": "expires"}[place]


def difference_facts(differences: list[Difference]) -> list[dict[str, Any]]:
    """Return differences for JSON: where, and before and after where there is one."""
    facts = []
    for place, before, after in differences:
        fact: dict[str, Any] = {}
        if isinstance(place, FieldDeadline):
            fact["deadline_of"] = json_text(place.field)
        else:
            fact["where"] = json_text(place) if isinstance(place, bytes) else place
        if before is not None:
            fact["before"] = json_text(before)
        if after is not None:
            fact["after"] = json_text(after)
        facts.append(fact)
    return facts


def key_label(key: DbKey, db: int = 0) -> str:
    """Return a key's name, with its database where that is not the usual one."""
    return show(key[1]) if key[0] == db else f"{show(key[1])} in db{key[0]}"
