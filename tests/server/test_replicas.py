"""A real server that cannot follow this one waits before it asks again."""

import re
import time

import pytest

from tests.support.processes import free_port
from tests.support.servers import start_joblog, start_redis, start_valkey

WATCHED_SECONDS = 4.0
REAL = [pytest.param(start_redis, id="Redis"), pytest.param(start_valkey, id="Valkey")]


def refused(server):
    """Return how often a server was asked to be followed."""
    text = server.connect().ask("INFO", "commandstats").decode()
    found = re.search(r"cmdstat_psync:calls=(\d+)", text)
    return int(found[1]) if found else 0


@pytest.mark.slow
@pytest.mark.parametrize("start_real", REAL)
def test_replica_asks_once_a_second_and_goes_on_asking(start_real):
    port = free_port()
    address = ("--port", str(port), "--bind", "127.0.0.1")
    with (
        start_joblog("--memory-only", "yes", *address) as server,  # no log to follow
        start_real("--replicaof", "127.0.0.1", str(port)),
    ):
        deadline = time.monotonic() + 60
        while not refused(server):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        first = refused(server)
        began = time.monotonic()
        while refused(server) < first + WATCHED_SECONDS:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        seconds = time.monotonic() - began

    # Its timer ticks once a second, give or take; it tried 400 times in each before.
    assert seconds > WATCHED_SECONDS / 2
