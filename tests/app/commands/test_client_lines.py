"""What CLIENT LIST says of a client's replies."""

import re

import pytest

from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.state.buffers import IDLE_BYTES, Buffers
from tests.support.fakes import FakeClock


def test_buffers_of_replies_are_told_of_for_five_seconds(server_of_ours):
    line = {}
    clock, engine, session, other = server_of_ours
    for name, wait_ms in (("at once", 0), ("later", 5_000)):
        clock.advance(wait_ms)
        engine.context.read_clock()
        reply = engine.run(other, [[b"CLIENT", b"LIST", b"ID", b"1"]])
        line[name] = dict(re.findall(rb"(\S+)=(\S*)", reply))

    assert session.buffers().peak == 700
    assert [line[name][b"rbp"] for name in line] == [b"700", b"0"]
    assert {each[b"rbs"] for each in line.values()} == {b"0"}
    assert {each[b"tot-mem"] for each in line.values()} == {b"%d" % IDLE_BYTES}


@pytest.fixture
def server_of_ours():
    """Return a clock, an engine, a client that was sent 700 bytes, another."""
    clock = FakeClock()
    engine = Engine(Config(), now_ms=clock)
    first = engine.clients.open(1, buffers=lambda: Buffers(peak=700))
    engine.run(first, [[b"PING"]])
    return clock, engine, first, engine.clients.open(2)
