"""Clients that read slowly or nothing, and batches that are cut for their sake.

A batch is cut after some milliseconds, or some bytes of replies; what is left waits for
the others, and for the client to take what is there.
"""

import os
import socket
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

MIB = 1 << 20
VALUE = b"x" * MIB
REPLY = b"$%d\r\n%b\r\n" % (MIB, VALUE)
SECONDS = 120.0


@pytest.fixture
def big(server):
    """Return a server that holds a value of a megabyte."""
    server.connect().ask("SET", "big", VALUE)
    return server


def connect(server):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(SECONDS)
    client.connect(server.path)
    return client


def read_all(client, size):
    """Read so many bytes, or to the end."""
    data = bytearray()
    while len(data) < size:
        more = client.recv(MIB)
        if not more:
            break
        data += more
    return bytes(data)


def resident_bytes(server):
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def omem(server, control):
    """Return how many bytes of replies wait, for all clients together."""
    lines = control.ask("CLIENT", "LIST").splitlines()
    words = [word for line in lines for word in line.split()]
    return sum(int(word[5:]) for word in words if word.startswith(b"omem="))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux's /proc")
def test_twelve_clients_that_read_nothing_cost_little_memory(big):
    control = big.connect()
    before = resident_bytes(big)

    clients = [connect(big) for _ in range(12)]
    for client in clients:
        client.sendall(b"GET big\r\n" * 100)
    wait_until(lambda: omem(big, control) >= 12 * MIB // 2)
    for _ in range(100):
        assert control.ask("PING") == b"+PONG\r\n"

    assert omem(big, control) <= 12 * 3 * MIB
    assert resident_bytes(big) - before < 64 * MIB
    for client in clients:
        client.close()


@pytest.mark.slow
def test_replies_that_waited_are_all_there_and_in_order(big):
    client = connect(big)

    client.sendall(b"".join(b"GET big\r\nECHO %d\r\n" % n for n in range(50)))
    wait_until(lambda: omem(big, big.connect()) > 0)

    expected = b"".join(REPLY + b"$%d\r\n%d\r\n" % (len(str(n)), n) for n in range(50))
    assert read_all(client, len(expected)) == expected
    client.close()


@pytest.mark.slow
def test_client_that_sends_all_before_it_reads_is_served(server):
    control = server.connect()
    control.ask("SET", "k", "v" * 200)
    requests = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * 100_000
    client = connect(server)

    client.sendall(requests)  # more than the sockets take, and 21 MB of replies

    size = 100_000 * 208
    assert read_all(client, size).count(b"$200\r\n") == 100_000
    client.close()


@pytest.mark.slow
def test_client_that_sends_all_before_it_reads_may_let_more_wait(server):
    control = server.connect()
    control.ask("SET", "k", "v" * 4000)
    count = 50_000
    requests = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * count
    client = connect(server)

    # More than the sockets take, and 200 MB of replies: redis-server keeps them all.
    client.sendall(requests)

    assert read_all(client, count * 4009).count(b"$4000\r\n") == count
    wait_until(lambda: omem(server, control) == 0)
    client.close()


@pytest.mark.slow
def test_long_reply_goes_out_in_pieces_unchanged(server):
    value = os.urandom(20 * MIB)
    control = server.connect()
    control.ask("SET", "k", value)
    client = connect(server)

    client.sendall(b"GET k\r\n" + b"PING\r\n" * 3)
    wait_until(lambda: omem(server, control) > MIB)

    expected = b"$%d\r\n%b\r\n" % (len(value), value) + b"+PONG\r\n" * 3
    assert read_all(client, len(expected)) == expected
    assert omem(server, control) == 0
    client.close()


@pytest.mark.slow
def test_others_have_their_turn_within_a_batch_that_takes_long(server):
    control = server.connect()
    client = connect(server)

    client.sendall(b"INCR n\r\nDEBUG SLEEP 0.02\r\n" * 50)
    wait_until(lambda: control.ask("GET", "n") != b"$-1\r\n")

    assert int(control.ask("GET", "n").split()[1]) < 50
    expected = b"".join(b":%d\r\n+OK\r\n" % n for n in range(1, 51))
    assert read_all(client, len(expected)) == expected
    client.close()


SLOW = b"DEBUG SLEEP 0.01\r\n"
CUT = [
    pytest.param(
        b"MULTI\r\nSET k v\r\n" + SLOW + b"GET k\r\nEXEC\r\nGET k\r\n",
        b"+OK\r\n" + b"+QUEUED\r\n" * 3 + b"*3\r\n+OK\r\n+OK\r\n" + b"$1\r\nv\r\n" * 2,
        id="MULTI",
    ),
    pytest.param(
        SLOW + b"MULTI\r\nGET big\r\nEXEC\r\n" + b"PING\r\n",
        b"+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n" + REPLY + b"+PONG\r\n",
        id="long EXEC",
    ),
    pytest.param(
        b"CLIENT REPLY off\r\n" + SLOW * 2 + b"GET big\r\nCLIENT REPLY on\r\nPING\r\n",
        b"+OK\r\n+PONG\r\n",
        id="CLIENT REPLY",
    ),
    pytest.param(
        b"CLIENT REPLY skip\r\n" + SLOW + b"PING\r\n",
        b"+PONG\r\n",
        id="CLIENT REPLY skip",
    ),
    pytest.param(
        SLOW + b"SUBSCRIBE a\r\n" + b"PING x\r\nUNSUBSCRIBE a\r\nGET big\r\nPING\r\n",
        b"+OK\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
        b"*2\r\n$4\r\npong\r\n$1\r\nx\r\n"
        b"*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n" + REPLY + b"+PONG\r\n",
        id="SUBSCRIBE",
    ),
    pytest.param(
        b"GET big\r\nRPUSH l a\r\n" + SLOW + b"BLPOP l 0\r\nPING\r\n",
        REPLY + b":1\r\n+OK\r\n*2\r\n$1\r\nl\r\n$1\r\na\r\n+PONG\r\n",
        id="BLPOP",
    ),
    pytest.param(
        b"GET big\r\nBLPOP none 0.01\r\nGET big\r\nPING\r\n",
        REPLY + b"*-1\r\n" + REPLY + b"+PONG\r\n",
        id="BLPOP that waits",
    ),
    pytest.param(
        b"GET big\r\n" * 5 + b"QUIT\r\nPING\r\n",
        REPLY * 5 + b"+OK\r\n",
        id="QUIT",
    ),
    pytest.param(
        b"GET big\r\n" * 5 + b"*1\r\n$x\r\n",
        REPLY * 5 + b"-ERR Protocol error: invalid bulk length\r\n",
        id="broken protocol",
    ),
    pytest.param(
        b'GET big\r\nEVAL \'return redis.call("GET", "big")\' 0\r\nPING\r\n',
        REPLY * 2 + b"+PONG\r\n",
        id="EVAL",
    ),
    pytest.param(
        b"GET big\r\nCLIENT PAUSE 30\r\nPING\r\nGET big\r\n",
        REPLY + b"+OK\r\n+PONG\r\n" + REPLY,
        id="CLIENT PAUSE",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["everysec", "always"])
@pytest.mark.parametrize(("sent", "expected"), CUT)
def test_batch_that_is_cut_is_answered_like_any_other(start, policy, sent, expected):
    server = start("--appendfsync", policy)
    server.connect().ask("SET", "big", VALUE)
    client = connect(server)

    client.sendall(sent)
    answered = read_all(client, len(expected))

    assert answered == expected
    client.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["close", "kill"])
def test_client_that_goes_while_its_replies_wait_leaves_nothing(big, how):
    control = big.connect()
    client = connect(big)
    client.sendall(b"GET big\r\n" * 100)
    wait_until(lambda: omem(big, control) > MIB)
    before = control.ask("CLIENT", "LIST").count(b" addr=")

    if how == "close":
        client.close()
    else:
        control.ask("CLIENT", "KILL", "SKIPME", "yes")

    wait_until(lambda: control.ask("CLIENT", "LIST").count(b" addr=") < before)
    assert omem(big, control) == 0
    client.close()


@pytest.mark.slow
def test_messages_reach_a_subscriber_with_a_long_reply_before_them(big):
    client = connect(big)
    client.sendall(b"HELLO 3\r\nSUBSCRIBE a\r\n" + b"GET big\r\n" * 4)
    control = big.connect()
    wait_until(lambda: omem(big, control) > 0)

    assert control.ask("PUBLISH", "a", "m") == b":1\r\n"

    message = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n"
    data = bytearray()
    while data.count(VALUE) < 4 or message not in data:
        data += client.recv(MIB)
    assert data.replace(message, b"").endswith(REPLY * 4)
    client.close()


@pytest.mark.slow
def test_output_limit_closes_whoever_is_above_it(start):
    server = start("--client-output-buffer-limit", "normal", "4mb", "0", "0")
    control = server.connect()
    control.ask("SET", "k", VALUE * 10)
    client = connect(server)

    client.sendall(b"GET k\r\n")

    assert len(read_all(client, 11 * MIB)) < 10 * MIB
    cut_off = b"client_output_buffer_limit_disconnections:1\r\n"
    assert cut_off in control.ask("INFO", "stats")
    client.close()
