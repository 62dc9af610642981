"""reply-after-replicas: nobody is told what a failover to a replica would lose."""

import threading
from itertools import count

import pytest

from tests.parity.wire import encode
from tests.replication.pairs import fields
from tests.support.waiting import wait_until

HOLDING = ("--reply-after-replicas", "1")


def send(pair, *words):
    """Have a client of the master send a command; return it when that has run."""
    asking, client = pair.master.connect(), pair.master.connect()
    number = client.ask("CLIENT", "ID")[1:-2].decode()
    client.send(encode(words))
    word = f" cmd={words[0].lower()} "
    wait_until(lambda: word in asking.ask("CLIENT", "LIST", "ID", number).decode())
    asking.close()
    return client


@pytest.fixture
def alone(led):
    """Return a master and its replica, which cannot reach each other any more."""
    pair = led("joblog", *HOLDING)
    pair.wait_until_online()
    assert pair.tell("SET", "before", "1") == b"+OK\r\n"
    pair.relay.shut(is_shut=True)
    wait_until(lambda: pair.master_info()["connected_slaves"] == "0")
    yield pair
    pair.tell("CONFIG", "SET", "reply-after-replicas", "0")  # the fold is compared


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_what_was_acknowledged_survives_the_master(led, policy):
    pair = led("joblog", *HOLDING, "--appendfsync", policy)
    pair.wait_until_online()
    acknowledged = [[] for _ in range(4)]

    def write(number):
        client = pair.master.connect()
        for at in count():
            word = f"{number}.{at}"
            reply = client.ask("RPUSH", f"jobs{number}", word)
            if not reply.startswith(b":"):
                return  # killed
            acknowledged[number].append(word.encode())

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(len(done) >= 100 for done in acknowledged))
    pair.master.kill()
    for thread in threads:
        thread.join()
    pair.kill_replica()

    assert pair.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    for number, done in enumerate(acknowledged):
        have = pair.ask("LRANGE", f"jobs{number}", 0, -1)
        for word in done:
            assert b"\r\n%b\r\n" % word in have


def test_replies_wait_until_a_replica_is_there_again(alone):
    listening = alone.master.connect()
    listening.ask("SUBSCRIBE", "news")
    waiting = send(alone, "BLPOP", "jobs", "0")
    writing = send(alone, "SET", "k", "v")
    words = ["MULTI"], ["SET", "k", "w"], ["PUBLISH", "news", "set"], ["EXEC"]
    publishing = alone.master.connect()
    publishing.send(b"".join(map(encode, words)))
    pushing = send(alone, "RPUSH", "jobs", "a")
    scripting = send(alone, "EVAL", "return redis.call('INCR', 'n')", "0")
    reading = send(alone, "GET", "k")
    for client in (listening, waiting, writing, pushing, scripting, reading):
        assert not client.has_reply()
    listening.send(encode(["PING"]))

    alone.relay.shut(is_shut=False)

    assert b"set" in listening.read()
    assert b"pong" in listening.read()
    assert b"a" in waiting.read()
    assert writing.read() == b"+OK\r\n"
    assert publishing.read() == b"+OK\r\n"
    assert pushing.read() == b":1\r\n"
    assert scripting.read() == b":1\r\n"
    assert reading.read() == b"$1\r\nw\r\n"
    alone.require_same_data()


def test_what_tells_nothing_of_the_data_does_not_wait(alone):
    held = send(alone, "SET", "k", "v")
    client = alone.master.connect()

    assert client.ask("PING") == b"+PONG\r\n"
    assert b"role:master" in client.ask("INFO", "replication")
    assert client.ask("PUBLISH", "__sentinel__:hello", "here") == b":0\r\n"
    assert client.ask("CONFIG", "GET", "port").startswith(b"*2")
    assert client.ask("CONFIG", "SET", "min-replicas-to-write", "1") == b"+OK\r\n"
    assert client.ask("SET", "k", "w").startswith(b"-NOREPLICAS")
    assert client.ask("CONFIG", "SET", "min-replicas-to-write", "0") == b"+OK\r\n"

    def clients():
        return fields(client.ask("INFO", "clients"))["connected_clients"]

    before = clients()
    for _ in range(5):
        send(alone, "SET", "k", "v").close()
    wait_until(lambda: clients() == before)  # who hangs up is forgotten

    assert not held.has_reply()
    assert client.ask("CONFIG", "SET", "reply-after-replicas", "0") == b"+OK\r\n"
    assert held.read() == b"+OK\r\n"
    assert client.ask("GET", "k") == b"$1\r\nv\r\n"


def test_who_waits_is_told_nothing_where_the_master_is_none_any_more(alone):
    held = send(alone, "SET", "k", "v")
    assert alone.tell("REPLICAOF", "127.0.0.1", "1") == b"+OK\r\n"
    assert held.read() == b"<closed>"
    assert alone.tell("REPLICAOF", "NO", "ONE") == b"+OK\r\n"

    held = send(alone, "SET", "k", "v")
    alone.master.stop()
    assert held.read() == b"<closed>"
    alone.master.start()


@pytest.mark.parametrize(
    ("kind", "options", "counts"),
    [
        ("redis7", (), False),
        ("valkey9", ("--appendonly", "yes"), True),
        ("joblog", ("--appendonly", "no"), False),
    ],
)
def test_a_replica_counts_that_says_what_is_durable(led, kind, options, counts):
    pair = led(kind, *HOLDING, replica_options=options)
    pair.wait_until_online()

    writing = send(pair, "SET", "k", "v")

    if counts:
        assert writing.read() == b"+OK\r\n"
    else:
        assert pair.ask("GET", "k") in (b"$1\r\nv\r\n", b"$-1\r\n")
        assert not writing.has_reply()
        pair.tell("CONFIG", "SET", "reply-after-replicas", "0")
