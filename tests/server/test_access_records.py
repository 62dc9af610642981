"""The record of access: what the log has of logins, refusals and changes."""

import json
import subprocess
import sys

import pytest

SECRET = "sesame-open-9"


def told(server, *options):
    """Return what `replay audit --access` tells, line by line."""
    command = [sys.executable, "-m", "joblog.replay", "audit", str(server.folder)]
    done = subprocess.run(
        [*command, "--access", *options],
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout


def events(server):
    """Return (what, user, word) of each event."""
    _, lines = told(server, "--json")
    found = map(json.loads, lines.splitlines())
    return [(one["what"], one["user"], one["word"]) for one in found]


def test_who_could_and_who_did_is_in_the_log(start):
    server = start("--enable-debug-command", "no")
    admin, user = server.connect(), server.connect()
    rules = ("+get", "+eval", "+publish", "+multi", "+exec", "~own:*")
    admin.ask("ACL", "SETUSER", "worker", "on", f">{SECRET}", *rules)
    user.ask("AUTH", "worker", f"{SECRET}x")
    user.ask("AUTH", SECRET, SECRET)
    user.ask("HELLO", "2", "AUTH", "worker", SECRET)
    user.ask("GET", "other")
    user.ask("SET", "own:a", "1")
    user.ask("PUBLISH", "c", "1")
    user.ask("EVAL", "return redis.pcall('get', 'hidden')", "0")
    admin.ask("CONFIG", "SET", "timeout", "7", "requirepass", SECRET)
    admin.ask("FLUSHALL")
    admin.ask("SCRIPT", "FLUSH")
    admin.ask("ACL", "DELUSER", "worker")
    server.stop()

    assert events(server) == [
        ("change", "default", "ACL SETUSER worker"),
        ("auth", "worker", "AUTH"),
        ("auth", "", "AUTH"),
        ("login", "worker", ""),
        ("key", "worker", "other"),
        ("command", "worker", "set"),
        ("channel", "worker", "c"),
        ("key", "worker", "hidden"),
        ("change", "default", "CONFIG SET timeout 7 (was 0)"),
        ("change", "default", "CONFIG SET requirepass (set) (was (empty))"),
        ("change", "default", "SCRIPT FLUSH removed 1 scripts"),
        ("change", "default", "ACL DELUSER worker"),
    ]
    code, table = told(server)
    assert code == 0
    assert "command refused" in table
    for path in server._home.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(("setting", "count"), [("no", 0), ("users", 0), ("yes", 1)])
def test_setting_says_whether_access_is_recorded(start, setting, count):
    server = start("--log-access", setting)
    client = server.connect()

    client.ask("AUTH", "default", "x")
    client.ask("AUTH", "nobody", "x")
    server.stop()

    code, _ = told(server)
    assert (len(events(server)), code) == (count, 0 if count else 1)


def test_refusals_are_bounded_and_those_left_out_are_counted(start):
    server = start("--log-access", "yes", "--login-failure-delay", "0")
    client = server.connect()
    for _ in range(100):
        client.ask("AUTH", "nobody", "x")
    server.stop()

    assert 60 <= len(events(server)) < 100
