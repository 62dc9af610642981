import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands

NOW = 1_700_000_000_000


@pytest.fixture
def timed(client):
    client.clock.at_ms = NOW
    return client


def words(text):
    return [word.encode() for word in text.split()]


EFFECTS = {
    "HEXPIRE h 10 FIELDS 2 a x": f"HPEXPIREAT h {NOW + 10_000} FIELDS 1 a",
    "HPEXPIRE h 10 FIELDS 1 a": f"HPEXPIREAT h {NOW + 10} FIELDS 1 a",
    "HEXPIREAT h 1800000000 NX FIELDS 2 a b": "HPEXPIREAT h 1800000000000 FIELDS 1 a",
    "HPEXPIREAT h 1800000000001 XX FIELDS 2 a b": (
        "HPEXPIREAT h 1800000000001 FIELDS 1 b"
    ),
    "HEXPIRE h 0 FIELDS 2 a x": "HDEL h a",
    "HPERSIST h FIELDS 2 b x": "HPERSIST h FIELDS 2 b x",
    "HSETEX h EX 10 FNX FIELDS 1 z 1": (
        f"HSET h z 1; HPEXPIREAT h {NOW + 10_000} FIELDS 1 z"
    ),
    "HSETEX h FXX FIELDS 1 a 2": "HSET h a 2",
    "HSETEX h XX KEEPTTL FIELDS 3 b 1 a 1 b 2": (
        f"HSET h b 2 a 1; HPEXPIREAT h {NOW + 500} FIELDS 1 b"
    ),
    "HSETEX h FIELDS 1 a 2": "HSET h a 2",
    "HSETEX h EXAT 1 FIELDS 1 a 2": "HDEL h a",
    "HSETEX new EXAT 1 FIELDS 1 a 2": "HDEL new a",
    "HGETEX h EX 10 FIELDS 2 a x": f"HPEXPIREAT h {NOW + 10_000} FIELDS 1 a",
    "HGETEX h PERSIST FIELDS 2 a b": "HPERSIST h FIELDS 1 b",
    "HGETEX h EXAT 1 FIELDS 2 a x": "HDEL h a",
    "HINCRBYFLOAT h b 1": f"HSET h b 3; HPEXPIREAT h {NOW + 500} FIELDS 1 b",
    "HINCRBYFLOAT h a 1": "HSET h a 2",
    "HINCRBY h b 1": "HINCRBY h b 1",
}


@pytest.mark.parametrize("line", EFFECTS)
def test_what_is_recorded_depends_on_no_clock(timed, line):
    timed("HSET h a 1 b 2")
    timed(f"HPEXPIREAT h {NOW + 500} FIELDS 1 b")

    timed(line)

    assert timed.effects == [words(effect) for effect in EFFECTS[line].split("; ")]


@pytest.mark.parametrize(
    "line",
    [
        "HEXPIRE h 10 FIELDS 1 x",
        "HEXPIRE h 10 XX FIELDS 1 a",
        "HEXPIRE none 0 FIELDS 1 a",
        "HPERSIST h FIELDS 1 a",
        "HGETEX h FIELDS 1 a",
        "HGETEX h EX 0 FIELDS 1 x",
        "HGETEX h PERSIST FIELDS 1 a",
        "HSETEX h FNX FIELDS 1 a 1",
        "HSETEX none XX FIELDS 1 a 1",
        "HTTL h FIELDS 1 a",
    ],
)
def test_what_changes_nothing_leaves_no_trace(timed, line):
    timed("HSET h a 1")

    timed(line)

    assert (timed.effects, timed.events) == ([], [])
    assert timed.value("h") == {b"a": b"1"}
    assert timed.value("none") is None


