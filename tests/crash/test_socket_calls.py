"""Each system call on the socket side fails once: the server and the others live on.

Promise 17 of docs/reliability.md. strace takes hold of a running server and lets the
n-th call of a kind fail, while clients come, talk and go. What fails may cost the
client that it is about, and no more.
"""

import re
import select
import socket
import subprocess
import time

import pytest

from tests.parity.wire import encode
from tests.support.processes import free_port
from tests.support.servers import STOP_SECONDS, require_program

pytestmark = pytest.mark.slow

WAIT_SECONDS = 60.0
BIG = b"x" * 1_000_000

# Which calls, and how each of them fails. Some happen only on some systems and roads;
# those that must be met are named in MET.
FAULTS = {
    "accept4": ("ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "EIO"),
    "recvfrom": ("ECONNRESET", "EIO", "ENOBUFS"),
    "sendto": ("ECONNRESET", "EPIPE", "EIO", "ENOBUFS"),
    "sendmsg": ("ECONNRESET", "EIO", "ENOBUFS"),
    "epoll_ctl": ("EIO", "ENOMEM"),
    "getsockname": ("ENOBUFS", "EIO"),
    "getpeername": ("ENOTCONN",),
    "setsockopt": ("EIO", "ENOBUFS"),
    "shutdown": ("ENOTCONN",),
    "close": ("EIO",),
    "poll": ("EIO",),
}
MET = (
    "accept4",
    "recvfrom",
    "sendto",
    "epoll_ctl",
    "getsockname",
    "setsockopt",
    "close",
)


class Faults:
    """strace on a running process: the n-th call of a kind fails, in each thread."""

    def __init__(self, pid, call, error, number, path):
        self._path = path
        inject = f"inject={call}:error={error}:when={number}"
        command = [require_program("strace"), "-f", "-o", str(path), "-p", str(pid)]
        command += ["-e", f"trace={call}", "-e", inject]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert "attached" in self._process.stderr.readline()

    def end(self):
        """Let go of the process; return how many calls have failed."""
        self._process.terminate()
        self._process.communicate(timeout=STOP_SECONDS)
        return self._path.read_text().count("(INJECTED)")


class Client:
    """A client that takes whatever happens to it."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_SECONDS)
        self._socket.settimeout(WAIT_SECONDS)

    def ask(self, *words):
        """Return the reply's first line; b"" where the server has closed."""
        try:
            self._socket.sendall(encode(words))
            line = b""
            while not line.endswith(b"\n"):
                data = self._socket.recv(65536)
                if not data:
                    return b""
                line += data
        except (ConnectionError, BrokenPipeError):
            return b""
        return line

    def send(self, *words):
        try:
            self._socket.sendall(encode(words))
        except ConnectionError:
            return

    def wait_for_output(self):
        """Return when something has come that nobody reads."""
        select.select([self._socket], [], [], WAIT_SECONDS)

    def close(self):
        self._socket.close()


def come_and_go(port, acknowledged):
    """Let clients come, write, wait, read nothing and go; note what was answered."""
    for number in range(4):
        writer, waiter, slow = (Client(port) for _ in range(3))
        waiter.send("BLPOP", "nothing", 0)
        slow.send("GET", "big")
        slow.send("GET", "big")
        key = f"key{len(acknowledged)}-{number}"
        if writer.ask("SET", key, "v") == b"+OK\r\n":
            acknowledged.append(key)
        slow.wait_for_output()
        writer.ask("PING")
        for client in (waiter, slow, writer):
            client.close()


def connect_and_ask(port, *words):
    """Return the reply that a new client gets in the end: it may have to wait."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        client = Client(port)
        reply = client.ask(*words)
        client.close()
        if reply:
            return reply
    raise AssertionError("nobody is served any more")


@pytest.mark.parametrize("call", FAULTS)
def test_a_call_on_a_socket_that_fails_costs_no_more_than_its_client(
    start, tmp_path, call
):
    port = free_port()
    server = start("--port", str(port), "--bind", "127.0.0.1")
    connect_and_ask(port, "SET", "big", BIG)
    acknowledged, failed = [], 0

    for error in FAULTS[call]:
        for number in (1, 2, 5):
            faults = Faults(server.process.pid, call, error, number, tmp_path / "trace")
            come_and_go(port, acknowledged)
            failed += faults.end()
            assert connect_and_ask(port, "PING") == b"+PONG\r\n"
            assert server.is_alive, server.output()

    assert failed or call not in MET
    for key in acknowledged:
        assert connect_and_ask(port, "EXISTS", key) == b":1\r\n"
    assert "internal error" not in server.output()
    assert server.stop() == 0


def test_server_that_has_no_descriptors_left_serves_whom_it_has(start, tmp_path):
    port = free_port()
    server = start("--port", str(port), "--bind", "127.0.0.1")
    inside = Client(port)
    faults = Faults(server.process.pid, "accept4", "EMFILE", "1+", tmp_path / "trace")

    outside = Client(port)  # the system has it; nobody accepts it
    outside.send("PING")
    deadline = time.monotonic() + WAIT_SECONDS
    while not (counted := accept_errors(inside)):
        assert time.monotonic() < deadline
    assert inside.ask("PING") == b"+PONG\r\n"
    faults.end()

    assert outside.ask("ECHO", "late").startswith(b"+PONG\r\n")
    assert counted < 100  # it does not try in each turn
    assert "cannot accept clients" in server.output()
    inside.close()
    outside.close()


def accept_errors(client):
    client.send("INFO", "stats")
    found = None
    while found is None:
        data = client._socket.recv(65536)
        found = re.search(rb"accept_errors:(\d+)\r\n", data)
    return int(found[1])
