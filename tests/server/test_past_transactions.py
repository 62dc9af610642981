"""Transactions in the past: what is answered in the present elsewhere is queued too."""

import pytest

from joblog.app import errors
from tests.parity.wire import encode
from tests.support.servers import start_joblog


@pytest.fixture
def locked():
    """Return a server with a password."""
    with start_joblog("--requirepass", "word") as server:
        yield server


@pytest.fixture
def secured(locked):
    """Return a client that has given the password, and looks back."""
    connection = locked.connect()
    connection.ask("AUTH", "word")
    connection.ask("SET", "a", "1")
    seq = connection.ask("CLIENT", "AT", "now")[1:-2].decode()
    assert connection.ask("CLIENT", "AT", f"@{seq}") == f":{seq}\r\n".encode()
    yield connection
    connection.close()


def ask_all(connection, *commands):
    return [connection.ask(*command.split()) for command in commands]


def test_hello_is_queued_inside_of_a_multi(secured):
    client = secured

    queued = ask_all(client, "MULTI", "HELLO 3", "GET a")
    ended = client.ask("EXEC")

    assert queued == [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n"]
    assert ended.startswith(b"*2\r\n%7\r\n")
    assert ended.endswith(b"$1\r\n1\r\n")
    assert client.ask("GET", "nosuch") == b"_\r\n"  # HELLO 3 holds from here on


LOGINS = ["AUTH word", "AUTH wrong", "auth default any", "HELLO 3 AUTH default word"]


@pytest.mark.parametrize("login", LOGINS)
def test_nobody_logs_in_inside_of_a_multi(secured, login):
    client = secured

    replies = ask_all(client, "MULTI", login, "GET a", "EXEC", "AUTH word", "GET a")

    assert replies[1] == b"-%b\r\n" % errors.LOGIN_IN_PAST
    assert replies[2:4] == [b"+QUEUED\r\n", b"-%b\r\n" % errors.EXEC_ABORTED]
    assert replies[4:] == [b"+OK\r\n", b"$1\r\n1\r\n"]


def test_limited_user_stays_limited_whatever_it_queues(locked):
    admin, client = locked.connect(), locked.connect()
    admin.ask("AUTH", "word")
    rules = ["on", ">secret", "~own:*", "+@all", "-config"]
    assert admin.ask("ACL", "SETUSER", "limited", *rules) == b"+OK\r\n"
    client.ask("AUTH", "limited", "secret")
    seq = client.ask("CLIENT", "AT", "now")[1:-2].decode()
    client.ask("CLIENT", "AT", f"@{seq}")

    replies = ask_all(client, "MULTI", "AUTH default any", "EXEC", "GET a")
    client.ask("CLIENT", "AT", "now")

    assert replies[1].startswith(b"-READONLY")
    assert replies[3].startswith(b"-NOPERM")
    assert client.ask("ACL", "WHOAMI") == b"$7\r\nlimited\r\n"
    assert client.ask("GET", "a").startswith(b"-NOPERM")
    admin.close(), client.close()


def test_a_pipeline_is_queued_as_a_whole(secured):
    client = secured
    words = (["MULTI"], ["HELLO"], ["GET", "a"], ["EXEC"], ["AUTH", "word"])

    client.send(b"".join(map(encode, words)))

    replies = [client.read() for _ in words]
    assert replies[:3] == [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n"]
    assert replies[3].startswith(b"*2\r\n*14\r\n")
    assert replies[4] == b"+OK\r\n"


def test_other_moments_are_refused_inside_of_a_multi(secured):
    client = secured

    replies = ask_all(
        client, "MULTI", "CLIENT AT now", "GET a", "EXEC", "CLIENT AT now"
    )

    assert replies[1] == b"-ERR Command not allowed inside a transaction\r\n"
    assert replies[3].startswith(b"-EXECABORT")
    assert replies[4].startswith(b":")


def test_reset_ends_transaction_and_visit(secured):
    client = secured

    replies = ask_all(client, "MULTI", "GET a", "RESET", "AUTH word", "GET a")

    assert replies[2:] == [b"+RESET\r\n", b"+OK\r\n", b"$1\r\n1\r\n"]
