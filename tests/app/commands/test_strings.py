"""String commands: what they record, whom they tell, and what they leave alone."""

import pytest

from joblog.app.errors import WRONG_TYPE

FAR_MS = 4102444800000  # 2100

EVENTS = [
    pytest.param("SET s 1", ["set"], id="SET"),
    pytest.param("SET s 1 EX 100", ["set", "expire"], id="SET EX"),
    pytest.param("SET new 1 NX", ["set"], id="SET NX"),
    pytest.param("SET s 1 KEEPTTL", ["set"], id="SET KEEPTTL"),
    pytest.param("SET s 1 PXAT 1", ["del"], id="SET with a deadline that has passed"),
    pytest.param("SETEX s 100 v", ["set", "expire"], id="SETEX"),
    pytest.param("PSETEX s 100 v", ["set", "expire"], id="PSETEX"),
    pytest.param("SETNX new v", ["set"], id="SETNX"),
    pytest.param("GETSET s v", ["set"], id="GETSET"),
    pytest.param("GETDEL s", ["del"], id="GETDEL"),
    pytest.param("GETEX s EX 100", ["expire"], id="GETEX EX"),
    pytest.param("GETEX timed PERSIST", ["persist"], id="GETEX PERSIST"),
    pytest.param("GETEX s EXAT 1", ["del"], id="GETEX with a deadline that has passed"),
    pytest.param("INCR s", ["incrby"], id="INCR"),
    pytest.param("DECR s", ["incrby"], id="DECR"),
    pytest.param("INCRBY s 5", ["incrby"], id="INCRBY"),
    pytest.param("DECRBY s 5", ["incrby"], id="DECRBY"),
    pytest.param("INCRBYFLOAT s 1.5", ["incrbyfloat"], id="INCRBYFLOAT"),
    pytest.param("APPEND s x", ["append"], id="APPEND"),
    pytest.param("SETRANGE s 1 y", ["setrange"], id="SETRANGE"),
    pytest.param("MSET a 1 b 2", ["set", "set"], id="MSET"),
    pytest.param("MSETNX a 1 b 2", ["set", "set"], id="MSETNX"),
]


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_string_command_tells_of_the_keys_that_it_changed(client, words, events):
    client("SET s 5")
    client("SET timed v EX 100")

    client(words)

    assert [event for event, _ in client.events] == events
    assert client.effects


UNCHANGED = [
    "GET s",
    "SET s 1 NX",
    "SET missing 1 XX",
    "SET missing 1 PXAT 1",
    "SETNX s 1",
    "GETDEL missing",
    "GETEX s",
    "GETEX s PERSIST",
    "GETEX missing EX 10",
    "MSETNX missing 1 s 2",
    "SETRANGE missing 5 ",
    "LCS s timed",
    "MGET s timed",
    "INCRBYFLOAT s abc",
    "INCR text",
    "SET s v EX 0",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_string_command_that_changes_nothing_leaves_no_trace(client, words):
    client("SET s 5")
    client("SET text abc")
    client("SET timed v EX 100")

    client(*words.split(" "))

    assert (client.events, client.effects) == ([], [])


EFFECTS = [
    pytest.param("SET k v EX 10", "SET k v PXAT {10000}", id="SET EX"),
    pytest.param("SET k v PX 10 NX", "SET k v PXAT {10}", id="SET PX NX"),
    pytest.param("SET k v EXAT 4102444800 GET", f"SET k v PXAT {FAR_MS}", id="EXAT"),
    pytest.param("SET k v GET", "SET k v GET", id="SET GET"),
    pytest.param("SETEX k 10 v", "SET k v PXAT {10000}", id="SETEX"),
    pytest.param("PSETEX k 10 v", "SET k v PXAT {10}", id="PSETEX"),
    pytest.param("GETEX s PX 10", "PEXPIREAT s {10}", id="GETEX PX"),
    pytest.param("GETEX timed PERSIST", "PERSIST timed", id="GETEX PERSIST"),
    pytest.param("GETEX s PXAT 1", "DEL s", id="GETEX in the past"),
    pytest.param("SET s v PXAT 1", "DEL s", id="SET in the past"),
    pytest.param("GETDEL s", "DEL s", id="GETDEL"),
    pytest.param("INCR s", "INCR s", id="INCR"),
    pytest.param("INCRBYFLOAT s 0.5", "SET s 5.5 KEEPTTL", id="INCRBYFLOAT"),
]


@pytest.mark.parametrize(("words", "effect"), EFFECTS)
def test_string_command_records_its_effect_without_a_clock(client, words, effect):
    client("SET s 5")
    client("SET timed v EX 100")

    client(words)

    expected = effect.split()
    if expected[-1].startswith("{"):
        after_ms = int(expected[-1].strip("{}"))
        expected[-1] = str(client.engine.context.now_ms + after_ms)
    assert client.effects == [[word.encode() for word in expected]]


@pytest.mark.parametrize(
    "words",
    [
        *("GET l", "GETSET l v", "GETDEL l", "GETEX l EX 10", "SET l v GET"),
        *("INCR l", "DECRBY l 5", "INCRBYFLOAT l 1", "APPEND l v", "STRLEN l"),
        *("SETRANGE l 1 v", "GETRANGE l 0 1", "SUBSTR l 0 1"),
    ],
)
def test_string_command_refuses_another_type_and_changes_nothing(client, words):
    client("RPUSH l x")

    assert client(words).text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])
    assert list(client.value("l")) == [b"x"]


def test_setrange_and_append_refuse_more_than_the_longest_string(client):
    client.engine.server.config.change([(b"proto-max-bulk-len", b"1mb")])
    client("SET", "s", b"x" * (1 << 20))

    for words in ("APPEND s x", "SETRANGE s 1048576 x", "SETRANGE new 1048576 x"):
        assert client(words).text.startswith(b"ERR string exceeds maximum")
    assert client("SETRANGE s 1048575 y") == 1 << 20


def test_lcs_refuses_a_table_that_redis_would_refuse(client):
    client.engine.server.config.change([(b"proto-max-bulk-len", b"1mb")])
    client("MSET", "a", b"x" * 600, "b", b"y" * 600)

    assert client("LCS a b LEN").text.startswith(b"ERR Insufficient memory")
    assert client("LCS a missing LEN") == 0


def test_a_lock_is_free_again_after_its_deadline(client):
    assert client("SET lock a NX PX 500") == b"OK"
    assert client("SET lock b NX PX 500") is None
    client.clock.advance(500)
    assert client("SET lock b NX PX 500") == b"OK"
    assert client("GET lock") == b"b"
