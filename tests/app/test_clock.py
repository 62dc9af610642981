"""Promise 11: deadlines go by the wall clock, what waits by one that nobody sets."""

import pytest

from joblog.app import clock
from joblog.app.clock import JUMP_MS, NEAR_MS, TELL_AGAIN_MS, Jumps
from joblog.app.config import Config
from joblog.app.engine.engine import Engine

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000
JUMPS = [
    pytest.param(200_000, id="forward 200 s"),
    pytest.param(HOUR_MS, id="forward an hour"),
    pytest.param(-HOUR_MS, id="back an hour"),
    pytest.param(10 * 365 * 24 * HOUR_MS, id="forward ten years"),
    pytest.param(5_000 - START_MS, id="1970"),
]


class Times:
    """A wall clock that can be set, and time that really passes."""

    def __init__(self):
        self.passed_ms = 0
        self.offset_ms = START_MS

    def wall(self):
        return self.offset_ms + self.passed_ms

    def steady(self):
        return 5_000 + self.passed_ms


class Served(Times):
    """An engine that goes by both clocks; call it with the words of a command."""

    def __init__(self):
        super().__init__()
        self.engine = Engine(Config({}), now_ms=self.wall, steady_ms=self.steady)
        self.session = self.engine.clients.open(1, has_hung_up=lambda: False)

    def __call__(self, *words):
        self.engine.context.read_clock()
        argv = [str(word).encode() for word in words]
        return self.engine.run(self.session, [argv])

    def set_by(self, ms):
        self.offset_ms += ms

    def let_pass(self, ms, step_ms=100):
        for _ in range(0, ms, step_ms):
            self.passed_ms += step_ms
            self.engine.upkeep.look_after(100)


@pytest.fixture
def served():
    return Served()


@pytest.fixture
def times():
    return Times()


# --- jumps ---------------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_a_jump_is_counted_kept_and_logged(times, caplog, jump_ms):
    jumps = Jumps(times.wall, times.steady)
    times.passed_ms += 7_000
    times.offset_ms += jump_ms

    jumps.look()
    jumps.look()

    assert (jumps.count, jumps.last_ms) == (1, jump_ms)
    assert jumps.last_at_ms == times.wall()
    way = "forward" if jump_ms > 0 else "back"
    text = f"the system clock was set {way} by {abs(jump_ms) / 1000:.1f} s;"
    assert caplog.text.count(text) == 1


def test_a_clock_that_is_corrected_a_little_at_a_time_never_jumps(times, caplog):
    jumps = Jumps(times.wall, times.steady)

    for _ in range(100):
        times.passed_ms += 1_000
        times.offset_ms += JUMP_MS
        jumps.look()

    assert jumps.count == 0
    assert not caplog.text


def test_jumps_that_follow_each_other_are_counted_and_logged_now_and_then(
    times, caplog
):
    jumps = Jumps(times.wall, times.steady)

    for _ in range(100):
        times.offset_ms += HOUR_MS
        jumps.look()
    times.passed_ms += TELL_AGAIN_MS
    times.offset_ms -= HOUR_MS
    jumps.look()

    assert jumps.count == 101
    assert [record.message for record in caplog.records] == [
        "the system clock was set forward by 3600.0 s; deadlines go by it as it is now",
        (
            "the system clock was set back by 3600.0 s (and 99 times before); "
            "deadlines go by it as it is now"
        ),
    ]


def test_the_engine_looks_where_the_clocks_part_and_not_at_each_reading(served):
    jumps, looks = served.engine.server.jumps, []
    look = jumps.look
    jumps.look = lambda: (looks.append(1), look())
    served.set_by(NEAR_MS)
    served("PING")
    assert not looks

    served.set_by(1)
    served("PING")

    assert looks == [1]
    assert jumps.ahead_ms == served.wall() - served.steady()


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_info_tells_how_often_and_how_far_the_clock_was_set(served, jump_ms):
    assert b"\r\nclock_jumps:0\r\nclock_last_jump_ms:0\r\n" in served("INFO", "server")
    served.set_by(jump_ms)

    info = served("INFO", "server")

    seconds = served.wall() // 1000
    assert (
        b"\r\nclock_jumps:1\r\nclock_last_jump_ms:%d\r\nclock_last_jump_time:%d\r\n"
        % (jump_ms, seconds)
    ) in info
    assert served("CONFIG", "RESETSTAT") == b"+OK\r\n"
    assert b"\r\nclock_jumps:1\r\n" in served("INFO", "server")


