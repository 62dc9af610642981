"""How long commands took: counts by duration, from which histograms come.

A duration is kept with two digits, as the highest that looks the same: what lies
between 16384 and 16511 ns counts as 16511. LATENCY HISTOGRAM shows them by powers of
two of 1024 ns, INFO latencystats as percentiles.

Source: Redis 7.0.15; see tests/parity/test_latency.py.
"""

from __future__ import annotations

from typing import Final

Delays = dict[int, int]
"""How many commands took so long: highest duration in ns -> count."""

_DIGITS_BITS: Final = 8
_LOWEST_LEVEL_NS: Final = 1024


def note_delay(delays: Delays, nanoseconds: int) -> None:
    """Count one duration."""
    highest = _highest_like(nanoseconds)
    delays[highest] = delays.get(highest, 0) + 1


def _highest_like(nanoseconds: int) -> int:
    shift = max(nanoseconds.bit_length() - _DIGITS_BITS, 0)
    return ((nanoseconds >> shift) + 1 << shift) - 1


def histogram_usec(delays: Delays) -> dict[int, int]:
    """Return how many took at most so many us; levels that add none are left out."""
    found: dict[int, int] = {}
    level_ns, reached = _LOWEST_LEVEL_NS, 0
    for highest in sorted(delays):
        while highest > _highest_like(level_ns):
            level_ns *= 2
        reached += delays[highest]
        found[_highest_like(level_ns) // 1000] = reached
    return found


def percentile_ns(delays: Delays, percent: float) -> int:
    """Return the duration that so many percent of all did not exceed."""
    wanted = max(int(percent / 100 * sum(delays.values()) + 0.5), 1)
    for highest in sorted(delays):
        wanted -= delays[highest]
        if wanted <= 0:
            return highest
    return 0
