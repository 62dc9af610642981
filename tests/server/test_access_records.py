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


LIBRARY = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"
SCRIPT = "return 1"
SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"


def test_scripts_and_functions_are_recorded_as_they_come_and_go(start):
    server = start("--log-access", "yes")
    client = server.connect()
    for _ in range(2):  # the second changes nothing
        client.ask("SCRIPT", "LOAD", SCRIPT)
    client.ask("FUNCTION", "LOAD", LIBRARY)
    client.ask("FUNCTION", "LOAD", LIBRARY)  # refused
    dumped = client.ask("FUNCTION", "DUMP").partition(b"\r\n")[2][:-2]
    client.ask("FUNCTION", "DELETE", "mine")
    client.ask("FUNCTION", "RESTORE", dumped)
    client.ask("FUNCTION", "FLUSH")
    server.stop()

    assert [word for _, _, word in events(server)] == [
        f"SCRIPT LOAD {SHA}",
        "FUNCTION LOAD mine",
        "FUNCTION DELETE mine",
        "FUNCTION RESTORE APPEND mine",
        "FUNCTION FLUSH removed all libraries",
    ]


def test_what_is_refused_in_the_past_is_kept_in_the_present(start):
    server = start("--log-access", "yes")
    admin, user = server.connect(), server.connect()
    admin.ask("SET", "k", "1")
    admin.ask("ACL", "SETUSER", "u", "on", "nopass", "~own:*", "+@all", "-dump")
    user.ask("AUTH", "u", "x")
    assert user.ask("CLIENT", "AT", "1") == b":1\r\n"

    user.send(b"GET k\r\nGET k\r\nDUMP own:1\r\nMULTI\r\nGET z\r\n")
    assert [user.read()[:7] for _ in range(5)] == [
        *(3 * [b"-NOPERM"]),
        b"+OK\r\n",
        b"-NOPERM",
    ]

    told = admin.ask("ACL", "LOG")
    assert told.count(b"entry-id") == 3
    for words in (b"$7\r\ncommand\r\n", b"$4\r\ndump\r\n", b"$5\r\nmulti\r\n"):
        assert words in told
    assert b"acl_access_denied_key:3\r\n" in admin.ask("INFO", "stats")
    assert b"acl_access_denied_cmd:1\r\n" in admin.ask("INFO", "stats")
    server.stop()
    refused = [event for event in events(server) if event[0] not in ("change", "login")]
    assert refused == [("key", "u", "k"), ("command", "u", "dump"), ("key", "u", "z")]