def test_the_real_clocks_go_on_together():
    before = clock.now_ms() - clock.steady_ms()

    assert abs(clock.now_ms() - clock.steady_ms() - before) < JUMP_MS


# --- deadlines -----------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", JUMPS)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["SET", "k", "v", "EXAT", "{}"], id="SET EXAT"),
        pytest.param(["EXPIREAT", "k", "{}"], id="EXPIREAT"),
        pytest.param(["PEXPIREAT", "k", "{}000"], id="PEXPIREAT"),
        pytest.param(["GETEX", "k", "EXAT", "{}"], id="GETEX"),
        pytest.param(["HPEXPIREAT", "h", "{}000", "FIELDS", "1", "f"], id="field"),
    ],
)
def test_what_is_to_live_for_20_s_of_the_wall_clock_does(served, jump_ms, words):
    served("SET", "k", "v")
    served("HSET", "h", "f", "v")
    served.set_by(jump_ms)
    served.let_pass(100)

    served(*[word.format(served.wall() // 1000 + 20) for word in words])

    key = words[1]
    served.let_pass(18_000)
    assert served("EXISTS", key) == b":1\r\n"
    served.let_pass(2_100)
    assert served("EXISTS", key) == b":0\r\n"


@pytest.mark.parametrize("jump_ms", JUMPS)
@pytest.mark.parametrize("seconds", [2, 20])
def test_a_script_that_adds_to_time_gets_what_it_added(served, jump_ms, seconds):
    served.engine.server.time_ns = lambda: served.wall() * 1_000_000
    served.set_by(jump_ms)

    served(
        "EVAL",
        "redis.call('SET', 'k', 'v') "
        "redis.call('EXPIREAT', 'k', redis.call('TIME')[1] + ARGV[1])",
        "0",
        seconds,
    )

    served.let_pass((seconds - 1) * 1000 - 100)
    assert served("EXISTS", "k") == b":1\r\n"
    served.let_pass(1_100)
    assert served("EXISTS", "k") == b":0\r\n"


def test_a_step_forward_ends_what_was_to_end_by_then_and_no_more(served):
    served("SET", "soon", "v", "EX", "3599")
    served("SET", "later", "v", "EX", "3620")

    served.set_by(HOUR_MS)

    assert served("EXISTS", "soon", "later") == b":1\r\n"
    assert served("TTL", "later") == b":20\r\n"


def test_a_step_back_lets_what_has_a_deadline_live_on(served):
    served("SET", "k", "v", "EX", "20")

    served.set_by(-HOUR_MS)

    assert served("TTL", "k") == b":3620\r\n"


@pytest.mark.parametrize(
    ("look", "gone"),
    [
        (["GET", "k"], b"$-1\r\n"),
        (["EXISTS", "k"], b":0\r\n"),
        (["TTL", "k"], b":-2\r\n"),
        (["TYPE", "k"], b"+none\r\n"),
        (["KEYS", "*"], b"*1\r\n$1\r\nh\r\n"),
        (["SCAN", "0"], b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nh\r\n"),
        (["SORT", "k"], b"*0\r\n"),
        (["OBJECT", "ENCODING", "k"], b"$-1\r\n"),
        (["DUMP", "k"], b"$-1\r\n"),
        (["COPY", "k", "l"], b":0\r\n"),
        (["WATCH", "k"], b"+OK\r\n"),
        (["EVAL", "return redis.call('GET', 'k')", "0"], b"$-1\r\n"),
        (["EVAL_RO", "return redis.call('GET', 'k')", "0"], b"$-1\r\n"),
        (["HGET", "h", "f"], b"$-1\r\n"),
        (["HGETALL", "h"], b"*2\r\n$1\r\ng\r\n$1\r\nv\r\n"),
        (["HLEN", "h"], b":1\r\n"),
        (["HSCAN", "h", "0"], b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\ng\r\n$1\r\nv\r\n"),
        (["HTTL", "h", "FIELDS", "1", "f"], b"*1\r\n:-2\r\n"),
    ],
    ids=lambda value: " ".join(value) if type(value) is list else "",
)
@pytest.mark.parametrize("is_in_exec", [False, True], ids=["alone", "in EXEC"])
def test_what_was_seen_expired_is_recorded_and_stays_gone(
    served, look, gone, is_in_exec
):
    served("SET", "k", "v", "PX", "1000")
    served("HSET", "h", "f", "v", "g", "v")
    served("HPEXPIRE", "h", "1000", "FIELDS", "1", "f")
    served.passed_ms += 1_000
    served.engine.context.read_clock()
    served.engine.outbox.entries.clear()
    if is_in_exec and look != ["WATCH", "k"]:  # which cannot be queued
        served("MULTI")
        served(*look)
        assert served("EXEC") == b"*1\r\n" + gone
    else:
        assert served(*look) == gone
    effects = [effect for entry in served.engine.outbox.entries for effect in entry[2]]
    served.set_by(-HOUR_MS)

    is_field = look[1] == "h"
    assert effects == [[b"HDEL", b"h", b"f"] if is_field else [b"DEL", b"k"]]
    assert served("EXISTS", "k") == (b":1\r\n" if is_field else b":0\r\n")
    assert served("HEXISTS", "h", "f") == (b":0\r\n" if is_field else b":1\r\n")


def test_what_a_pause_hid_stays_gone_where_the_clock_is_set_back(served):
    served("SET", "k", "v", "PX", "1000")
    served("CLIENT", "PAUSE", "10000", "WRITE")
    served.let_pass(1_000)
    assert served("GET", "k") == b"$-1\r\n"

    served.set_by(-HOUR_MS)

    assert served("GET", "k") == b"$-1\r\n"
    served.let_pass(9_000)
    assert served("GET", "k") == b"$-1\r\n"
    assert served("DBSIZE") == b":0\r\n"
    assert served.engine.outbox.entries[-1][2] == [[b"DEL", b"k"]]


def test_time_stands_still_in_a_transaction_and_in_a_script(served):
    now = iter(range(START_MS * 1_000_000, 1 << 63, 1_000_000_000))
    served.engine.server.time_ns = lambda: next(now)
    served("MULTI")
    served("TIME")
    served("EVAL", "return {redis.call('TIME')[1], redis.call('TIME')[1]}", "0")
    served("TIME")

    words = served("EXEC").split(b"\r\n")

    assert words.count(b"1700000000") == 4
    assert served("TIME") == b"*2\r\n$10\r\n1700000001\r\n$1\r\n0\r\n"


# --- what waits ----------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_who_waits_for_a_key_waits_no_longer_than_asked(served, jump_ms):
    served("BLPOP", "l", "2")
    served.set_by(jump_ms)

    served.let_pass(1_900)
    assert not served.engine.outbox.woken
    served.let_pass(200)

    assert [client for client, _ in served.engine.outbox.woken] == [1]


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_a_pause_lasts_as_long_as_asked(served, jump_ms):
    served("CLIENT", "PAUSE", "2000", "WRITE")
    served.set_by(jump_ms)

    served.let_pass(1_500)
    assert b"paused_timeout_milliseconds:500\r\n" in served("INFO", "clients")
    served.let_pass(500)

    assert b"paused_reason:none\r\n" in served("INFO", "clients")


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_clients_are_idle_and_old_by_the_time_that_passed(served, jump_ms):
    served("CONFIG", "SET", "timeout", "10")
    other = served.engine.clients.open(2)
    served.set_by(jump_ms)
    served.let_pass(6_000)

    line = next(
        line for line in served("CLIENT", "LIST").split(b"\n") if b"id=2" in line
    )

    assert b" age=6 idle=6 " in line
    assert b"\r\nuptime_in_seconds:6\r\n" in served("INFO", "server")
    assert not served.engine.outbox.closings
    served.let_pass(4_200)
    assert served.engine.outbox.closings == [other.id] * len(
        served.engine.outbox.closings
    )
    assert served.engine.outbox.closings


@pytest.mark.parametrize("jump_ms", JUMPS)
def test_the_rate_of_commands_is_what_it_is(served, jump_ms):
    for _ in range(20):
        served("PING")
        served("PING")
        served.let_pass(100)
    served.set_by(jump_ms)

    rate = served.engine.server.rates["commands"].per_second()

    assert 15 < rate < 25


# --- records -------------------------------------------------------------------------


def test_records_never_run_backwards_in_time(tmp_path):
    from joblog.storage.filesystem import FileSystem  # noqa: PLC0415
    from tests.storage.logs import append, open_log, read_all  # noqa: PLC0415

    log = open_log(FileSystem(), 400, folder=tmp_path)
    for at_ms in (5000, 9000, 1000, 10**15, 7000):
        log.append([(at_ms, 0, [[b"SET", b"k", b"v" * 50]], 7)], log.last_seq)
    append(log, b"last")
    log.close()

    times = [record.at_ms for record in read_all(FileSystem(), tmp_path)]
    assert times == sorted(times)
    assert len(times) == 6
