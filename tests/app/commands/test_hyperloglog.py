import pytest

from joblog.app.errors import CommandError
from joblog.app.types.hyperloglog import HyperLogLog

CHANGES = [
    pytest.param("PFADD k x", [("pfadd", "k")], id="PFADD"),
    pytest.param("PFADD none", [("pfadd", "none")], id="PFADD makes a key"),
    pytest.param("PFMERGE d k", [("pfadd", "d")], id="PFMERGE"),
    pytest.param("PFCOUNT k", [("", "k")], id="PFCOUNT keeps the estimate"),
    pytest.param("PFDEBUG TODENSE k", [("", "k")], id="PFDEBUG TODENSE"),
]


@pytest.mark.parametrize(("words", "events"), CHANGES)
def test_command_tells_of_the_hyperloglog_that_it_changed(client, words, events):
    client("PFADD k a b")

    client(words)

    assert client.events == events
    assert client.effects == [[word.encode() for word in words.split()]]


UNCHANGED = [
    "PFADD k a",
    "PFADD k",
    "PFCOUNT k",
    "PFCOUNT none",
    "PFCOUNT k none",
    "PFDEBUG ENCODING k",
    "PFDEBUG DECODE k",
    "PFDEBUG TODENSE none",
    "PFADD s a",
    "PFMERGE k s",
    "PFSELFTEST",
]


@pytest.mark.parametrize("words", UNCHANGED)
def test_command_that_changes_no_hyperloglog_leaves_no_trace(client, words):
    client("SET s x")
    client("PFADD k a b")
    client("PFCOUNT k")

    client(words)

    assert (client.events, client.effects) == ([], [])


def test_where_a_setting_decides_the_string_itself_is_recorded(client):
    client("CONFIG SET hll-sparse-max-bytes 20")

    client("PFADD k a b")

    assert HyperLogLog(client.value("k")).is_dense
    assert client.effects == [[b"SET", b"k", client.value("k"), b"KEEPTTL"]]


def test_damaged_runs_are_refused_and_nothing_changes(client):
    damaged = b"HYLL\x01" + bytes(10) + b"\x80\x7f\xfe"
    client("SET", "k", damaged)

    for words in ("PFADD k a", "PFCOUNT k", "PFMERGE d k", "PFDEBUG DECODE k"):
        reply = client(words)
        assert isinstance(reply, CommandError)
        assert reply.code == b"INVALIDOBJ"
    assert (client.value("k"), client.events) == (damaged, [])
