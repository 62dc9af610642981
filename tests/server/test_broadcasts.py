"""Who is told of a change by prefix (CLIENT TRACKING BCAST) is told before its writer.

Source: redis-server 7.0.15 and Valkey 9.1, whose replies leave behind what is told.
"""

import socket

import pytest

from tests.support.servers import start_joblog, start_valkey

PUSH = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"


def what_came(connection):
    """Return what a connection has, without waiting for it."""
    return connection._socket.recv(1 << 16, socket.MSG_DONTWAIT)


@pytest.fixture(params=[start_joblog, start_valkey], ids=["joblog", "valkey"])
def either(request):
    with request.param() as server:
        yield server


def track(server):
    connection = server.connect()
    connection.ask("HELLO", "3")
    connection.ask("CLIENT", "TRACKING", "ON", "BCAST")
    return connection


def test_a_client_is_told_of_a_change_when_its_writer_is_answered(either):
    readers, writer = [track(either) for _ in range(3)], either.connect()
    for _ in range(20):
        assert writer.ask("SET", "k", "v") == b"+OK\r\n"
        assert [what_came(reader) for reader in readers] == [PUSH] * 3


def test_a_writer_is_told_of_its_own_change_behind_the_reply(either):
    writer = track(either)

    assert [writer.ask("SET", "k", "v"), writer.read()] == [b"+OK\r\n", PUSH]
