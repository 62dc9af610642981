"""Who may do what, before any user is made: a password, and what settings admit."""

import pytest

from tests.support.servers import start_joblog, start_redis

OPTIONS = ("--enable-debug-command", "no", "--requirepass", "word")
LINES = [
    "DEBUG",
    "DEBUG HELP",
    "DEBUG SLEEP 0",
    "MODULE LIST",
    "MODULE LOAD /x",
    "MODULE LOADEX /x",
    "MODULE UNLOAD x",
    "GET k",
    "MULTI",
    "NOSUCH",
    "GET",
    "AUTH wrong",
    "AUTH default word",
    "DEBUG HELP",
    "MODULE LOAD /x",
    "MULTI",
    "DEBUG SLEEP 0",
    "EXEC",
    "MULTI",
    "MODULE LOAD /x",
    "SET k v",
    "EXEC",
    "MULTI",
    "SAVE",
    "WATCH k",
    "SET k v",
    "EXEC",
    ["EVAL", "return redis.pcall('DEBUG', 'SLEEP', '0')", "0"],
    ["EVAL", "return {redis.acl_check_cmd('debug', 'x')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('get')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('config')}", "0"],
    ["EVAL", "return {redis.acl_check_cmd('config', 'get')}", "0"],
    ["EVAL", "return {pcall(redis.acl_check_cmd, 'config', 'nosuch')}", "0"],
    "RESET",
    "GET k",
    "MULTI",
]


@pytest.fixture(scope="module")
def replies():
    """Return what this server and a real one answer to each line, one after another."""
    found = []
    for start in (start_joblog, start_redis):
        with start(*OPTIONS) as server:
            connection = server.connect()
            argvs = [line.split() if isinstance(line, str) else line for line in LINES]
            found.append([connection.ask(*argv) for argv in argvs])
            connection.ask("AUTH", "word")
            stats = connection.ask("INFO", "commandstats").decode().splitlines()
            names = ("debug", "module", "save", "exec", "watch")
            found[-1].append(
                sorted(
                    line.split(":")[0] + line[line.index(",rejected_calls") :]
                    for line in stats
                    if line.startswith(tuple(f"cmdstat_{name}" for name in names))
                )
            )
    return found


def test_whoever_is_refused_is_told_the_same(replies):
    ours, theirs = replies

    assert dict(enumerate(zip(LINES, ours[:-1], strict=True))) == dict(
        enumerate(zip(LINES, theirs[:-1], strict=True))
    )


def test_what_is_refused_counts_as_rejected(replies):
    ours, theirs = replies

    assert ours[-1] == theirs[-1]
