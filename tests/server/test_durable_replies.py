"""SAVE, WAITAOF and WAIT answer later; SHUTDOWN and RELOAD keep all data."""

import time

import pytest

from tests.parity.wire import encode


@pytest.fixture
def client(server):
    connection = server.connect()
    yield connection
    connection.close()


@pytest.mark.parametrize("command", ["SAVE", "WAITAOF 1 0 0"])
def test_a_reply_that_waits_for_the_log_comes_once_it_is_durable(client, command):
    assert client.ask("SET", "k", "v") == b"+OK\r\n"

    reply = client.ask(*command.split())

    assert reply == (b"+OK\r\n" if command == "SAVE" else b"*2\r\n:1\r\n:0\r\n")
    assert client.ask("WAITAOF", "0", "0", "0") == b"*2\r\n:1\r\n:0\r\n"


def test_replies_of_a_pipeline_wait_together_and_in_order(client):
    client.send(b"SET k v\r\nSAVE\r\nGET k\r\nWAITAOF 1 0 0\r\nPING\r\n")

    replies = [client.read() for _ in range(5)]

    assert replies == [
        b"+OK\r\n",
        b"+OK\r\n",
        b"$1\r\nv\r\n",
        b"*2\r\n:1\r\n:0\r\n",
        b"+PONG\r\n",
    ]


def test_wait_for_replicas_ends_with_its_time(client):
    started = time.monotonic()

    assert client.ask("WAIT", "1", "30") == b":0\r\n"

    assert time.monotonic() - started >= 0.03


def test_others_are_served_while_a_client_waits(server, client):
    client.send(b"WAIT 1 0\r\n")
    other = server.connect()
    try:
        assert other.ask("SET", "k", "v") == b"+OK\r\n"
        assert other.ask("WAITAOF", "1", "0", "0") == b"*2\r\n:1\r\n:0\r\n"
    finally:
        other.close()


def test_shutdown_ends_the_server_and_keeps_what_was_written(start):
    server = start()
    connection = server.connect()
    connection.ask("RPUSH", "l", "a", "b")

    connection.send(b"SHUTDOWN NOSAVE\r\n")

    assert server.process.wait(60) == 0
    connection.close()
    server.start()
    connection = server.connect()
    assert connection.ask("LRANGE", "l", "0", "-1") == b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"
    connection.close()


def test_debug_reload_compares_the_log_with_memory(server, client):
    client.ask("ZADD", "z", "1", "m")
    client.ask("EXPIRE", "z", "100")

    assert client.ask("DEBUG", "RELOAD") == b"+OK\r\n"

    assert client.ask("ZSCORE", "z", "m") == b"$1\r\n1\r\n"
    assert server.is_alive


def test_a_server_without_a_log_has_nothing_to_save_to(start):
    connection = start("--appendonly", "no").connect()

    assert connection.ask("SAVE").startswith(b"-ERR This server keeps no command log")
    assert connection.ask("WAITAOF", "1", "0", "0").startswith(b"-ERR WAITAOF cannot")
    assert connection.ask("WAITAOF", "0", "0", "0") == b"*2\r\n:0\r\n:0\r\n"
    connection.close()


def test_debug_is_refused_unless_a_setting_admits_it(start):
    connection = start("--enable-debug-command", "no", "--appendonly", "no").connect()

    reply = connection.ask("DEBUG", "DIGEST")

    assert reply.startswith(b"-ERR DEBUG command not allowed. If the enable-debug")
    connection.close()


WAITS = [
    pytest.param(["WAIT", 1, 0], b":0\r\n", id="WAIT"),
    pytest.param(["WAITAOF", 0, 1, 0], b"*2\r\n:1\r\n:0\r\n", id="WAITAOF"),
]


def find_client(control, command):
    """Return the line of CLIENT LIST of a client whose last command it was."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in control.ask("CLIENT", "LIST").splitlines():
            if b" cmd=%b " % command.encode() in line and b" flags=b" in line:
                return dict(word.split(b"=", 1) for word in line.split())
    raise AssertionError(f"nobody waits in {command}")


@pytest.mark.parametrize(("words", "reply"), WAITS)
def test_who_waits_for_replicas_is_a_blocked_client(server, client, words, reply):
    client.ask("SET", "k", "v")
    client.ask("WAITAOF", "1", "0", "0")
    waiting = server.connect()
    try:
        for mode, expected in (("TIMEOUT", reply), ("ERROR", b"-UNBLOCKED ")):
            waiting.send(encode(words))
            found = find_client(client, words[0].lower())
            assert b"blocked_clients:1\r\n" in client.ask("INFO", "clients")

            assert client.ask("CLIENT", "UNBLOCK", found[b"id"], mode) == b":1\r\n"

            assert waiting.read().startswith(expected)
            assert b"blocked_clients:0\r\n" in client.ask("INFO", "clients")
    finally:
        waiting.close()


@pytest.mark.parametrize(("words", "_"), WAITS)
def test_who_waits_for_replicas_and_hangs_up_is_forgotten(server, client, words, _):
    for _ in range(30):
        waiting = server.connect()
        waiting.send(encode(words))
        find_client(client, words[0].lower())
        waiting.close()

    deadline = time.monotonic() + 60
    while b"connected_clients:1\r\n" not in client.ask("INFO", "clients"):
        assert time.monotonic() < deadline
    assert b"blocked_clients:0\r\n" in client.ask("INFO", "clients")


def test_replies_before_one_that_waits_are_sent_at_once(client):
    client.send(encode(["PING"]) + encode(["WAIT", 1, 0]) + encode(["ECHO", "late"]))

    assert client.read() == b"+PONG\r\n"


def test_clients_that_a_pause_holds_back_are_blocked_clients(server, client):
    client.ask("CLIENT", "PAUSE", "60000", "WRITE")
    paused = server.connect()
    paused.send(encode(["SET", "k", "v"]))
    find_client(client, "set")

    assert b"blocked_clients:1\r\n" in client.ask("INFO", "clients")

    client.ask("CLIENT", "UNPAUSE")
    assert paused.read() == b"+OK\r\n"
    assert b"blocked_clients:0\r\n" in client.ask("INFO", "clients")
    paused.close()
