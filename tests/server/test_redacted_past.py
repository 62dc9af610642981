"""What clients of a running server are told of what was made unreadable before."""

import re

import pytest

from tests.parity import wire
from tests.replay.redacting.redactions import redact

REDACTED = re.compile(
    rb"-REDACTED on \d{4}-[^ ]+ by ada: ticket 812 \(seq \d+ to \d+\)\r\n"
)


@pytest.fixture
def server(start):
    """Return a server whose log had two keys and a job, and has them no more."""
    running = start("--segment-bytes-max", "4096")
    admin = running.connect()
    for line in (
        "SET kept 1",
        "SET user:42 secret",
        "HSET bull:mail:7:8 data secret",
        "SET later secret",
        "DEL later bull:mail:7:8 user:42",
    ):
        assert not admin.ask(*line.split()).startswith(b"-"), line
    running.stop()
    assert redact(running.folder, keys=[b"user:42"], jobs=[b"7:8"]).records == 3
    running.start()
    running.first, running.last = records(running, "later")
    return running


def records(server, key):
    """Return the numbers of the records that changed a key."""
    history = wire.parse(server.connect().ask("LOG.HISTORY", key)).items[2]
    return [int(record.items[1].text) for record in history.items]


def look(server, seq, user=None):
    """Return a client that looks at a moment."""
    client = server.connect()
    if user is not None:
        assert client.ask("AUTH", user, "x") == b"+OK\r\n"
    assert client.ask("CLIENT", "AT", f"@{seq}") == b":%d\r\n" % seq
    return client


def test_a_key_that_was_there_is_told_as_redacted(server):
    client = look(server, server.first)

    for line in (
        *("GET user:42", "EXISTS user:42", "MGET kept user:42", "TYPE user:42"),
        *("HGETALL bull:mail:7:8", "TTL bull:mail:7:8"),
    ):
        assert REDACTED.fullmatch(client.ask(*line.split())), line
    script = "return redis.pcall('GET', 'user:42')"
    assert REDACTED.fullmatch(client.ask("EVAL", script, "0"))
    assert client.ask("MULTI") == b"+OK\r\n"
    assert REDACTED.fullmatch(client.ask("GET", "user:42"))
    assert client.ask("EXEC").startswith(b"-EXECABORT")


def test_other_keys_and_other_moments_are_as_they_were(server):
    client = look(server, server.first)

    assert client.ask("GET", "kept") == b"$1\r\n1\r\n"
    assert client.ask("GET", "nosuch") == b"$-1\r\n"
    assert client.ask("HGETALL", "bull:mail:7:89") == b"*0\r\n"
    assert client.ask("SET", "user:42", "x").startswith(b"-READONLY")
    assert client.ask("CLIENT", "AT", "@1") == b":1\r\n"
    assert client.ask("GET", "user:42") == b"$-1\r\n"
    assert client.ask("CLIENT", "AT", "now")[:1] == b":"
    assert client.ask("GET", "user:42") == b"$-1\r\n"
    assert client.ask("SET", "user:42", "anew") == b"+OK\r\n"
    since = look(server, int(client.ask("CLIENT", "AT", "now")[1:-2]))
    assert since.ask("GET", "user:42") == b"$4\r\nanew\r\n"


def test_who_may_not_reach_the_key_is_told_no_more_than_that(server):
    admin = server.connect()
    admin.ask("ACL", "SETUSER", "reader", "on", "nopass", "~kept", "+@all")
    client = look(server, server.first, "reader")

    assert client.ask("GET", "kept") == b"$1\r\n1\r\n"
    assert client.ask("GET", "user:42").startswith(b"-NOPERM")


@pytest.mark.parametrize(("key", "count"), [("user:42", 3), ("bull:mail:7:8", 2)])
def test_its_history_has_the_records_and_says_who_redacted_them(server, key, count):
    admin = server.connect()

    history = admin.ask("LOG.HISTORY", key)

    assert history.count(b"$3\r\nseq\r\n") == count
    assert history.count(b"$8\r\nredacted\r\n") == count
    assert history.count(b"$2\r\nby\r\n$3\r\nada\r\n") == count
    assert b"$3\r\nwhy\r\n$10\r\nticket 812\r\n" in history
    everything = admin.ask("LOG.READ", "FROM", 1)
    assert everything.count(b"secret") == 1
    assert everything.count(b"$8\r\nredacted\r\n") == 3
