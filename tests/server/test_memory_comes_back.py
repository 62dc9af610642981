"""Memory that clients had the server take goes back to the system when it is free."""

from pathlib import Path

import pytest

from tests.fuzz.rest import size_of
from tests.parity.wire import encode
from tests.support.waiting import wait_until

MIB_IN_KIB = 1024
VALUES = 1000
LONG = 200_000
SHORT = 3000


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux's /proc")
def test_flushed_values_between_others_that_stay_leave_the_process(start):
    server = start("--appendonly", "no")
    client = server.connect()
    before = size_of(server).kib

    for number in range(VALUES):
        long, short = b"long:%d" % number, b"short:%d" % number
        client.ask("SETRANGE", long, LONG, "x")
        # What lies behind a long block keeps the C library from giving it back.
        client.ask("SET", short, "x" * SHORT)
    full = size_of(server).kib
    client.send(b"".join(encode(["DEL", b"long:%d" % n]) for n in range(VALUES)))
    for _ in range(VALUES):
        assert client.read() == b":1\r\n"

    assert full - before > VALUES * LONG // 1024
    wait_until(lambda: size_of(server).kib < before + 32 * MIB_IN_KIB)