def test_times_are_told_in_ms_and_in_seconds_rounded(timed):
    timed("HSET h a 1 b 2 c 3")
    timed(f"HPEXPIREAT h {NOW + 1499} FIELDS 1 a")
    timed(f"HPEXPIREAT h {NOW + 1500} FIELDS 1 b")

    assert timed("HTTL h FIELDS 4 a b c x") == [1, 2, -1, -2]
    assert timed("HPTTL h FIELDS 4 a b c x") == [1499, 1500, -1, -2]
    assert timed("HEXPIRETIME h FIELDS 2 a b") == [NOW // 1000 + 1, NOW // 1000 + 2]
    assert timed("HPEXPIRETIME h FIELDS 2 a b") == [NOW + 1499, NOW + 1500]
    assert timed("HTTL none FIELDS 1 a") == [-2]


READS = {
    "HGET h a": None,
    "HGETALL h": {b"b": b"2"},
    "HLEN h": 1,
    "HEXISTS h a": 0,
    "HSTRLEN h a": 0,
    "HMGET h a b": [None, b"2"],
    "HSETNX h a 5": 1,
    "HINCRBY h a 5": 5,
    "HDEL h a": 0,
    "HSETEX h FNX FIELDS 1 a 5": 1,
    "HGETDEL h FIELDS 1 a": [None],
    "HTTL h FIELDS 1 a": [-2],
    "HEXPIRE h 10 FIELDS 1 a": [-2],
    "HPERSIST h FIELDS 1 a": [-2],
}


@pytest.mark.parametrize("line", READS)
def test_a_field_is_gone_from_its_deadline_on(timed, line):
    timed("HSETEX h PX 10 FIELDS 1 a 1")
    timed("HSET h b 2")
    timed.clock.advance(9)
    assert timed("HGET h a") == b"1"

    timed.clock.advance(1)

    assert timed(line) == READS[line]
    assert timed.effects[0] == words("HDEL h a")
    assert timed.events[0] == ("hexpired", "h")
    assert timed.engine.server.statistics["expired_fields"] == 1


def test_the_last_field_takes_the_hash_with_it(timed):
    timed("HSETEX h PX 10 FIELDS 2 a 1 b 2")
    timed.clock.advance(10)

    assert timed("EXISTS h") == 0

    assert timed.effects == [words("HDEL h a b")]
    assert timed.events == [("hexpired", "h"), ("del", "h")]


def test_what_is_due_goes_unasked_within_a_tenth_of_a_second(timed):
    timed("HSETEX h PX 10 FIELDS 2 a 1 b 2")
    timed("HSETEX h PX 20 FIELDS 1 c 3")
    timed("HSET h d 4")
    for _ in range(2):
        timed.clock.advance(10)
        timed.engine.upkeep.look_after(100)

    entries = [entry for entry in timed.engine.outbox.entries if entry[3]]
    assert [entry[2] for entry in entries][1:] == [
        [words("HDEL h a b")],
        [words("HDEL h c")],
    ]
    assert entries[-1][3] == [0, None, {"kind": "expired"}]
    assert timed.value("h") == {b"d": b"4"}
    assert timed.engine.keyspace.next_deadline_ms() is None


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("RENAME h i", "i"),
        ("COPY h i", "i"),
        ("HSETEX h KEEPTTL FIELDS 1 a 2", "h"),
        ("SWAPDB 1 2", "h"),
        ("HINCRBY h a 1", "h"),
        ("HDEL h none", "h"),
    ],
)
def test_a_deadline_stays_with_its_field(timed, line, key):
    timed("HSETEX h PX 10 FIELDS 1 a 1")
    timed("HSET h b 2")

    timed(line)
    timed.clock.advance(10)

    assert timed(f"HKEYS {key}") == [b"b"]


@pytest.mark.parametrize(
    "line",
    [
        "HSET h a 3",
        "HMSET h a 3 c 4",
        "HPERSIST h FIELDS 1 a",
        "HSETEX h FIELDS 1 a 3",
        "HGETEX h PERSIST FIELDS 1 a",
    ],
)
def test_a_field_that_is_set_anew_stays(timed, line):
    timed("HSETEX h PX 10 FIELDS 1 a 1")

    timed(line)
    timed.clock.advance(10)
    timed.engine.upkeep.look_after(100)

    assert timed("HEXISTS h a") == 1


def test_a_string_in_place_of_the_hash_has_no_fields_to_expire(timed):
    timed("HSETEX h PX 10 FIELDS 1 a 1")

    timed("SET h text KEEPTTL")
    timed.clock.advance(10)
    timed.engine.upkeep.look_after(100)

    assert timed("GET h") == b"text"


def test_exec_fails_where_a_field_of_a_watched_hash_has_expired(timed):
    timed("HSETEX h PX 10 FIELDS 1 a 1")
    timed("HSET h b 2")
    timed("WATCH h")
    timed("MULTI")
    timed("PING")
    timed.clock.advance(10)

    assert timed("EXEC") is not None
    assert timed("HLEN h") == 1


def test_a_paused_server_hides_fields_and_removes_them_later(timed):
    timed("HSETEX h PX 10 FIELDS 1 a 1")
    timed("HSETEX i PX 10 FIELDS 1 a 1")
    timed("HSET h b 2")
    timed("CLIENT PAUSE 1000 WRITE")
    timed.clock.advance(10)

    assert timed("HGETALL h") == {b"b": b"2"}
    assert timed("EXISTS i") == 0
    assert timed.effects == []

    timed("CLIENT UNPAUSE")
    timed("HLEN h")
    assert timed.effects == [words("HDEL h a")]


def test_time_stands_still_in_a_script(timed):
    timed("HSETEX h PX 10 FIELDS 1 a 1")
    timed.clock.advance(9)
    source = "local n = redis.call('HLEN', KEYS[1]); return n"

    assert timed("EVAL", source, "1", "h") == 1
    timed.clock.advance(1)
    assert timed("EVAL", source, "1", "h") == 0
    assert timed.effects == [words("HDEL h a")]
