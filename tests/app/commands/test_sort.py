import pytest

from joblog.app.errors import CommandError


def test_sort_store_tells_of_the_destination_and_is_recorded_as_given(client):
    client("RPUSH l 2 1")

    assert client("SORT l STORE d") == 2
    assert client.events == [("sortstore", "d")]
    assert client.effects == [[b"SORT", b"l", b"STORE", b"d"]]


def test_sort_store_of_nothing_removes_the_destination(client):
    client("SET d x")

    assert client("SORT none STORE d") == 0
    assert client.events == [("del", "d")]


@pytest.mark.parametrize("words", ["SORT none STORE d", "SORT l", "SORT_RO l ALPHA"])
def test_sort_that_stores_nothing_leaves_no_trace(client, words):
    client("RPUSH l 2 1")

    client(words)

    assert (client.events, client.effects) == ([], [])


@pytest.mark.parametrize("words", ["SORT l STORE d", "SORT s STORE d"])
def test_sort_that_is_refused_changes_nothing(client, words):
    client("RPUSH l a")
    client("SET s x")
    client("SET d x")

    assert isinstance(client(words), CommandError)
    assert (client.events, client.value("d")) == ([], b"x")


def test_sort_of_a_set_by_equal_weights_follows_from_the_members_alone(client):
    client("SADD s c a b")
    client("SADD t b a c")
    client("MSET wa x wb x wc x")

    assert client("SORT s BY w* ALPHA") == client("SORT t BY w* ALPHA")
    assert client("SORT s BY none* ALPHA DESC") == [b"c", b"b", b"a"]


def test_sort_sees_no_expired_weight(client):
    client("RPUSH l 1 2")
    client("SET w1 9")
    client("SET w2 5 PX 10")
    client.clock.advance(11)

    assert client("SORT l BY w* GET # GET w*") == [b"2", None, b"1", b"9"]
    assert client.effects == [[b"DEL", b"w2"]]
