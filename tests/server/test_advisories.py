"""Lessons of Redis's advisories: each guard, by the advisory's number, harmlessly.

docs/reliability.md lists all of them, with the tests elsewhere.
"""

import socket
import stat

import pytest

from tests.support.servers import start_joblog, start_redis8
from tests.support.services import connect as connect_when_ready
from tests.support.services import stop
from tests.support.waiting import wait_until

SESAME = "sesame"
SELECTORS = [
    *("%~x", "%", "%RR~x", "%X~x", "(", "(+get", "()x", "(+get))"),
    *("+get|", "+|get", "+@", "&\t", "~ "),
]


@pytest.fixture(params=[start_joblog, start_redis8])
def guarded(request):
    """Return a server with a password, ours and Redis."""
    with request.param("--requirepass", SESAME) as server:
        yield server


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"*11\r\n", b"-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (b"*1\r\n$16385\r\n", b"-ERR Protocol error: unauthenticated bulk length\r\n"),
    ],
)
def test_cve_2021_32675_requests_of_who_has_not_logged_in_are_small(
    guarded, said, told
):
    client = guarded.connect()

    client.send(said)

    assert client.read() == told


def test_cve_2025_21605_who_has_not_logged_in_is_closed_where_it_does_not_read(guarded):
    admin = guarded.connect()
    admin.ask("AUTH", SESAME)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(guarded.path)
        client.settimeout(60)

        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            client.sendall(b"PING\r\n" * 1_000_000)

    wait_until(lambda: b"connected_clients:1\r" in admin.ask("INFO", "clients"))


def test_cve_2021_32672_there_is_no_debugger_of_scripts():
    with start_joblog() as server:
        reply = server.connect().ask("SCRIPT", "DEBUG", "YES")

    assert reply == b"-ERR SCRIPT DEBUG is not supported\r\n"


@pytest.mark.parametrize("mode", [0o700, 0o770])
def test_cve_2023_45145_socket_has_its_mode_from_the_first_moment(home, launch, mode):
    process = launch("--unixsocketperm", f"{mode:o}", umask=0)
    while not (home / "s").exists():
        assert process.poll() is None

    assert stat.S_IMODE((home / "s").stat().st_mode) == mode
    connect_when_ready(home)
    stop(process)


@pytest.mark.parametrize("rule", SELECTORS)
def test_cve_2024_31227_malformed_rules_are_refused(rule, rules_of):
    ours, theirs = (server.ask("ACL", "SETUSER", "u", rule) for server in rules_of)

    assert ours.startswith(b"-ERR")
    assert ours == theirs


@pytest.fixture(scope="module")
def rules_of():
    with start_joblog() as ours, start_redis8() as theirs:
        yield ours.connect(), theirs.connect()


@pytest.mark.parametrize("nothing", [b"*0\r\n", b"*-1\r\n", b"\r\n", b" \r\n"])
def test_cve_2026_27623_an_empty_request_leaves_nothing_behind(server, nothing):
    client = server.connect()

    client.send(nothing + b"PING\r\n" + nothing + b"*1\r\n$4\r\nPING\r\n" + nothing)

    assert [client.read(), client.read()] == [b"+PONG\r\n"] * 2
    assert client.ask("ECHO", "x") == b"$1\r\nx\r\n"
