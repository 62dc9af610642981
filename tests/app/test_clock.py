"""Promise 11: a clock that jumps neither expires everything nor stops what waits."""

import pytest

from app import clock
from app.clock import JUMP_MS, SteadyClock
from app.config import Config
from app.engine.engine import Engine

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000


class Times:
    """A wall clock that can be set, and time that really passes."""

    def __init__(self):
        self.passed_ms = 0
        self.offset_ms = START_MS
        self.steady = SteadyClock(
            lambda: self.offset_ms + self.passed_ms, lambda: 5_000 + self.passed_ms
        )

    def let_pass(self, ms, step_ms=100):
        """Let time pass, and read the clock all along; return what it says."""
        seen = [self.steady()]
        for _ in range(0, ms, step_ms):
            self.passed_ms += step_ms
            seen.append(self.steady())
        return seen


@pytest.fixture
def times():
    return Times()


def test_without_jumps_it_is_the_wall_clock(times):
    assert times.let_pass(1000)[-1] == START_MS + 1000
    times.offset_ms += 40
    assert times.steady() == START_MS + 1040
    times.offset_ms -= JUMP_MS
    assert times.steady() == START_MS + 1040 - JUMP_MS


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS, 10**12, -(10**12)])
def test_a_jump_changes_by_how_much_time_passes_only_by_a_tenth(times, jump_ms, caplog):
    before = times.let_pass(1000)[-1]
    times.offset_ms += jump_ms

    seen = times.let_pass(60_000)

    assert seen == sorted(seen)
    assert seen[-1] - before == pytest.approx(
        60_000 * (1.1 if jump_ms > 0 else 0.9), 0.01
    )
    assert caplog.text.count("the system clock jumped") == 1


@pytest.mark.parametrize("jump_ms", [10_000, -10_000])
def test_in_the_end_it_is_the_wall_clock_again(times, jump_ms):
    times.offset_ms += jump_ms

    times.let_pass(110_000)

    assert times.steady() == START_MS + jump_ms + 110_000


@pytest.mark.parametrize("jump_ms", [5_000, -5_000])
def test_reading_it_very_often_makes_no_difference(times, jump_ms):
    times.offset_ms += jump_ms
    seen = times.let_pass(2_000, step_ms=1)

    assert seen == sorted(seen)
    assert abs(seen[-1] - START_MS - 2000 - jump_ms // 25) < 50


def test_the_real_clocks_agree():
    assert abs(SteadyClock()() - clock.now_ms()) < 5_000


@pytest.mark.parametrize("jump_ms", [365 * 24 * HOUR_MS, -365 * 24 * HOUR_MS])
def test_keys_live_as_long_as_they_should_whatever_the_clock_does(times, jump_ms):
    engine = Engine(Config({}), now_ms=times.steady)
    session = engine.open_session(1)
    run = lambda *words: engine.run(session, [[w.encode() for w in words]])  # noqa: E731
    run("SET", "soon", "v", "PX", "20000")
    run("SET", "later", "v", "EX", "3600")

    times.offset_ms += jump_ms
    for _ in range(100):
        times.passed_ms += 100
        engine.cron(100)
    assert run("EXISTS", "soon", "later") == b":2\r\n"
    for _ in range(150):
        times.passed_ms += 100
        engine.cron(100)

    assert run("EXISTS", "soon", "later") == b":1\r\n"
    assert len(engine.keyspace.databases[0]) == 1


@pytest.mark.parametrize("jump_ms", [HOUR_MS, -HOUR_MS])
def test_who_waits_for_a_key_waits_no_longer_than_asked(times, jump_ms):
    engine = Engine(Config({}), now_ms=times.steady)
    session = engine.open_session(1, has_hung_up=lambda: False)
    engine.run(session, [[b"BLPOP", b"l", b"2"]])

    times.offset_ms += jump_ms
    for _ in range(23):
        times.passed_ms += 100
        engine.read_clock()
        engine.blocking.expire()

    assert [client for client, _ in engine.blocking.woken] == [1]


def test_records_never_run_backwards_in_time(tmp_path):
    from storage.filesystem import FileSystem  # noqa: PLC0415
    from tests.storage.logs import append, open_log, read_all  # noqa: PLC0415

    log = open_log(FileSystem(), 400, folder=tmp_path)
    for at_ms in (5000, 9000, 1000, 10**15, 7000):
        log.append([(at_ms, 0, [[b"SET", b"k", b"v" * 50]], 7)], log.last_seq)
    append(log, b"last")
    log.close()

    times = [record.at_ms for record in read_all(FileSystem(), tmp_path)]
    assert times == sorted(times)
    assert len(times) == 6
