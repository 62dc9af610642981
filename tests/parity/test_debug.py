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
            "DEBUG QUICKLIST-PACKED-THRESHOLD 0",  # as it was at the start
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


def in_script(*words, resp=2):
    """Return a step in which a script calls DEBUG."""
    arguments = ",".join(f"'{word}'" for word in ("debug", *words))
    text = f"redis.setresp({resp}) return redis.call({arguments})"
    return ["EVAL", text, 0]


SHOWN_IN_LUA = {
    "double": "r.double == 3.141",
    "bignum": "r.big_number",
    "verbatim": "r.verbatim_string.format .. r.verbatim_string.string",
    "map": "{r.map[0], r.map[1], r.map[2]}",
    "set": "{r.set[0], r.set[1], r.set[2]}",
    "null": "tostring(r)",
    "true": "tostring(r)",
    "false": "tostring(r)",
    "attrib": "r",
}


@pytest.mark.parametrize("kind", [*KINDS.split(), "attrib"])
def test_scripts_get_each_type_once_debug_is_let_in(parity, kind):
    steps = ["DEBUG SET-DISABLE-DENY-SCRIPTS 1", in_script("protocol", kind)]
    if kind not in {"map", "set"}:  # the order of a table
        steps.append(in_script("protocol", kind, resp=3))
    if kind in SHOWN_IN_LUA:
        text = f"redis.setresp(3) local r = redis.call('debug', 'protocol', '{kind}') "
        steps.append(["EVAL", f"{text} return {SHOWN_IN_LUA[kind]}", 0])
    steps += ["DEBUG SET-DISABLE-DENY-SCRIPTS 0", in_script("protocol", kind)]
    parity(steps, witness="redis")


def test_scripts_may_debug_while_the_switch_says_so(parity):
    text = """
        redis.call('set', 'k', 'v', 'px', 1)
        redis.call('debug', 'sleep', '0.01')
        return redis.call('get', 'k')
    """
    parity(
        [
            in_script("sleep", "0"),
            "DEBUG SET-DISABLE-DENY-SCRIPTS 1",
            in_script("sleep", "0"),
            in_script("set-active-expire", "1"),
            in_script("object", "nosuch"),
            in_script("jmap"),
            in_script("error", "x"),
            in_script("error", "WRONG x"),
            in_script("digest"),
            ["EVAL", text, 1, "k"],
            ["EVAL_RO", "return redis.call('debug', 'protocol', 'string')", 0],
            ["EVAL", "return redis.call('config', 'get', 'timeout')", 0],
            ["EVAL", "return redis.call('acl', 'whoami')", 0],
            "DEBUG SET-DISABLE-DENY-SCRIPTS 0",
            in_script("sleep", "0"),
            ["EVAL", "return redis.call('config', 'get', 'timeout')", 0],
        ],
        witness="redis",
        digest=False,
    )


def test_restore_takes_a_wrong_checksum_once_nobody_looks(parity):
    wrong = b"\x00\x01v\x09\x00" + b"\x01" * 8
    parity(
        [
            ["RESTORE", "k", 0, wrong],
            "DEBUG SET-SKIP-CHECKSUM-VALIDATION 1",
            ["RESTORE", "k", 0, wrong],
            "GET k",
            ["RESTORE", "k", 1000000, wrong, "REPLACE"],
            "DEBUG SET-SKIP-CHECKSUM-VALIDATION 0",
            ["RESTORE", "k", 0, wrong, "REPLACE"],
        ],
        witness="redis",
    )


def test_pausing_the_cron_leaves_expired_keys_hidden(parity):
    parity(
        [
            "DEBUG SET-ACTIVE-EXPIRE 0",
            "DEBUG PAUSE-CRON 1",
            "DEBUG PAUSE-CRON 0",
            "PSETEX k 1 v",
            "DEBUG SLEEP 0.3",
            "DBSIZE",
            "DEBUG SET-ACTIVE-EXPIRE 1",
            "GET k",
        ],
        witness="redis",
    )
