"""Streams of any shape get the very bytes that redis-server answers, errors included.

Their commands are few and answer alike whatever was before: what is compared is how the
bytes are read.
"""

import socket
from contextlib import ExitStack

import pytest
from hypothesis import given, settings

from tests.fuzz import shapes
from tests.parity.wire import TIMEOUT_SECONDS
from tests.support.servers import start_joblog, start_redis

LINES = (
    *("PING", "PING word", "ECHO word", "GET none", "SET k v", "STRLEN k", "LLEN k"),
    *("NOSUCH a b", "GET", "ECHO a b", "TYPE k"),
)


def plain_command(random):
    """Return a command that both servers answer alike at any time."""
    return random.choice(LINES).encode().split()


@pytest.fixture(scope="module")
def servers():
    """Return this server and the witness."""
    with ExitStack() as stack:
        yield [stack.enter_context(start()) for start in (start_joblog, start_redis)]


def replies_to(server, data):
    """Send bytes at once, hang up one way, and return all that comes."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT_SECONDS)
        client.connect(server.path)
        client.sendall(data)
        replies = b""
        try:
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1 << 16):
                replies += piece
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise
        return replies


@pytest.mark.slow
@pytest.mark.parity
@settings(max_examples=1500)
@given(shapes.streams(plain_command))
def test_stream_of_any_shape_gets_what_redis_answers(servers, data):
    ours, theirs = (replies_to(server, data) for server in servers)

    assert ours == theirs
