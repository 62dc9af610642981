"""How long commands took: counts by duration, from which histograms come.

Every command is counted, so counting must cost next to nothing: what takes less than
131 us is counted in a list by ticks of 128 ns, which is one look at its length and one
addition. What takes longer is kept with two digits, as the highest that looks the same:
what lies between 163840 and 164863 ns counts as 164863. LATENCY HISTOGRAM shows them by
powers of two of 1024 ns, INFO latencystats as percentiles.

Source: Redis 7.0.15; see tests/parity/test_latency.py.
"""

from __future__ import annotations

from typing import Final

Delays = dict[int, int]
"""How many commands took so long: highest duration in ns -> count."""

TICK_BITS: Final = 7
TICKS: Final = 1024
"""A list of so many ticks, of 2^7 ns each: 8 KiB of a command that was called."""

_DIGITS_BITS: Final = 8
_LOWEST_LEVEL_NS: Final = 1024


def note_delays(ticks: list[int], delays: Delays, nanoseconds: int, times: int) -> None:
    """Count a duration some times, for which the list of ticks is too short.

    Args:
        ticks: how many took so many ticks; empty before the first.
        delays: how many took longer.
        nanoseconds: the duration.
        times: how many took so long.
    """
    tick = nanoseconds >> TICK_BITS
    if tick < TICKS:
        ticks += [0] * (TICKS - len(ticks))
        ticks[tick] += times
        return
    highest = _highest_like(nanoseconds)
    delays[highest] = delays.get(highest, 0) + times


def delays_of(ticks: list[int], delays: Delays) -> Delays:
    """Return all that was counted, whether it took long or not."""
    short = {
        ((tick + 1) << TICK_BITS) - 1: count
        for tick, count in enumerate(ticks)
        if count
    }
    return {**short, **delays}


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
