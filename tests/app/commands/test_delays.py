from joblog.app.table.delays import (
    delays_of,
    histogram_usec,
    note_delays,
    percentile_ns,
)


def counted(*nanoseconds):
    ticks, delays = [], {}
    for each in nanoseconds:
        note_delays(ticks, delays, each, 1)
    return delays_of(ticks, delays)


def test_durations_that_look_the_same_are_counted_together():
    assert counted(16384, 16500, 16511, 16512) == {16511: 3, 16639: 1}
    assert counted(0, 127, 128, 255, 256) == {127: 2, 255: 2, 383: 1}
    assert counted(163_840, 164_863, 164_864) == {164_863: 2, 165_887: 1}


def test_histogram_counts_up_to_powers_of_two():
    delays = counted(1, 1023, 1024, 33_000, 33_023, 40_000, 20_000_000)

    assert histogram_usec(delays) == {1: 2, 2: 3, 33: 5, 66: 6, 33816: 7}
    assert histogram_usec({}) == {}


def test_percentiles_are_durations_that_were_met():
    delays = counted(*(tick * 128 for tick in range(100)))

    percentiles = [percentile_ns(delays, p) for p in (0, 50, 99, 100)]
    assert percentiles == [127, 50 * 128 - 1, 99 * 128 - 1, 100 * 128 - 1]
    assert percentile_ns({}, 50) == 0
