"""DEBUG, as far as test suites use it."""

import re

import pytest


def test_debug_subcommands_answer_as_in_redis(parity):
    parity(
        [
            "DEBUG",
            "DEBUG jmap",
            "DEBUG DIGEST x",
            "DEBUG SLEEP 0",
            "DEBUG SLEEP x",
            "DEBUG SLEEP",
            "DEBUG SET-ACTIVE-EXPIRE 1",
            "DEBUG SET-ACTIVE-EXPIRE",
            "DEBUG CHANGE-REPL-ID",
            "DEBUG QUICKLIST-PACKED-THRESHOLD 100",
            "DEBUG QUICKLIST-PACKED-THRESHOLD 1gb",
            "DEBUG QUICKLIST-PACKED-THRESHOLD x",
            "DEBUG SET-DISABLE-DENY-SCRIPTS 0",
            "DEBUG PAUSE-CRON 0",
            ["DEBUG", "ERROR", "WRONG something"],
            "DEBUG ERROR",
            ["DEBUG", "LOG", "a word from a test"],
            "DEBUG OBJECT nosuch",
            "DEBUG RELOAD BAD",
        ],
    )


def test_debug_reload_keeps_all_data(parity):
    parity(
        [
            "SET s v",
            "RPUSH l a b c",
            "ZADD z 1.5 m",
            "DEBUG RELOAD",
            "GET s",
            "LRANGE l 0 -1",
            "ZRANGE z 0 -1 WITHSCORES",
        ],
        witness="redis",
    )


def test_debug_populate_adds_keys(parity):
    parity(
        [
            "SET key:1 mine",
            "DEBUG POPULATE 3",
            "MGET key:0 key:1 key:2",
            "DEBUG POPULATE 2 p 4",
            "MGET p:0 p:1",
            "DEBUG POPULATE 1 long 12",
            "GET long:0",
            "DEBUG POPULATE x",
            "DEBUG POPULATE -1",
            "DBSIZE",
        ]
    )


KINDS = "string integer double bignum null array set map verbatim true false nosuch"


@pytest.mark.parametrize("kind", KINDS.split())
def test_debug_protocol_gives_a_sample_of_a_type(parity, kind):
    parity([["DEBUG", "PROTOCOL", kind]], witness="redis")


@pytest.mark.parametrize(
    "text", ["", "bar", "0", "-1", "127", "128", "-129", "32768", "2147483647", "007"]
)
def test_length_serialized_of_a_string_is_what_a_snapshot_takes(parity, text):
    def same_length(words, ours, theirs):
        found = [
            re.search(rb"serializedlength:\d+ ", each.text) for each in (ours, theirs)
        ]
        return found[0].group() == found[1].group()

    parity([["SET", "k", text], "DEBUG OBJECT k"], loose=same_length)
