"""What takes long is done in slices; in the end it is done all the same."""

import pytest

from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

DEADLINE_SECONDS = 60.0
MEMBERS = [f"m{number}" for number in range(20_000)]


@pytest.fixture
def server():
    with start_joblog() as started:
        yield started


def field(connection, section, name):
    text = connection.ask("INFO", section).decode()
    return int(text.split(f"{name}:")[1].split("\r\n")[0])


def test_large_values_are_freed_and_counted(server):
    connection = server.connect()
    connection.ask("SADD", "set", *MEMBERS)
    connection.ask("RPUSH", "list", *MEMBERS)
    connection.ask("SET", "small", "v")

    assert connection.ask("UNLINK", "set", "small") == b":2\r\n"
    assert connection.ask("RENAME", "list", "other") == b"+OK\r\n"
    assert connection.ask("LLEN", "other") == b":20000\r\n"
    assert connection.ask("SET", "other", "v") == b"+OK\r\n"

    wait_until(lambda: field(connection, "memory", "lazyfreed_objects") == 2)
    assert field(connection, "memory", "lazyfree_pending_objects") == 0
    connection.ask("CONFIG", "RESETSTAT")
    assert field(connection, "memory", "lazyfreed_objects") == 0


def test_keys_that_are_due_at_once_all_expire_unseen(server):
    connection = server.connect()
    words = [word for member in MEMBERS for word in (member, "v")]
    connection.ask("MSET", *words)
    # Time stands still in a script, so all are due in the same millisecond.
    script = "for i = 0, 4999 do redis.call('PEXPIRE', 'm' .. i, 300) end"
    connection.ask("EVAL", script, "0")

    wait_until(lambda: connection.ask("DBSIZE") == b":15000\r\n")
    assert field(connection, "stats", "expired_keys") == 5000
