"""The real process under libfaketime: its clock jumps by a day while it runs.

Promise 11 of docs/reliability.md.
"""

import subprocess
import time

import pytest

from storage.filesystem import FileSystem
from storage.reader import read_records
from storage.verify import verify_log
from tests.servers import START_SECONDS, require_program

pytestmark = pytest.mark.slow

HOUR_MS = 3_600_000
DAYS = [
    pytest.param(["+1d", "-1d", "+0"], id="forwards, then back"),
    pytest.param(["-1d", "+1d", "+0"], id="back, then forwards"),
]


@pytest.fixture
def set_clock(monkeypatch, tmp_path):
    """Return a function that sets the clock of the servers started in this test.

    It takes what faketime takes, for instance "+1d". Clocks that nobody can set go on
    as they are.
    """
    program = require_program("faketime")
    library = subprocess.run(
        [program, "-f", "+0", "printenv", "LD_PRELOAD"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    path = tmp_path / "clock"

    def set_to(offset):
        aside = path.with_name("aside")
        aside.write_text(f"{offset}\n")
        aside.rename(path)

    set_to("+0")
    monkeypatch.setenv("LD_PRELOAD", library)
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(path))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    return set_to


def wait_until(is_so):
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("offsets", DAYS)
def test_a_clock_that_jumps_by_a_day_neither_expires_all_nor_stops_anything(
    set_clock, start, offsets
):
    server = start("--appendfsync", "always")
    client = server.connect()
    client.ask("SET", "long", "v", "PX", HOUR_MS)
    client.ask("HSET", "hash", "field", "v")
    client.ask("HPEXPIRE", "hash", HOUR_MS, "FIELDS", "1", "field")

    for offset in offsets:
        client.ask("SET", "short", "v", "PX", "400")
        set_clock(offset)

        assert client.ask("EXISTS", "long") == b":1\r\n"
        assert client.ask("HEXISTS", "hash", "field") == b":1\r\n"
        wait_until(lambda: client.ask("EXISTS", "short") == b":0\r\n")
        assert client.ask("BLPOP", "nothing", "0.3") == b"*-1\r\n"
        assert HOUR_MS * 0.9 < int(client.ask("PTTL", "long")[1:-2]) <= HOUR_MS
        client.ask("RPUSH", "list", offset)

    assert "the system clock jumped by" in server.output()
    server.kill()
    server.start()
    client = server.connect()
    assert client.ask("LLEN", "list") == b":3\r\n"
    assert HOUR_MS * 0.9 < int(client.ask("PTTL", "long")[1:-2]) <= HOUR_MS


@pytest.mark.parametrize("offsets", DAYS)
def test_record_times_never_run_backwards_over_jumps_and_restarts(
    set_clock, start, fold_equals_live, offsets
):
    """Also where the server begins on a day that never comes again."""
    server = start("--appendfsync", "always")
    for count in (1, 2):
        for offset in offsets:
            set_clock(offset)
            client = server.connect()
            assert client.ask("RPUSH", "list", offset).startswith(b":")
        server.kill()
        set_clock(offsets[count - 1])
        server.start()
        assert server.connect().ask("LLEN", "list") == b":%d\r\n" % (3 * count)
        fold_equals_live(server)
    assert server.connect().ask("RPUSH", "list", "last") == b":7\r\n"

    times = [
        record.at_ms for record in read_records(server.folder, filesystem=FileSystem())
    ]
    assert times == sorted(times)
    assert times[-1] - times[0] > 20 * HOUR_MS
    assert verify_log(server.folder, filesystem=FileSystem()).is_sound
