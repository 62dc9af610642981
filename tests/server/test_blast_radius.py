"""What fails about one client costs that client, and nobody else anything."""

import resource
import signal
import socket
import struct
import sys
from pathlib import Path

import pytest

from tests.support.processes import free_port
from tests.support.servers import START_SECONDS, ServerProcess
from tests.support.waiting import wait_until


def connect_and_reset(port):
    """Connect, and reset the connection: what a port scan or a health check does."""
    client = socket.create_connection(("127.0.0.1", port), START_SECONDS)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_connections_that_are_reset_before_they_are_accepted_cost_nobody(start):
    port = free_port()
    server = start("--bind", "127.0.0.1", "--port", str(port))
    other = server.connect()
    other.ask("SET", "k", "v")

    # It stands still, so that all of them are gone before it accepts the first.
    server.process.send_signal(signal.SIGSTOP)
    for _ in range(150):
        connect_and_reset(port)
    server.process.send_signal(signal.SIGCONT)

    assert other.ask("GET", "k") == b"$1\r\nv\r\n"
    with socket.create_connection(("127.0.0.1", port), START_SECONDS) as client:
        client.sendall(b"PING\r\n")
        assert client.recv(64) == b"+PONG\r\n"
    assert server.is_alive
    assert "Traceback" not in server.output()


MIB = 1 << 20
NO_MEMORY = b"-OOM the system has no memory for this reply; nothing else is lost"


def limit_address_space(server, room):
    """Let the server have so many bytes more than now; None is no limit."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room if room else resource.RLIM_INFINITY
    resource.prlimit(
        server.process.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY)
    )


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["GET", "big"], NO_MEMORY),
        (["LRANGE", "list", "0", "-1"], NO_MEMORY),
        (["GETRANGE", "big", "1", "-1"], NO_MEMORY),
        (["SINTER", "list"], b"-WRONGTYPE Operation against a key"),
        (["GETSET", "big", "small"], NO_MEMORY),
    ],
)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux's /proc")
def test_reply_that_there_is_no_memory_for_costs_that_reply(start, words, reply):
    server = start()
    client = server.connect()
    value = b"x" * 48 * MIB
    client.ask("SET", "big", value)
    client.ask("RPUSH", "list", value, value)
    limit_address_space(server, 24 * MIB)

    assert client.ask(*words).startswith(reply)
    assert client.ask("SET", "k", "v") == b"+OK\r\n"

    limit_address_space(server, None)
    expected = b"small" if words[0] == "GETSET" else value
    assert client.ask("GET", "big") == b"$%d\r\n%b\r\n" % (len(expected), expected)
    assert client.ask("GET", "k") == b"$1\r\nv\r\n"
    assert server.is_alive


FEW_FILES = 96
SEGMENT_BYTES = 1 << 16


def start_with_files(count):
    """Start a server that may open so many files."""
    limited = ["sh", "-c", f'ulimit -n {count} && exec "$@"', "sh"]
    program = [*limited, sys.executable, "-m", "joblog", "--loglevel", "warning"]
    options = ["--segment-bytes-max", str(SEGMENT_BYTES)]
    return ServerProcess("joblog", program, *options)


@pytest.fixture
def crowded(fold_equals_live):
    """Return a server that may open few files, and clients that hold all they may."""
    with start_with_files(FEW_FILES) as server:
        clients = []
        while (client := server.connect()).ask("PING") == b"+PONG\r\n":
            clients.append(client)
        yield server, clients
        clients.pop().close()
        fold_equals_live(server)


def test_log_and_snapshots_have_descriptors_where_clients_hold_all_they_may(crowded):
    server, clients = crowded
    value = "x" * (SEGMENT_BYTES // 4)
    asked = clients[0].ask
    allowed = int(asked("CONFIG", "GET", "maxclients").split()[-1])
    assert FEW_FILES // 2 < allowed < FEW_FILES
    assert allowed - len(clients) <= 1  # the first may be going yet

    for number, client in enumerate(clients, start=1):
        assert client.ask("RPUSH", "list", f"{number} {value}") == b":%d\r\n" % number
    assert asked("SAVE") == b"+OK\r\n"
    assert asked("BGREWRITEAOF").startswith(b"+Background")

    wait_until(lambda: asked("RPUSH", "list", value) and count_segments(server) > 2)
    assert "Traceback" not in server.output()


def count_segments(server):
    """Count the segments that a log has begun; to seal one takes a while."""
    return len(list((server.folder / "log").glob("*.log")))


def test_process_that_may_open_too_few_files_does_not_start():
    with pytest.raises(RuntimeError, match=r"too few files \(ulimit -n\)"):
        start_with_files(30)
