import pytest

from joblog.app.errors import WRONG_TYPE, CommandError

EVENTS = [
    pytest.param("HSET h a 9", [("hset", "h")], id="HSET of a field that is there"),
    pytest.param("HSET new a 9 b 9", [("hset", "new")], id="HSET of a new hash"),
    pytest.param("HMSET h a 1 c 3", [("hset", "h")], id="HMSET"),
    pytest.param("HSETNX h c 1", [("hset", "h")], id="HSETNX"),
    pytest.param("HDEL h a", [("hdel", "h")], id="HDEL"),
    pytest.param("HDEL h a b", [("hdel", "h"), ("del", "h")], id="HDEL of all"),
    pytest.param("HINCRBY h a 5", [("hincrby", "h")], id="HINCRBY"),
    pytest.param("HINCRBYFLOAT h a 0.5", [("hincrbyfloat", "h")], id="HINCRBYFLOAT"),
]


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_hash_command_tells_of_the_keys_that_it_changed(client, words, events):
    client("HSET h a 1 b 2")

    client(words)

    assert client.events == events
    assert client.effects


UNCHANGED = [
    "HSETNX h a 1",
    "HDEL h none",
    "HDEL none a",
    "HGET h a",
    "HINCRBY h text 1",
    "HINCRBYFLOAT h text 1",
    "HINCRBYFLOAT h none inf",
    "HINCRBYFLOAT none a x",
    "HSET none a 1 b",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_hash_command_that_changes_nothing_leaves_no_trace(client, words):
    client("HSET h a 1 text x")

    client(words)

    assert (client.events, client.effects) == ([], [])
    assert client.value("none") is None


WRONG = [
    "HSET s a 1",
    "HSET s a 1 b 2",
    "HMSET s a 1",
    "HSETNX s a 1",
    "HGET s a",
    "HMGET s a",
    "HGETALL s",
    "HKEYS s",
    "HVALS s",
    "HLEN s",
    "HEXISTS s a",
    "HSTRLEN s a",
    "HDEL s a",
    "HINCRBY s a 1",
    "HINCRBYFLOAT s a 1",
    "HRANDFIELD s",
    "HRANDFIELD s 1",
    "HSCAN s 0",
]


@pytest.mark.parametrize("words", WRONG)
def test_hash_command_refuses_another_type_and_changes_nothing(client, words):
    client("SET s x")

    reply = client(words)

    assert isinstance(reply, CommandError)
    assert reply.text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])


def test_hincrbyfloat_is_recorded_as_its_result(client):
    client("HSET h a 10.5")

    assert client("HINCRBYFLOAT h a 0.1") == b"10.6"
    assert client.effects == [[b"HSET", b"h", b"a", b"10.6"]]


def test_hscan_returns_a_large_hash_in_steps(client):
    words = [word for number in range(2000) for word in (f"f{number}", number)]
    client("HSET", "h", *words)
    cursor, found = client("HSCAN h 0 COUNT 7")
    steps = 1

    while cursor != b"0":
        cursor, more = client("HSCAN", "h", cursor, "COUNT", 7)
        found += more
        steps += 1

    assert steps > 200
    assert dict(zip(found[::2], found[1::2], strict=True)) == client.value("h")


def test_hrandfield_is_recorded_nowhere_and_picks_from_all(client):
    words = [word for number in range(200) for word in (f"f{number}", number)]
    client("HSET", "h", *words)

    picked = {client("HRANDFIELD h") for _ in range(100)}
    pairs = client("HRANDFIELD h -50 WITHVALUES")

    assert len(picked) > 50
    assert all(client.value("h")[field] == value for field, value in pairs)
    assert client.effects == []
