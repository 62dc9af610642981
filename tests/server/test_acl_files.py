"""Users that last: in a file of their own, or in the configuration."""

import sys

import pytest

from tests.support.servers import ServerProcess, start_joblog

USERS = """\
user alice on >sesame ~jobs:* +@read

user default on nopass ~* &* +@all
"""


@pytest.fixture
def server(tmp_path):
    """Return a server whose users are in a file."""
    path = tmp_path / "users.acl"
    path.write_text(USERS)
    with start_joblog("--aclfile", str(path)) as started:
        yield started, path


def test_users_of_the_file_are_there_and_are_loaded_and_saved(server):
    started, path = server
    admin, alice = started.connect(), started.connect()
    assert alice.ask("AUTH", "alice", "sesame") == b"+OK\r\n"
    assert alice.ask("GET", "jobs:1") == b"$-1\r\n"
    assert alice.ask("SET", "jobs:1", "x").startswith(b"-NOPERM User alice has no perm")

    assert admin.ask("ACL", "SETUSER", "bob", "on", ">other", "+get") == b"+OK\r\n"
    assert admin.ask("ACL", "SAVE") == b"+OK\r\n"

    text = path.read_text()
    assert [line.split()[1] for line in text.splitlines()] == [
        "alice",
        "bob",
        "default",
    ]
    assert "sesame" not in text
    path.write_text("user alice on nopass ~jobs:* +@write +ping\n")
    assert admin.ask("ACL", "LOAD") == b"+OK\r\n"
    assert alice.ask("SET", "jobs:1", "x") == b"+OK\r\n"
    assert admin.ask("ACL", "USERS") == b"*2\r\n$5\r\nalice\r\n$7\r\ndefault\r\n"
    path.write_text("")
    assert admin.ask("ACL", "LOAD") == b"+OK\r\n"
    assert alice.ask("PING") == b"<closed>"


def test_bad_file_changes_nothing_and_is_told_line_by_line(server):
    started, path = server
    admin = started.connect()
    before = admin.ask("ACL", "LIST")
    path.write_text(
        "user a on\nbob\nuser a off\nuser c +nosuch -@none x y\nuser d (+get\n"
    )

    reply = admin.ask("ACL", "LOAD").decode()

    assert reply == (
        f"-ERR {path}:2 should start with user keyword followed by the username. "
        "WARNING: Duplicate user 'a' found on line 3. "
        f"{path}:4: Error in applying operation '+nosuch': Unknown command or category "
        f"name in ACL. {path}:4: Error in applying operation '-@none': Unknown command "
        f"or category name in ACL. {path}:4: Syntax error. "
        f"{path}:5: Unmatched parenthesis in selector definition. "
        "WARNING: ACL errors detected, no change to the previously active ACL rules "
        "was performed\r\n"
    )
    assert admin.ask("ACL", "LIST") == before
    path.unlink()
    assert admin.ask("ACL", "LOAD").startswith(b"-ERR Error loading ACLs, opening file")
    assert admin.ask("ACL", "SAVE") == b"+OK\r\n"
    assert admin.ask("ACL", "LOAD") == b"+OK\r\n"
    assert admin.ask("ACL", "LIST") == before
    assert path.stat().st_mode & 0o077 == 0


def test_password_of_the_settings_stays_where_the_file_names_no_default_user(tmp_path):
    path = tmp_path / "users.acl"
    path.write_text("user alice on nopass +ping\n")
    options = ("--aclfile", str(path), "--requirepass", "sesame")
    with start_joblog(*options) as started:
        client = started.connect()
        assert client.ask("PING").startswith(b"-NOAUTH")
        assert client.ask("AUTH", "sesame") == b"+OK\r\n"
        assert client.ask("ACL", "LOAD") == b"+OK\r\n"
        assert started.connect().ask("PING").startswith(b"-NOAUTH")


def test_users_of_the_configuration_hold_and_are_rewritten(tmp_path):
    path = tmp_path / "joblog.conf"
    path.write_text("user default off\nuser alice on >sesame +@all ~* &*\n")
    program = [sys.executable, "-m", "joblog", str(path)]
    with ServerProcess("joblog", program) as server:
        client = server.connect()
        assert client.ask("PING").startswith(b"-NOAUTH")
        assert client.ask("AUTH", "alice", "sesame") == b"+OK\r\n"
        assert client.ask("ACL", "SETUSER", "alice", "-flushall") == b"+OK\r\n"
        assert client.ask("FLUSHALL").startswith(b"-NOPERM")
        assert client.ask("CONFIG", "REWRITE") == b"+OK\r\n"
    lines = path.read_text().splitlines()
    assert lines[0].startswith("user alice on #")
    assert lines[0].endswith(" ~* &* +@all -flushall")
    assert lines[1] == "user default off resetchannels -@all"
    assert "sesame" not in path.read_text()
