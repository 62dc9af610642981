"""A login that fails is answered late, in Redis's words, and holds up nobody else."""

import time

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.waiting import wait_until

SESAME = "sesame"
WRONG = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
NOT_YET = b"-NOAUTH Authentication required.\r\n"
LATE_SECONDS = 0.4


@pytest.fixture
def server(start):
    """Return a server with a password, and with a delay that shows."""
    delay = str(round(LATE_SECONDS * 1000))
    return start("--requirepass", SESAME, "--login-failure-delay", delay)


@pytest.fixture
def admin(server):
    """Return a client that has logged in; in the end everybody has."""
    client = server.connect()
    assert client.ask("AUTH", SESAME) == b"+OK\r\n"
    yield client
    assert client.ask("CONFIG", "SET", "requirepass", "") == b"+OK\r\n"


def replies(client, *lines):
    """Return the replies to lines that are sent in one go, and the seconds."""
    began = time.monotonic()
    client.send("".join(f"{line}\r\n" for line in lines).encode())
    return [client.read() for _ in lines], time.monotonic() - began


def test_each_failure_of_a_pipeline_holds_up_what_comes_behind(server, admin):
    client = server.connect()

    answers, seconds = replies(
        client, "PING", "AUTH x", "HELLO 3 AUTH default y", f"AUTH {SESAME}", "PING"
    )

    assert answers == [NOT_YET, WRONG, WRONG, b"+OK\r\n", b"+PONG\r\n"]
    assert seconds >= 2 * LATE_SECONDS
    assert replies(client, "PING", f"AUTH {SESAME}")[0] == [b"+PONG\r\n", b"+OK\r\n"]


def test_others_are_served_meanwhile_and_nobody_logs_in_by_what_waits(server, admin):
    client = server.connect()
    client.send(b"AUTH x\r\nAUTH sesame\r\nSET k 1\r\n")

    asked = 0
    while admin.ask("EXISTS", "k") == b":0\r\n":
        asked += 1

    assert asked > 1
    assert [client.read() for _ in range(3)] == [WRONG, b"+OK\r\n", b"+OK\r\n"]


def test_failures_inside_of_a_transaction_count_each(server, admin):
    answers, seconds = replies(
        admin, "MULTI", "AUTH x", "AUTH y", "SET k 1", "EXEC", "GET k"
    )

    queued = 3 * [b"+QUEUED\r\n"]
    assert answers == [
        b"+OK\r\n",
        *queued,
        b"*3\r\n" + 2 * WRONG + b"+OK\r\n",
        b"$1\r\n1\r\n",
    ]
    assert seconds >= 2 * LATE_SECONDS


def test_a_client_that_goes_while_it_waits_is_gone_at_once(server, admin):
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.send(b"AUTH x\r\nSET k 1\r\n")
    wait_until(lambda: b"acl_access_denied_auth:20\r" in admin.ask("INFO", "stats"))

    for client in clients:
        client.close()

    wait_until(lambda: b"connected_clients:1\r" in admin.ask("INFO", "clients"))
    assert admin.ask("EXISTS", "k") == b":0\r\n"


def test_broken_bytes_behind_a_failure_are_answered_behind_it(server, admin):
    client = server.connect()

    client.send(b"AUTH x\r\n*1\r\n$-9\r\n")

    assert client.read() == WRONG
    assert client.read() == b"-ERR Protocol error: invalid bulk length\r\n"
    assert client.read() == b"<closed>"


def test_redis_py_is_told_what_redis_tells_it(server, admin):
    once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(unix_socket_path=server.path, password="x", retry=once) as client,
        pytest.raises(redis.AuthenticationError) as caught,
    ):
        client.ping()

    assert "invalid username-password pair" in str(caught.value)


def test_setting_says_how_late_and_zero_is_at_once(server, admin):
    assert admin.ask("CONFIG", "SET", "login-failure-delay", "0") == b"+OK\r\n"
    client = server.connect()

    answers, seconds = replies(client, *50 * ["AUTH x"])

    assert answers == 50 * [WRONG]
    assert seconds < 50 * LATE_SECONDS
