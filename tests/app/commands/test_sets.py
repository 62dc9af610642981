import pytest

from joblog.app.errors import WRONG_TYPE, CommandError
from joblog.app.types.sets import Set

EVENTS = [
    pytest.param("SADD a 9", [("sadd", "a")], id="SADD"),
    pytest.param("SREM a 1", [("srem", "a")], id="SREM"),
    pytest.param("SREM one 1", [("srem", "one"), ("del", "one")], id="SREM of all"),
    pytest.param("SMOVE a b 1", [("srem", "a"), ("sadd", "b")], id="SMOVE"),
    pytest.param("SMOVE a b 3", [("srem", "a")], id="SMOVE of what is there"),
    pytest.param(
        "SMOVE one new 1",
        [("srem", "one"), ("del", "one"), ("sadd", "new")],
        id="SMOVE of the last member",
    ),
    pytest.param("SPOP a", [("spop", "a")], id="SPOP"),
    pytest.param("SPOP a 9", [("spop", "a"), ("del", "a")], id="SPOP of all"),
    pytest.param("SINTERSTORE d a b", [("sinterstore", "d")], id="SINTERSTORE"),
    pytest.param("SUNIONSTORE a a b", [("sunionstore", "a")], id="SUNIONSTORE"),
    pytest.param("SDIFFSTORE s a b", [("sdiffstore", "s")], id="over a string"),
    pytest.param("SDIFFSTORE b a a", [("del", "b")], id="of nothing, over a set"),
]


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_set_command_tells_of_the_keys_that_it_changed(client, words, events):
    client("SADD a 1 2 3")
    client("SADD b 3 4")
    client("SADD one 1")
    client("SET s x")

    client(words)

    assert client.events == events
    assert client.effects


UNCHANGED = [
    "SADD a 1 2",
    "SREM a 9",
    "SREM none 1",
    "SMOVE a a 1",
    "SMOVE a b 9",
    "SMOVE none b 1",
    "SPOP none",
    "SPOP a 0",
    "SINTERSTORE none a none",
    "SRANDMEMBER a -5",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_set_command_that_changes_nothing_leaves_no_trace(client, words):
    client("SADD a 1 2 3")
    client("SADD b 3 4")

    client(words)

    assert (client.events, client.effects) == ([], [])


WRONG = [
    "SADD s 1",
    "SREM s 1",
    "SMOVE s a 1",
    "SMOVE a s 1",
    "SPOP s",
    "SPOP s 2",
    "SRANDMEMBER s",
    "SRANDMEMBER s 2",
    "SMEMBERS s",
    "SISMEMBER s 1",
    "SMISMEMBER s 1",
    "SCARD s",
    "SSCAN s 0",
    "SINTER none s",
    "SUNION a s",
    "SDIFF none s",
    "SINTERSTORE d a s",
    "SUNIONSTORE d a s",
    "SDIFFSTORE d a s",
    "SINTERCARD 2 none s",
]


@pytest.mark.parametrize("words", WRONG)
def test_set_command_refuses_another_type_and_changes_nothing(client, words):
    client("SET s x")
    client("SADD a 1 2")

    reply = client(words)

    assert isinstance(reply, CommandError)
    assert reply.text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])


def test_spop_is_recorded_as_the_members_that_it_took(client):
    client("SADD a 1 2 3 4")

    popped = client("SPOP a 2")

    assert client.effects == [[b"SREM", b"a", *popped]]
    assert not set(popped) & set(client.value("a"))


def test_spop_of_the_last_member_is_recorded_as_the_end_of_the_key(client):
    client("SADD a 1")

    assert client("SPOP a") == b"1"
    assert client.effects == [[b"DEL", b"a"]]


def test_a_stored_set_has_no_deadline(client):
    client("SADD a 1 2")
    client("SADD d 5")
    client.session.db.set_deadline(b"d", client.clock() + 5000)

    client("SUNIONSTORE d a")

    assert client.session.db.deadline_ms(b"d") is None


def test_sscan_misses_no_member_while_the_set_is_stored_anew(client):
    client("SADD", "a", *[f"m{number}" for number in range(300)])
    client("SADD", "b", *[f"m{number}" for number in range(290, 700)])
    client("SUNIONSTORE d a")
    cursor, found = client("SSCAN d 0 COUNT 20")

    for source in ("b", "a") * 40:
        client("SUNIONSTORE", "d", "a", source)
        cursor, more = client("SSCAN", "d", cursor, "COUNT", 20)
        found += more
        if cursor == b"0":
            break

    assert cursor == b"0"
    assert {b"m%d" % number for number in range(300)} <= set(found)


def test_operations_leave_their_sources_alone(client):
    client("SADD a 1 2")
    client("SUNIONSTORE d a")

    client("SADD d 3")

    assert type(client.value("d")) is Set
    assert list(client.value("a")) == [b"1", b"2"]
