import pytest

from joblog.app.errors import CommandError
from tests.support.payloads import payload

GOOD = payload(b"\x00\x01a")


def test_restore_tells_of_the_key_and_is_recorded_as_given(client):
    assert client("RESTORE", "k", 0, GOOD) == b"OK"

    assert client.events == [("restore", "k")]
    assert client.effects == [[b"RESTORE", b"k", b"0", GOOD]]


def test_restore_is_recorded_with_its_deadline(client):
    client("RESTORE", "k", 5000, GOOD)

    deadline = b"%d" % (client.clock.now_ms() + 5000)
    assert client.effects == [[b"RESTORE", b"k", deadline, GOOD, b"ABSTTL"]]
    assert client("PTTL k") == 5000


def test_restore_over_a_key_takes_its_old_deadline_away(client):
    client("SET k x PX 5000")

    client("RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", 5)

    assert client.effects == [[b"RESTORE", b"k", b"0", GOOD, b"ABSTTL", b"REPLACE"]]
    assert client("PTTL k") == -1


def test_restore_of_what_has_expired_only_removes_the_old_key(client):
    client("SET k x")

    assert client("RESTORE", "k", 1, GOOD, "REPLACE", "ABSTTL") == b"OK"

    assert client.events == [("del", "k")]
    assert client.effects == [[b"DEL", b"k"]]


REFUSED = [
    ["RESTORE", "k", 0, GOOD],
    ["RESTORE", "k", 0, b"", "REPLACE"],
    ["RESTORE", "k", 0, payload(b"\x63a"), "REPLACE"],
    ["RESTORE", "k", 0, GOOD[:-1], "REPLACE"],
    ["RESTORE", "k", "x", GOOD, "REPLACE"],
]


@pytest.mark.parametrize("words", REFUSED, ids=str)
def test_restore_that_is_refused_changes_nothing(client, words):
    client("SET k x")

    assert isinstance(client(*words), CommandError)
    assert (client.value("k"), client.events, client.effects) == (b"x", [], [])


def test_dump_leaves_no_trace(client):
    client("SET k a")

    assert client("DUMP k") == GOOD
    assert client("DUMP none") is None
    assert (client.events, client.effects) == ([], [])


def test_restored_list_serves_a_client_that_waits(clients):
    clients(2, "RPUSH from x")
    dumped = clients(2, "DUMP from")
    data = dumped[dumped.index(b"\r\n") + 2 : -2]
    assert clients(1, "BLPOP l 0") == b""

    clients.engine.run(clients.sessions[2], [[b"RESTORE", b"l", b"0", data]])

    assert clients.engine.outbox.pushes or clients.entries
    assert clients(2, "EXISTS l") == b":0\r\n"
