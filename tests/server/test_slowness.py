"""Keys that are saved and loaded slowly, since a test suite asks for it."""

import subprocess
import time

import pytest

from joblog.app.slowness import seconds_for
from tests.support.servers import ROOT, START_SECONDS, start_joblog, start_redis

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
DEADLINE_SECONDS = 20
STARTERS = {"joblog": start_joblog, "redis": start_redis}


@pytest.mark.parametrize(
    ("delay", "keys", "seconds"),
    [(0, 7, 0), (1000, 7, 0.007), (-2, 8, 0.000004)],
)
def test_a_delay_is_for_a_key_and_below_zero_for_a_microsecond(delay, keys, seconds):
    assert seconds_for(delay, keys) == seconds


def test_a_snapshot_takes_as_long_as_the_setting_says(server):
    client = server.connect()
    client.ask("SET", "k", "v")
    client.ask("CONFIG", "SET", "rdb-key-save-delay", 1_000_000_000)

    client.ask("BGSAVE")

    for _ in range(3):
        time.sleep(0.1)
        assert b"rdb_bgsave_in_progress:1" in client.ask("INFO", "persistence")
    assert client.ask("BGSAVE").startswith(b"-ERR Background save already in progress")


def test_a_start_takes_as_long_as_the_setting_says(start):
    server = start("--key-load-delay", "100000")
    client = server.connect()
    for number in range(20):
        client.ask("SET", f"k{number}", "v")
    server.stop()

    server.process = subprocess.Popen(
        server._command, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    begun = time.monotonic()
    client = connect(server)
    first = client.ask("GET", "k1")
    time.sleep(0.3)
    second = client.ask("GET", "k1")
    client.ask("CONFIG", "SET", "key-load-delay", 0)
    while client.ask("GET", "k1") == LOADING:
        assert time.monotonic() - begun < DEADLINE_SECONDS

    assert first == second == LOADING
    assert client.ask("GET", "k19") == b"$1\r\nv\r\n"


def test_debug_reload_takes_as_long_as_the_setting_says(server):
    client, other = server.connect(), server.connect()
    client.ask("SET", "k", "v")
    client.ask("CONFIG", "SET", "key-load-delay", 1_000_000_000)
    client.send(b"DEBUG RELOAD\r\nGET k\r\n")

    while other.ask("GET", "k") != LOADING:
        continue
    time.sleep(0.1)
    assert other.ask("GET", "k") == LOADING
    other.ask("CONFIG", "SET", "key-load-delay", 0)

    assert [client.read(), client.read()] == [b"+OK\r\n", b"$1\r\nv\r\n"]
    assert other.ask("GET", "k") == b"$1\r\nv\r\n"


@pytest.mark.parametrize("name", ["joblog", "redis"])
def test_debug_reload_answers_when_it_has_loaded(name):
    with STARTERS[name]() as server:
        client = server.connect()
        for number in range(20):
            client.ask("SET", f"k{number}", "v")
        client.ask("CONFIG", "SET", "key-load-delay", 10_000)
        begun = time.monotonic()

        assert client.ask("DEBUG", "RELOAD") == b"+OK\r\n"
        assert time.monotonic() - begun >= 0.2
        assert client.ask("DBSIZE") == b":20\r\n"


def connect(server):
    """Return a connection once there is one."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert time.monotonic() < deadline
        try:
            return server.connect()
        except OSError:
            time.sleep(0.01)
