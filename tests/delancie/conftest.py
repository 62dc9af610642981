"""Servers for the broker: ours, and a real one, so that its tests test the broker."""

from __future__ import annotations

import contextlib

import pytest
import redis

from tests.support import servers

STARTERS = {
    "joblog": lambda: servers.start_joblog("--appendfsync", "everysec"),
    # Valkey writes its log after it replied while an fsync runs, unless it is `always`.
    "valkey": lambda: servers.start_valkey(
        *("--appendonly", "yes", "--appendfsync", "always")
    ),
}


@pytest.fixture(params=STARTERS)
def server(request, fold_equals_live):
    """A server that may be killed; what it logged must fold to what it has."""
    with STARTERS[request.param]() as server:
        yield server
        if server.name == "joblog":
            fold_equals_live(server)


@pytest.fixture
def connect(server):
    """Return a function that gives a client of the server."""
    with contextlib.ExitStack() as clients:

        def make(protocol=3):
            # Scripts may be asked again, but only by a test that knows of it.
            client = redis.Redis(
                unix_socket_path=server.path,
                protocol=protocol,
                retry=None,
            )
            return clients.enter_context(contextlib.closing(client))

        yield make
