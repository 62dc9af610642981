"""CONFIG SET of port and bind: at once, or not at all, as in real servers."""

import re
import socket

import pytest

from tests.support.servers import start_joblog, start_redis, start_valkey

BIND = b"-ERR CONFIG SET failed (possibly related to argument 'bind') - "
PORT = b"-ERR CONFIG SET failed (possibly related to argument 'port') - "
NO_PORT = PORT + b"Unable to listen on this port. Check server logs.\r\n"
NO_ADDRESS = BIND + b"Failed to bind to specified addresses.\r\n"
OK = b"+OK\r\n"
FOREIGN = "192.0.2.1"
"""An address that no machine has: it is for documentation."""


@pytest.fixture(params=[start_joblog, start_redis, start_valkey])
def server(request):
    with request.param("--protected-mode", "no", "--bind", "127.0.0.1") as running:
        yield running


@pytest.fixture
def ask(server):
    return server.connect().ask


@pytest.fixture
def ports():
    """Return two ports that are free; who listens there a moment later is bad luck."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return numbers


@pytest.fixture
def taken():
    """Return a port that another program listens on, at every address."""
    with socket.create_server(("", 0)) as other:
        yield other.getsockname()[1]


def answers(port, host="127.0.0.1"):
    """Say whether a server answers there."""
    try:
        with socket.create_connection((host, port), timeout=10) as client:
            client.sendall(b"PING\r\n")
            return client.recv(100) == b"+PONG\r\n"
    except ConnectionRefusedError:
        return False


def test_a_port_is_changed_at_once_and_whoever_is_connected_stays(ask, ports):
    first, second = ports

    assert ask("CONFIG", "SET", "port", first) == OK
    with socket.create_connection(("127.0.0.1", first)) as client:
        client.sendall(b"PING\r\n")
        client.recv(100)
        assert ask("CONFIG", "SET", "port", second) == OK
        client.sendall(b"PING\r\n")
        assert client.recv(100) == b"+PONG\r\n"

    assert (answers(first), answers(second)) == (False, True)
    assert b"tcp_port:%d\r\n" % second in ask("INFO", "server")
    assert ask("CONFIG", "SET", "port", 0) == OK
    assert not answers(second)


def test_a_port_that_is_taken_changes_nothing(ask, ports, taken):
    port = ports[0]
    ask("CONFIG", "SET", "port", port)

    assert ask("CONFIG", "SET", "port", taken) == NO_PORT
    assert ask("CONFIG", "SET", "timeout", 7, "port", taken) == NO_PORT
    assert ask("CONFIG", "SET", "bind", "127.0.0.1 ::1", "port", taken) == NO_ADDRESS

    assert answers(port)
    shown = ask("CONFIG", "GET", "port", "timeout", "bind")
    assert sorted(re.findall(rb"\r\n([^$*\r]+)", shown)) == sorted(
        [b"port", b"%d" % port, b"timeout", b"0", b"bind", b"127.0.0.1"]
    )


def test_a_refusal_of_another_setting_takes_the_port_back(ports):
    first, second = ports
    with start_joblog("--bind", "127.0.0.1", "--port", str(first)) as server:
        ask = server.connect().ask

        refused = ask("CONFIG", "SET", "port", second, "activedefrag", "yes")

        assert b"related to argument 'activedefrag'" in refused
        assert (answers(first), answers(second)) == (True, False)


def test_addresses_are_changed_at_once(ask, ports):
    port = ports[0]
    ask("CONFIG", "SET", "port", port)

    assert ask("CONFIG", "SET", "bind", "* -::*") == OK
    assert (answers(port), answers(port, "127.0.0.2")) == (True, True)
    assert ask("CONFIG", "SET", "bind", "127.0.0.1") == OK
    assert (answers(port), answers(port, "127.0.0.2")) == (True, False)
    assert ask("CONFIG", "SET", "bind", f"-{FOREIGN} 127.0.0.2") == OK
    assert (answers(port), answers(port, "127.0.0.2")) == (False, True)
    assert ask("CONFIG", "SET", "bind", "") == OK
    assert (answers(port), answers(port, "127.0.0.2")) == (False, False)
    assert ask("CONFIG", "SET", "bind", "*") == OK
    assert answers(port)


@pytest.mark.parametrize("address", [FOREIGN, f"* {FOREIGN}", f"127.0.0.2 {FOREIGN}"])
def test_an_address_that_cannot_be_had_changes_nothing(ask, ports, address):
    port = ports[0]
    ask("CONFIG", "SET", "port", port)

    assert ask("CONFIG", "SET", "bind", address) == NO_ADDRESS

    assert (answers(port), answers(port, "127.0.0.2")) == (True, False)
    assert ask("CONFIG", "GET", "bind").endswith(b"$9\r\n127.0.0.1\r\n")


def test_bad_values_are_refused_in_redis_s_words(ask):
    many = " ".join(["127.0.0.1"] * 17)
    too_many = BIND + b"Too many bind addresses specified.\r\n"

    assert ask("CONFIG", "SET", "bind", many) == too_many
    assert ask("CONFIG", "SET", "port", 65536).startswith(PORT + b"argument must be")
    assert ask("CONFIG", "SET", "port", 1, "port", 2) == (
        PORT + b"duplicate parameter\r\n"
    )
