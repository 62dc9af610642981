"""What fails about one client costs that client, and nobody else anything."""

import signal
import socket
import struct

from tests.servers import START_SECONDS


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
