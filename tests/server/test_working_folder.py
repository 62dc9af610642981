"""Relative paths of the settings begin in `dir`, as they do in Redis."""

import contextlib
import subprocess
import sys

import pytest

from tests.parity.wire import Connection
from tests.support.servers import require_program
from tests.support.waiting import wait_until

USERS = "user default on nopass ~* &* +@all\nuser worker on nopass ~jobs:* +@all\n"
NAMES = ("aclfile", "logfile", "pidfile", "unixsocket")


@pytest.fixture(params=["joblog", "redis"])
def program(request):
    """Return the words that start a server."""
    if request.param == "joblog":
        return [sys.executable, "-m", "joblog"]
    return [require_program("redis-server")]


@pytest.fixture
def home(tmp_path):
    """Return a folder with a configuration, and a data folder that has users in it."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "users.acl").write_text(USERS)
    lines = ["port 0", "aclfile users.acl", "logfile it.log", "pidfile it.pid"]
    lines += ["unixsocket it.sock", 'save ""']
    (tmp_path / "it.conf").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def launch(home, program):
    """Return a function that starts the server and connects to its Unix socket."""
    started = []
    clients = []

    def start(*options, socket="data/it.sock", cwd=home):
        process = subprocess.Popen([*program, *options], cwd=cwd)
        started.append(process)

        def serves():
            with contextlib.suppress(OSError):
                clients.append(Connection(str(home / socket)))
            return bool(clients) or process.poll() is not None

        wait_until(serves, seconds=30)
        assert process.poll() is None
        return clients[0]

    yield start
    for client in clients:
        client.close()
    for process in started:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("folder", ["data", "absolute"])
def test_relative_paths_begin_in_the_data_folder(home, launch, folder):
    folder = str(home / "data") if folder == "absolute" else folder

    client = launch("it.conf", "--dir", folder)

    assert client.ask("ACL", "USERS") == b"*2\r\n$7\r\ndefault\r\n$6\r\nworker\r\n"
    assert client.ask("CONFIG", "GET", "aclfile").endswith(b"$9\r\nusers.acl\r\n")
    where = str(home / "data").encode()
    assert client.ask("CONFIG", "GET", "dir").endswith(b"%b\r\n" % where)
    found = {path.name for path in (home / "data").iterdir()}
    assert {"it.log", "it.pid", "it.sock"} <= found
    assert not {"it.log", "it.pid", "it.sock"} & {x.name for x in home.iterdir()}


def test_users_are_saved_and_settings_rewritten_where_they_were_read(home, launch):
    client = launch("it.conf", "--dir", "data")

    assert client.ask("ACL", "SETUSER", "other", "on", "nopass") == b"+OK\r\n"
    assert client.ask("ACL", "SAVE") == b"+OK\r\n"
    assert client.ask("CONFIG", "SET", "timeout", 77) == b"+OK\r\n"
    assert client.ask("CONFIG", "REWRITE") == b"+OK\r\n"

    assert "user other on nopass" in (home / "data" / "users.acl").read_text()
    text = (home / "it.conf").read_text()
    assert "timeout 77" in text
    assert f"dir {home / 'data'}" in text.replace('"', "")


def test_relative_paths_begin_where_it_was_started_without_a_data_folder(home, launch):
    (home / "users.acl").write_text(USERS)

    client = launch("it.conf", socket="it.sock")

    assert client.ask("ACL", "USERS") == b"*2\r\n$7\r\ndefault\r\n$6\r\nworker\r\n"
    assert (home / "it.log").exists()


def test_data_folder_that_is_missing_is_made_and_the_log_file_lies_in_it(home):
    words = [sys.executable, "-m", "joblog", "it.conf", "--dir", "new/data"]
    (home / "it.conf").write_text('port 0\nunixsocket it.sock\nlogfile it.log\nsave ""')
    checked = subprocess.run(
        [*words[:3], "--check-config", *words[3:]],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert not (home / "new").exists()

    process = subprocess.Popen(words, cwd=home)
    try:
        wait_until((home / "new" / "data" / "it.sock").exists, seconds=30)
        assert (home / "new").stat().st_mode & 0o077 == 0
        assert (home / "new" / "data" / "it.log").exists()
    finally:
        process.terminate()
        process.wait(30)
