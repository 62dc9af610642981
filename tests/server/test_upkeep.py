"""Settings that are looked after off the road of commands: maxmemory, timeout."""

import pytest

from tests.parity.wire import encode
from tests.support.waiting import wait_until

OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
SECONDS_MAX = 60.0


def test_writes_that_grow_are_refused_beyond_maxmemory_until_it_is_raised(server):
    client = server.connect()
    client.ask("SET", "old", "1")
    client.ask("CONFIG", "SET", "maxmemory", "1mb")
    wait_until(lambda: client.ask("SET", "new", "1") == OOM)

    read, removed = client.ask("GET", "old"), client.ask("DEL", "old")
    scripted = client.ask("EVAL", "return redis.call('SET', 'new', '1')", 0)
    allowed = client.ask(
        "EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', 'oom', '1')", 0
    )
    client.ask("CONFIG", "SET", "maxmemory", "0")
    wait_until(lambda: client.ask("SET", "new", "1") == b"+OK\r\n")

    assert read == b"$1\r\n1\r\n"
    assert removed == b":1\r\n"
    assert scripted.startswith(b"-OOM command not allowed")
    assert allowed == b"+OK\r\n"


@pytest.mark.slow
def test_idle_clients_are_closed_after_the_timeout_and_waiting_ones_are_not(start):
    server = start("--timeout", "1")
    idle, blocked, listening = (server.connect() for _ in range(3))
    idle.ask("PING")
    blocked.send(encode(["BLPOP", "queue", "0"]))
    listening.ask("SUBSCRIBE", "channel")

    closed = idle.read()
    pusher = server.connect()
    pusher.ask("RPUSH", "queue", "job")

    assert closed == b"<closed>"
    assert blocked.read() == b"*2\r\n$5\r\nqueue\r\n$3\r\njob\r\n"
    assert not listening.is_closed
