from app.commands.delays import histogram_usec, note_delay, percentile_ns


def delays_of(*nanoseconds):
    delays = {}
    for each in nanoseconds:
        note_delay(delays, each)
    return delays


def test_durations_that_look_the_same_are_counted_together():
    assert delays_of(16384, 16500, 16511, 16512) == {16511: 3, 16639: 1}
    assert delays_of(0, 1, 255, 256) == {0: 1, 1: 1, 255: 1, 257: 1}


def test_histogram_counts_up_to_powers_of_two():
    delays = delays_of(1, 1031, 1032, 33_000, 33_023, 40_000, 20_000_000)

    assert histogram_usec(delays) == {1: 2, 2: 3, 33: 5, 66: 6, 33816: 7}
    assert histogram_usec({}) == {}


def test_percentiles_are_durations_that_were_met():
    delays = delays_of(*range(1, 101))

    assert [percentile_ns(delays, p) for p in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile_ns({}, 50) == 0
