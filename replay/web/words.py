"""Words: addresses, times and numbers, as the page shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from joblog.replay.views.words import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = {
    "waiting": "#2563eb",
    "scheduled": "#7c3aed",
    "blocked": "#a16207",
    "running": "#0f766e",
    "failed": "#dc2626",
    "done": "#15803d",
    "cancelled": "#6b7280",
    "deleted": "#b45309",
    "in hand": "#854d0e",
    "stuck": "#c2410c",
    "lost": "#be123c",
    "delivered twice": "#c026d3",
    "taken": "#64748b",
}
"""Of states and verdicts, which are told in words too: each is to be read on white."""

BUTTON = "blue-9"
"""The colour of buttons with a text, which is white: NiceGUI's own is too light."""

_SPARK_WIDTH, _SPARK_HEIGHT = 120, 24


def link(kind: str, name: str = "", **query: str) -> str:
    """Return the address of a page.

    Args:
        kind: its first part; "" for the first page.
        name: what it is about, "" for nothing.
        query: what else it says; empty words are left out.
    """
    path = f"/{kind}/{quote(name, safe='')}" if name else f"/{kind}"
    words = urlencode({key: value for key, value in query.items() if value})
    return f"{path}?{words}" if words else path


def number(count: int | None) -> str:
    """Return a number with its thousands apart."""
    return MISSING if count is None else f"{count:,}"


def size(count: int) -> str:
    """Return a number of bytes."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004 - what makes the next unit
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"


def spark(values: Sequence[int]) -> str:
    """Return the points of a small line: for an SVG of 120 by 24."""
    if not values:
        return ""
    most = max(*values, 1)
    step = _SPARK_WIDTH / max(len(values) - 1, 1)
    height = _SPARK_HEIGHT - 4
    points = (
        f"{place * step:.1f},{height + 2 - value * height / most:.1f}"
        for place, value in enumerate(values)
    )
    return " ".join(points)


def columns(*told: tuple[str, str, str]) -> list[dict[str, Any]]:
    """Return columns of a table: of (name, heading, "left" or "right")."""
    return [
        {
            "name": name,
            "label": label,
            "field": name,
            "align": align,
            "sortable": True,
        }
        for name, label, align in told
    ]
