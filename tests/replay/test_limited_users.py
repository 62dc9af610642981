"""`replay` on a live server, by a user who may do no more than it needs."""

import subprocess
import sys

import pytest

from tests.support.folding import live_digest
from tests.support.servers import ROOT, start_joblog, start_redis

pytestmark = pytest.mark.slow
READS = ["+select", "+scan", "+dump", "+pttl", "+info", "+function|dump"]
REVERTS = [
    *("+log.info", "+log.history", "+client|setname", "+select", "+watch"),
    *("+multi", "+exec", "+set"),
]
LIBRARY = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"


def replay(*words):
    done = subprocess.run(
        [sys.executable, "-m", "joblog.replay", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module", params=[start_joblog, start_redis])
def server(request):
    """Return a server with a function, keys of each type and two databases."""
    with request.param() as running:
        client = running.connect()
        client.ask("FUNCTION", "LOAD", LIBRARY)
        client.ask("SET", "s", "1", "EX", "1000")
        client.ask("RPUSH", "l", "a", "b")
        client.ask("XADD", "x", "1-1", "f", "v")
        client.ask("XGROUP", "CREATE", "x", "g", "0")
        client.ask("SELECT", "3")
        client.ask("HSET", "h", "f", "v")
        yield running


def become(server, *rules):
    """Make a user who may do so much, and return the URL by which it is one."""
    client = server.connect()
    reset = ("ACL", "SETUSER", "replay", "reset", "on", ">secret")
    assert client.ask(*reset, *rules) == b"+OK\r\n"
    client.close()
    return f"unix://replay:secret@{server.path}"


def test_user_who_may_only_read_imports_all(server, tmp_path):
    url = become(server, "%R~*", "-@all", *READS)

    code, told = replay("import", tmp_path / "log", url)

    assert code == 0, told
    with start_joblog("--dir", str(tmp_path / "log")) as ours:
        assert live_digest(ours) == live_digest(server)
        assert b"mine" in ours.connect().ask("FUNCTION", "LIST")


@pytest.mark.parametrize("left_out", ["%R~*", "+function|dump"])
def test_import_without_one_of_these_rights_says_which_and_leaves_nothing(
    server, left_out, tmp_path
):
    url = become(server, *({"%R~*", *READS} - {left_out}))

    code, told = replay("import", tmp_path / "log", url)

    assert code == 1
    assert "NOPERM" in told
    if left_out != "%R~*":
        assert f"'{left_out[1:]}'" in told
    assert "secret" not in told
    assert not (tmp_path / "log").exists()


def last_seq(client):
    fields = client.ask("LOG.INFO").split(b"\r\n")
    return int(fields[fields.index(b"last_seq") + 1].lstrip(b":"))


def test_user_with_the_rights_for_it_reverts_what_its_keys_are_about():
    with start_joblog() as server:
        client = server.connect()
        client.ask("SET", "own:k", "before")
        client.ask("SET", "own:k", "after")
        record = f"@{last_seq(client)}"
        command = ("revert", server.folder, record, "--apply", "--url")

        code, told = replay(*command, become(server, "~x:*", "-@all", *REVERTS))

        assert code == 1
        assert "NOPERM" in told
        assert client.ask("GET", "own:k") == b"$5\r\nafter\r\n"

        code, told = replay(*command, become(server, "~own:*", "-@all", *REVERTS))

        assert code == 0, told
        assert client.ask("GET", "own:k") == b"$6\r\nbefore\r\n"
