"""MONITOR: which commands it shows, when, and to whom, compared with a real server."""

import re

from tests.parity.harness import at, receive, send
from tests.parity.wire import Line

# A time with microseconds, the database, the client's address.
_SHOWN = re.compile(rb"\d+\.\d{6} (\[\d+ )(?:unix:[^\]]*|lua)(\] .*)", re.DOTALL)


def same_command(_words, ours, theirs):
    """Say whether two lines of a MONITOR show the same in the same database."""
    if type(ours) is not Line or type(theirs) is not Line:
        return False
    shown = [_SHOWN.fullmatch(line.text) for line in (ours, theirs)]
    return all(shown) and shown[0].groups() == shown[1].groups()


def compare(parity, script):
    """Compare a script in which "main" is in MONITOR."""
    parity(
        [at("other", "PING"), "MONITOR", *script], loose=same_command, witness="redis"
    )


def shown(*words, lines=1):
    """Return the steps in which another client runs a command that is shown."""
    return [at("other", *words), *(receive("main") for _ in range(lines))]


def test_monitor_shows_a_command_as_it_was_when_it_had_run(parity):
    compare(
        parity,
        [
            *shown("set", "k", b'a b\n\x00\xff"\\'),
            *shown("auth", "user", "pw"),
            at("other", "CONFIG", "GET", "timeout"),
            at("other", "GET", "k", "too many"),
            *shown("SELECT", 3),
            *shown("LPUSH", "l", 1),
            *shown("INCR", "l"),
            *shown("BLPOP", "nothing", "0.01"),
            *shown("RESET"),
            *shown("EVAL", "return redis.call('get', 'k')", 0, lines=2),
        ],
    )


def test_select_of_a_script_is_shown_with_the_new_database(parity):
    script = "redis.call('select', 3) redis.call('set', 'k', 1) redis.call('select', 4)"
    compare(
        parity,
        [*shown("EVAL", script, 0, lines=4), *shown("SELECT", 0), *shown("PING")],
    )


def test_monitor_shows_a_transaction_however_it_ends(parity):
    compare(
        parity,
        [
            *shown("MULTI"),
            at("other", "SELECT", 2),
            at("other", "SET", "k", "v"),
            at("other", "EVAL", "return redis.call('get', 'k')", 0),
            *shown("EXEC", lines=5),
            *shown("MULTI"),
            at("other", "NOSUCH"),
            *shown("EXEC"),
            *shown("WATCH", "k"),
            *shown("SET", "k", "w"),
            *shown("MULTI"),
            at("other", "GET", "k"),
            *shown("EXEC"),
            *shown("EXEC"),
            *shown("MULTI"),
            *shown("DISCARD"),
        ],
    )


def test_client_in_monitor_reaches_no_keys(parity):
    compare(
        parity,
        [
            "GET k",
            "SET k v",
            "PUBLISH channel message",
            ["EVAL", "return 1", 0],
            "DBSIZE",
            "PING",
            receive("main"),
            "SELECT 2",
            receive("main"),
            "GET",
            "MULTI",
            receive("main"),
            "GET k",
            "EXEC",
            receive("main"),
        ],
    )


def test_monitor_ends_with_reset(parity):
    compare(
        parity,
        [
            "RESET",
            at("other", "PING"),
            "GET k",
            "MONITOR",
            "SUBSCRIBE channel",
            receive("main"),
            "RESET",
            "PING",
        ],
    )


def test_monitor_says_nothing_while_replies_are_off(parity):
    compare(
        parity,
        [
            *shown("PING"),
            send("main", "CLIENT", "REPLY", "OFF"),
            at("other", "PING"),
            "CLIENT REPLY ON",
            receive("main"),
            *shown("ECHO", "again"),
        ],
    )


def test_monitor_inside_of_a_transaction_is_refused(parity):
    parity(["MULTI", "MONITOR", "PING", "EXEC", "PING"])


def test_second_monitor_is_not_answered(parity):
    compare(parity, [send("main", "MONITOR"), "PING", receive("main")])


def test_reset_behind_client_reply_skip_is_not_answered(parity):
    parity(
        [
            send("main", "CLIENT", "REPLY", "SKIP"),
            send("main", "RESET"),
            "PING",
            send("main", "CLIENT", "REPLY", "OFF"),
            "RESET",
            "PING",
        ]
    )
