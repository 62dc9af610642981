"""Words: times, durations and counts of verdicts, on the page and on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.history.moments import show_time
from joblog.replay.jobs.views import show_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MISSING = "-"
COMMON = "very many records mention it: a job called so is told on its page alone"
"""What a search says where it does not look for a job; the job's own page does."""


def looked_from(found: Mapping[str, Any]) -> str:
    """Say from which records on a search looked, "" where it was from the first on."""
    since = {"clients": found["clients_from"]}
    if not found["mentions"]:
        since["texts"] = found["searched_from"]
    told = [f"{what} from @{seq:,} on" for what, seq in since.items() if seq > 1]
    return f"looked for {' and '.join(told)}" if told else ""


def when(at_ms: int | None) -> str:
    """Return a time, local, to the millisecond."""
    return MISSING if at_ms is None else show_time(at_ms)[:23].replace("T", " ")


def how_long(ms: int | None) -> str:
    """Return a duration."""
    return MISSING if ms is None else show_duration(ms)


def verdict_words(counts: Mapping[str, int], words: Sequence[str]) -> str:
    """Return how many jobs there are of some verdicts, in a line."""
    found = [f"{counts[word]:,} {word}" for word in words if counts.get(word)]
    return ", ".join(found)
