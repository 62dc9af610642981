"""Times on a terminal: the exact one, as short as may be, and how long ago it was."""

from __future__ import annotations

from joblog.app.history.moments import show_time

_UNITS = (
    ("y", 31_557_600_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
)
_MS_US, _SECOND_US = 1000, 1_000_000
_YEAR, _DAY = len("2026-"), len("2026-11-23T")
_END = len("2026-11-23T14:00:05.123")


def ago(at_ms: int, now_ms: int) -> str:
    """Return how long ago a time was, or how soon it will be: `5m ago`, `in 2h`."""
    distance = abs(now_ms - at_ms)
    for name, size in _UNITS:
        if distance >= size:
            amount = f"{distance // size}{name}"
            return f"{amount} ago" if at_ms < now_ms else f"in {amount}"
    return "now"


def near_time(at_ms: int, now_ms: int) -> str:
    """Return a local time, without what it shares with now: the day, or the year."""
    text, now = show_time(at_ms), show_time(now_ms)
    if text[_END:] != now[_END:]:  # another offset: summer or winter
        return text
    if text[:_DAY] == now[:_DAY]:
        return text[_DAY:_END]
    start = _YEAR if text[:_YEAR] == now[:_YEAR] else 0
    return text[start:_END].replace("T", " ")


def took_text(us: float | None) -> str:
    """Return how long something took: `57 µs`, `1.2 ms`, `3.4 s`; `-` for None."""
    if us is None:
        return "-"
    if us < _MS_US:
        return f"{us:.0f} µs"
    if us < _SECOND_US:
        return f"{us / _MS_US:.1f} ms"
    return f"{us / _SECOND_US:,.1f} s"
