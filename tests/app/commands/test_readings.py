"""Readings: what a scrape asks of the engine."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.commands.server.readings import count_buckets
from joblog.app.families import BUCKETS_SECONDS
from joblog.app.state.server_state import CallCounts

DELAYS = st.lists(st.integers(0, 20_000_000_000) | st.integers(0, 300_000), max_size=50)


@given(DELAYS)
def test_buckets_have_what_took_at_most_so_long(delays):
    counts = CallCounts()
    for nanoseconds in delays:
        counts.note_delays(nanoseconds, 1)
    bounds = [round(seconds * 1e9) for seconds in BUCKETS_SECONDS]
    expected = [0] * (len(bounds) + 1)
    for highest, count in counts.delays().items():
        expected[bisect_left(bounds, highest)] += count

    assert count_buckets(counts.ticks, counts.long_delays) == expected
    assert sum(expected) == len(delays)
