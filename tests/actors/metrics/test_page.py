"""The page of the metrics: who may look, and what is no request."""

import socket
import time

import pytest

from joblog.actors.metrics.page import Request, read_request

LOCAL = [
    pytest.param("127.0.0.1", "localhost:9121", True, id="name"),
    pytest.param("127.0.0.1", "127.0.0.1:9121", True, id="address"),
    pytest.param("::1", "[::1]:9121", True, id="IPv6"),
    pytest.param("::ffff:127.0.0.1", "localhost", True, id="mapped"),
    pytest.param("127.0.0.1", "evil.example:9121", False, id="a foreign page's host"),
    pytest.param("127.0.0.1", "", False, id="empty host"),
    pytest.param("10.0.0.7", "localhost:9121", False, id="another machine"),
]


@pytest.mark.parametrize(("peer", "host", "is_local"), LOCAL)
def test_request_is_local_where_peer_and_host_are(peer, host, is_local):
    request = Request(peer, "GET", "/metrics", {"host": host})

    assert request.is_local is is_local


def read(*pieces, seconds=5.0):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        return read_request(ours, "::1", time.monotonic() + seconds)


def test_request_may_come_in_pieces():
    request = read(b"GET /metrics?x=1 HTTP/1.1\r\nHo", b"st: a\r\nAccept:  b\r\n\r\n")

    assert request == Request("::1", "GET", "/metrics", {"host": "a", "accept": "b"})


NONE = [
    pytest.param(b"GET /metrics HTTP/1.1\r\nHost: a\r\n", id="not whole"),
    pytest.param(b"\r\n\r\n", id="empty"),
    pytest.param(b"GET /metrics\r\n\r\n", id="no version"),
    pytest.param(b"GET /metrics SMTP/1.1\r\n\r\n", id="another protocol"),
    pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 20_000 + b"\r\n\r\n", id="long"),
    pytest.param(b"\x16\x03\x01\x00\xff\r\n\r\n", id="TLS"),
]


@pytest.mark.parametrize("data", NONE)
def test_what_is_no_request_is_none(data):
    assert read(data) is None


def test_request_that_does_not_come_is_none():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"GET")

        assert read_request(ours, "::1", time.monotonic() + 0.05) is None
