import pytest

from joblog.app.errors import WRONG_TYPE, CommandError
from joblog.app.reply import NULL_ARRAY

EVENTS = [
    pytest.param("LPUSH l x", [("lpush", "l")], id="LPUSH"),
    pytest.param("RPUSHX l x", [("rpush", "l")], id="RPUSHX"),
    pytest.param("LPOP l", [("lpop", "l")], id="LPOP"),
    pytest.param("RPOP l 3", [("rpop", "l"), ("del", "l")], id="RPOP of all"),
    pytest.param("LMOVE l m LEFT RIGHT", [("rpush", "m"), ("lpop", "l")], id="LMOVE"),
    pytest.param(
        "RPOPLPUSH one l",
        [("lpush", "l"), ("rpop", "one"), ("del", "one")],
        id="RPOPLPUSH of the last element",
    ),
    pytest.param("RPOPLPUSH l l", [("lpush", "l"), ("rpop", "l")], id="rotation"),
    pytest.param("LSET l 0 x", [("lset", "l")], id="LSET"),
    pytest.param("LINSERT l AFTER a x", [("linsert", "l")], id="LINSERT"),
    pytest.param("LREM l 0 a", [("lrem", "l")], id="LREM"),
    pytest.param("LTRIM l 5 9", [("ltrim", "l"), ("del", "l")], id="LTRIM to nothing"),
    pytest.param(
        "LMPOP 2 none one LEFT", [("lpop", "one"), ("del", "one")], id="LMPOP"
    ),
]


@pytest.mark.parametrize(("words", "events"), EVENTS)
def test_list_command_tells_of_the_keys_that_it_changed(client, words, events):
    client("RPUSH l a b c")
    client("RPUSH one a")

    client(words)

    assert client.events == events
    assert client.effects


UNCHANGED = [
    "LPUSHX none x",
    "RPUSHX none x",
    "LPOP none",
    "LPOP l 0",
    "RPOPLPUSH none l",
    "LINSERT l BEFORE none x",
    "LREM l 0 none",
    "LTRIM none 0 1",
    "LMPOP 1 none LEFT",
    "LPOS l a",
    "LRANGE l 0 -1",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_list_command_that_changes_nothing_leaves_no_trace(client, words):
    client("RPUSH l a b c")

    client(words)

    assert (client.events, client.effects) == ([], [])


def test_ltrim_of_nothing_is_told_and_not_recorded(client):
    client("RPUSH l a b c")

    client("LTRIM l 0 -1")

    assert client.events == [("ltrim", "l")]
    assert client.effects == []


WRONG = [
    "LPUSH s x",
    "RPUSH s x",
    "LPUSHX s x",
    "RPUSHX s x",
    "LPOP s",
    "RPOP s 2",
    "LLEN s",
    "LINDEX s 0",
    "LRANGE s 0 1",
    "LSET s 0 x",
    "LTRIM s 0 1",
    "LINSERT s BEFORE a b",
    "LREM s 0 a",
    "LPOS s a",
    "RPOPLPUSH s l",
    "RPOPLPUSH l s",
    "LMOVE l s LEFT LEFT",
    "LMPOP 2 none s LEFT",
]


@pytest.mark.parametrize("words", WRONG)
def test_list_command_refuses_another_type_and_changes_nothing(client, words):
    client("SET s x")
    client("RPUSH l a b")

    reply = client(words)

    assert isinstance(reply, CommandError)
    assert reply.text == WRONG_TYPE
    assert (client.events, client.effects) == ([], [])
    assert list(client.value("l")) == [b"a", b"b"]


def test_lmpop_is_recorded_as_the_pop_of_one_list(client):
    client("RPUSH l a b c")

    assert client("LMPOP 2 none l RIGHT COUNT 2") == [b"l", [b"c", b"b"]]
    assert client.effects == [[b"RPOP", b"l", b"2"]]


def test_lmpop_is_recorded_with_what_was_there(client):
    client("RPUSH l a b c")

    client("LMPOP 1 l LEFT COUNT 10")

    assert client.effects == [[b"LPOP", b"l", b"3"]]


def test_lpop_with_a_count_tells_a_missing_list_from_an_empty_answer(client):
    client("RPUSH l a")

    assert client("LPOP none 0") is NULL_ARRAY
    assert client("LPOP l 0") == []


def test_a_list_that_becomes_empty_is_gone(client):
    client("RPUSH l a")

    client("LPOP l")

    assert client.value("l") is None
    assert client("LLEN l") == 0
