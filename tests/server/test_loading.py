"""A long log loads while clients are told so."""

import subprocess
import time

import pytest

from storage.filesystem import FileSystem
from storage.log import Log
from tests.servers import ROOT, START_SECONDS

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
RECORDS = 300_000


def append_many(folder):
    """Append many records to a log, as a server does."""
    log = Log.open(folder, filesystem=FileSystem(), now_ms=lambda: 1)
    for first in range(0, RECORDS, 1000):
        entries = [
            (1, 0, [[b"SET", b"key:%d" % number, b"v"]], 1)
            for number in range(first, first + 1000)
        ]
        log.append(entries, log.last_seq)
    log.close()


@pytest.mark.slow
def test_clients_are_told_that_the_log_is_loading(server):
    server.stop()
    append_many(server.folder)
    server.process = subprocess.Popen(
        server._command, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + START_SECONDS
    client = None
    while client is None:
        assert time.monotonic() < deadline
        try:
            client = server.connect()
        except OSError:
            time.sleep(0.01)

    first, info = client.ask("GET", "key:1"), client.ask("INFO", "persistence")
    while (last := client.ask("GET", "key:1")) == LOADING:
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert first == LOADING
    assert b"\r\nloading:1\r\n" in info
    assert last == b"$1\r\nv\r\n"
    assert client.ask("DBSIZE") == b":%d\r\n" % RECORDS
