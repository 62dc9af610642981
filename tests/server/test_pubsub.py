"""Publish and subscribe over real sockets: order, back-pressure, leaving."""

import pytest

from tests.parity.wire import encode


@pytest.fixture
def clients(server):
    """Return a function that connects, in RESP2 or RESP3."""
    opened = []

    def connect(protocol=2):
        opened.append(server.connect())
        if protocol == 3:
            opened[-1].ask("HELLO", 3)
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


def test_own_message_comes_behind_the_reply_within_a_pipeline(clients):
    client = clients(3)
    client.ask("SUBSCRIBE", "c")
    client.send(encode(["PUBLISH", "c", "1"]) + encode(["PING"]))
    got = [client.read() for _ in range(3)]

    assert got == [
        b":1\r\n",
        b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n",
        b"+PONG\r\n",
    ]


def test_no_message_comes_behind_the_end_of_the_subscription(server, clients):
    # Both batches are read in one turn: the message was published first, and a client
    # without subscriptions would take it for the reply to its next command.
    publisher, listener = clients(), clients()
    listener.ask("SUBSCRIBE", "c")
    publisher.send(encode(["PUBLISH", "c", "m"]))
    listener.send(encode(["UNSUBSCRIBE"]) + encode(["PING"]))
    got = [listener.read() for _ in range(2)]
    if got[0].endswith(b"$1\r\nm\r\n"):
        got = [got[1], listener.read()]

    assert got == [b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n", b"+PONG\r\n"]


def test_client_that_leaves_is_forgotten(clients, server):
    listener, other = clients(), clients()
    listener.ask("SUBSCRIBE", "c")
    listener.ask("PSUBSCRIBE", "*")
    listener.ask("SSUBSCRIBE", "s")
    listener.close()
    while other.ask("PUBSUB", "NUMPAT") != b":0\r\n":
        continue

    assert other.ask("PUBSUB", "CHANNELS") == b"*0\r\n"
    assert other.ask("PUBSUB", "SHARDCHANNELS") == b"*0\r\n"
    assert other.ask("PUBLISH", "c", "m") == b":0\r\n"
    assert b"pubsub_clients:0\r\n" in other.ask("INFO", "clients")


def test_listener_that_reads_nothing_is_closed_at_its_limit(start):
    server = start("--client-output-buffer-limit", "pubsub 1mb 1mb 60")
    listener, publisher = server.connect(), server.connect()
    listener.ask("SUBSCRIBE", "c")
    for _ in range(40):
        publisher.ask("PUBLISH", "c", "x" * 100_000)

    assert publisher.ask("PUBLISH", "c", "m") == b":0\r\n"
    cut_off = b"client_output_buffer_limit_disconnections:1\r\n"
    assert cut_off in publisher.ask("INFO", "stats")
    listener.close(), publisher.close()


def test_listener_is_shown_as_such(clients):
    listener, other = clients(), clients()
    listener.ask("SUBSCRIBE", "c")
    listener.ask("PSUBSCRIBE", "a*")
    listener.ask("PSUBSCRIBE", "b*")
    line = other.ask("CLIENT", "LIST", "TYPE", "PUBSUB")

    assert b" flags=P" in line
    assert b" sub=1 psub=2 ssub=0 " in line


def test_message_leaves_only_when_the_write_before_it_is_durable(start):
    server = start("--appendfsync", "always")
    listener, writer = server.connect(), server.connect()
    listener.ask("SUBSCRIBE", "c")
    writer.send(encode(["SET", "k", "v"]) + encode(["PUBLISH", "c", "m"]))

    assert listener.read().endswith(b"$1\r\nm\r\n")
    server.kill()
    server.start()
    again = server.connect()
    assert again.ask("GET", "k") == b"$1\r\nv\r\n"
    for connection in (listener, writer, again):
        connection.close()
