"""Words: what a screen writes into a cell. What was stored is text, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.text import Text

from joblog.replay.output.times import near_time
from joblog.replay.views.words import MISSING, how_long

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLES = {
    "waiting": "blue",
    "scheduled": "magenta",
    "blocked": "yellow",
    "running": "cyan",
    "failed": "bold red",
    "done": "green",
    "cancelled": "dim",
    "deleted": "yellow",
    "in hand": "yellow",
    "stuck": "bold yellow",
    "lost": "bold red",
    "delivered twice": "bold magenta",
}
"""Of states and verdicts; each is told in words, too."""


def plain(text: Any, style: str = "") -> Text:
    """Return what may come from a client as text, on one line."""
    words = MISSING if text is None or text == "" else str(text)
    return Text(words.replace("\n", " "), style=style, no_wrap=True)


def state(word: str) -> Text:
    """Return a state or a verdict."""
    return plain(word, STYLES.get(word, ""))


def count(number: int | None) -> Text:
    """Return a number, to the right; nothing where it is 0."""
    text = f"{number:,}" if number else ""
    return Text(text, justify="right")


def near(at_ms: int | None, now_ms: int) -> Text:
    """Return a time without what it shares with the moment that is shown."""
    return plain(None if at_ms is None else near_time(at_ms, now_ms), "dim")


def span(ms: int | None) -> Text:
    """Return a duration, to the right."""
    return Text(how_long(ms), justify="right")


def bars(told: Sequence[dict[str, Any]], width: int) -> list[Text]:
    """Return a job's way as lines, one for each stay in a state.

    Args:
        told: the stays, as a job's answer has them.
        width: how many columns the whole time takes.
    """
    if not told:
        return []
    first, last = told[0]["from_ms"], told[-1]["until_ms"]
    scale = max(last - first, 1) / max(width, 1)
    lines = []
    for bar in told:
        begin = min(int((bar["from_ms"] - first) / scale), width - 1)
        length = max(1, round((bar["until_ms"] - bar["from_ms"]) / scale))
        length = min(length, width - begin)
        style = STYLES.get(bar["state"], "")
        line = Text(f"{bar['state']:<10.10} {' ' * begin}", no_wrap=True)
        is_end = bar["from_ms"] == bar["until_ms"]
        line.append("|" if is_end else "█" * length, style=style)
        took = "" if is_end else f" {how_long(bar['until_ms'] - bar['from_ms'])}"
        who = f" {bar['worker']}" if bar["worker"] else ""
        line.append(f"{took}{who}", style="dim")
        lines.append(line)
    return lines
