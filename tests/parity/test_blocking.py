"""Blocking pops, against Valkey: who is served, with what, in which order."""

import struct

import pytest

from tests.parity.harness import at, raw, receive, send
from tests.parity.wire import encode
from tests.support.payloads import payload, strings

TIMED_OUT = [
    ["BLPOP", "k", "j", "0.01"],
    ["BRPOP", "k", "0.01"],
    ["BRPOPLPUSH", "k", "d", "0.01"],
    ["BLMOVE", "k", "d", "LEFT", "RIGHT", "0.01"],
    ["BLMPOP", "0.01", 2, "k", "j", "LEFT"],
    ["BZPOPMIN", "k", "j", "0.01"],
    ["BZPOPMAX", "k", "0.01"],
    ["BZMPOP", "0.01", 1, "k", "MAX"],
]
FOREVER = [[0 if word == "0.01" else word for word in words] for words in TIMED_OUT]


def name(words):
    return str(words[0])


@pytest.mark.parametrize("words", TIMED_OUT, ids=name)
def test_null_is_the_reply_when_the_time_is_over(parity, words):
    parity([words, ["PING"]])


@pytest.mark.parametrize("words", FOREVER, ids=name)
def test_nothing_waits_inside_of_a_transaction_or_script(parity, words):
    arguments = ",".join(f"'{word}'" for word in words)
    parity(
        [
            "MULTI",
            words,
            "EXEC",
            ["EVAL", f"return redis.call({arguments})", 0],
        ]
    )


@pytest.mark.parametrize("words", FOREVER, ids=name)
def test_what_is_there_already_is_taken_at_once(parity, words):
    fill = [["ZADD", "k", 1, "a", 2.5, "b"]]
    if "Z" not in words[0]:
        fill = [["RPUSH", "k", "a", "b"]]
    parity([*fill, words, words, ["EXISTS", "k"], ["LRANGE", "d", 0, -1]])


@pytest.mark.parametrize("words", FOREVER, ids=name)
def test_waiter_is_served_when_its_key_comes(parity, words):
    fill = "ZADD k 1 a 2.5 b" if "Z" in words[0] else "RPUSH k a b"
    parity(
        [
            send("worker", *words),
            fill,
            receive("worker"),
            ["EXISTS", "k"],
            ["LRANGE", "d", 0, -1],
        ]
    )


@pytest.mark.parametrize("words", FOREVER, ids=name)
def test_wrong_type_is_an_error_at_once(parity, words):
    parity(["SET k string", words])


BAD_TIMEOUTS = ["-1", "-0.1", "nan", "inf", "-inf", "1e400", "x", "", " 1", "1 "]
BAD_TIMEOUTS += ["9223372036854775807", "99999999999999999999", "1e16", "0x1p70"]


@pytest.mark.parametrize("timeout", BAD_TIMEOUTS)
def test_bad_timeouts_are_refused(parity, timeout):
    parity(
        [
            ["BLPOP", "k", timeout],
            ["BLMPOP", timeout, 1, "k", "LEFT"],
            ["BLMOVE", "k", "d", "LEFT", "LEFT", timeout],
            ["BZMPOP", timeout, 1, "k", "MIN"],
        ],
        protocols=[2],
    )


@pytest.mark.parametrize("timeout", ["1e-9", "0.004", "+0.01", "0x0.01p0", ".01"])
def test_odd_timeouts_are_numbers(parity, timeout):
    parity([["BLPOP", "k", timeout]], protocols=[2])


WRONG = [
    ["BLPOP", "k"],
    ["BLMPOP", "x", 0, "k", "LEFT"],
    ["BLMPOP", 1, 0, "k", "LEFT"],
    ["BLMPOP", 1, "x", "k", "LEFT"],
    ["BLMPOP", 1, 1, "k", "UP"],
    ["BLMPOP", 1, 1, "k"],
    ["BLMPOP", 1, 2, "k", "LEFT"],
    ["BLMPOP", 1, 1, "k", "LEFT", "COUNT", 0],
    ["BLMPOP", 1, 1, "k", "LEFT", "COUNT"],
    ["BLMPOP", 1, 1, "k", "LEFT", "COUNT", 1, "x"],
    ["BLMPOP", "bad", 1, "k", "UP"],
    ["BLMOVE", "k", "d", "UP", "LEFT", "bad"],
    ["BLMOVE", "k", "d", "LEFT", "UP", "bad"],
    ["BLMOVE", "k", "d", "LEFT", "LEFT"],
    ["BRPOPLPUSH", "k", "d"],
    ["BRPOPLPUSH", "k", "d", "bad"],
    ["BZPOPMIN", "k"],
    ["BZMPOP", 1, 0, "k", "MIN"],
    ["BZMPOP", 1, 1, "k", "LEFT"],
    ["BZMPOP", 1, 2, "k", "MIN"],
    ["BZMPOP", 1, 1, "k", "MIN", "COUNT", -1],
    ["BZMPOP", "bad", 0, "k", "NO"],
]


def test_wrong_arguments_are_refused(parity):
    parity(WRONG, protocols=[2])


def test_first_come_is_first_served(parity):
    parity(
        [
            *[send(f"w{n}", "BLPOP", "q", 0) for n in range(4)],
            "RPUSH q a b",
            receive("w0"),
            receive("w1"),
            "RPUSH q c",
            receive("w2"),
            "LPUSH q d e",
            receive("w3"),
            "LRANGE q 0 -1",
        ]
    )


def test_keys_are_looked_at_in_the_order_of_the_arguments(parity):
    parity(
        [
            send("worker", "BRPOP", "k0", "k3", "k6", 0),
            "MULTI",
            "RPUSH k6 c",
            "RPUSH k3 b",
            "RPUSH k0 a",
            "EXEC",
            receive("worker"),
            send("worker", "BRPOP", "k9", "k6", "k3", 0),
            receive("worker"),
            "KEYS *",
        ]
    )


def test_same_key_named_twice_is_one(parity):
    parity(
        [
            send("worker", "BLPOP", "k", "k", 0),
            "RPUSH k a b",
            receive("worker"),
            "LRANGE k 0 -1",
            send("worker", "BLPOP", "k", "k", "0.02"),
            receive("worker"),
            send("worker", "BLPOP", "k", "k", "0.02"),
            receive("worker"),
        ]
    )


LIBRARY = """#!lua name=pushing
redis.register_function(
  'push', function(keys) return redis.call('RPUSH', keys[1], 1) end)
"""
WAYS = [
    pytest.param([["RENAME", "full", "q"]], id="RENAME"),
    pytest.param([["RENAMENX", "full", "q"]], id="RENAMENX"),
    pytest.param([["COPY", "full", "q"]], id="COPY"),
    pytest.param([["LMOVE", "full", "q", "LEFT", "LEFT"]], id="LMOVE"),
    pytest.param([["RPOPLPUSH", "full", "q"]], id="RPOPLPUSH"),
    pytest.param([["SORT", "full", "ALPHA", "STORE", "q"]], id="SORT STORE"),
    pytest.param([["MULTI"], ["RPUSH", "q", "x"], ["EXEC"]], id="EXEC"),
    pytest.param(
        [["EVAL", "return redis.call('RPUSH', 'q', 'x', 'y')", 0]], id="script"
    ),
    pytest.param(
        [["SELECT", 1], ["RPUSH", "q", "x"], ["MOVE", "q", 0], ["SELECT", 0]], id="MOVE"
    ),
    pytest.param(
        [["SELECT", 1], ["RPUSH", "q", "x"], ["SWAPDB", 0, 1], ["SELECT", 0]],
        id="SWAPDB",
    ),
    pytest.param(
        [["SELECT", 1], ["RPUSH", "q", "x"], ["COPY", "q", "q", "DB", 0]],
        id="COPY DB",
    ),
    pytest.param(
        [["SET", "q", "s"], ["DEL", "q"], ["RPUSH", "q", "x"]], id="type changes"
    ),
    pytest.param([["SET", "q", "s"], ["RENAME", "full", "q"]], id="overwritten"),
    pytest.param(
        [["RESTORE", "q", 0, payload(b"\x01" + strings(b"x", b"y"))]], id="RESTORE"
    ),
    pytest.param([["SET", "q", "s"], ["COPY", "full", "q", "REPLACE"]], id="replaced"),
    pytest.param(
        [["MULTI"], ["RENAME", "full", "q"], ["LPUSH", "q", "x"], ["EXEC"]],
        id="RENAME in EXEC",
    ),
    pytest.param(
        [["EVAL", "return redis.call('RENAME', 'full', 'q')", 0]], id="RENAME in script"
    ),
    pytest.param(
        [["FUNCTION", "LOAD", LIBRARY], ["FCALL", "push", 1, "q"]], id="function"
    ),
]


@pytest.mark.parametrize("steps", WAYS)
def test_waiter_is_woken_however_the_list_comes(parity, steps):
    parity(
        [
            "RPUSH full a b c",
            send("worker", "BLPOP", "p", "q", 0),
            *steps,
            receive("worker"),
            "LRANGE q 0 -1",
        ]
    )


NEAR = ("FROMMEMBER", "m", "BYRADIUS", 1, "km")
ZSET_WAYS = [
    pytest.param([["ZUNIONSTORE", "z", 1, "full"]], id="ZUNIONSTORE"),
    pytest.param([["ZRANGESTORE", "z", "full", 0, -1]], id="ZRANGESTORE"),
    pytest.param([["ZINCRBY", "z", 3, "m"]], id="ZINCRBY"),
    pytest.param([["RENAME", "full", "z"]], id="RENAME"),
    pytest.param([["COPY", "full", "z"]], id="COPY"),
    pytest.param([["ZINTERSTORE", "z", 2, "full", "full"]], id="ZINTERSTORE"),
    pytest.param([["ZDIFFSTORE", "z", 1, "full"]], id="ZDIFFSTORE"),
    pytest.param([["GEOADD", "z", 1, 1, "m"]], id="GEOADD"),
    pytest.param(
        [
            ["GEOADD", "places", 1, 1, "m"],
            ["GEOSEARCHSTORE", "z", "places", *NEAR, "STOREDIST"],
        ],
        id="GEOSEARCHSTORE",
    ),
    pytest.param(
        [["RESTORE", "z", 0, payload(b"\x05\x01\x01m" + struct.pack("<d", 2.5))]],
        id="RESTORE",
    ),
    pytest.param([["EVAL", "return redis.call('ZADD', 'z', 1, 'm')", 0]], id="script"),
    pytest.param([["MULTI"], ["ZADD", "z", 1, "m"], ["EXEC"]], id="EXEC"),
    pytest.param([["LPUSH", "z", "x"], ["DEL", "z"], ["ZADD", "z", 1, "m"]], id="type"),
]


@pytest.mark.parametrize("steps", ZSET_WAYS)
def test_waiter_is_woken_however_the_sorted_set_comes(parity, steps):
    parity(
        [
            "ZADD full 1 a 2 b",
            send("worker", "BZPOPMIN", "y", "z", 0),
            *steps,
            receive("worker"),
            "ZRANGE z 0 -1 WITHSCORES",
        ]
    )


def test_waiters_for_other_types_are_left_waiting(parity):
    parity(
        [
            send("zset", "BZPOPMIN", "k", 0),
            send("list", "BLPOP", "k", 0),
            "RPUSH k a",
            receive("list"),
            "ZADD k 1 m",
            receive("zset"),
        ]
    )


def test_what_a_move_delivers_serves_the_next_waiter(parity):
    parity(
        [
            send("b", "BLMOVE", "b", "c", "LEFT", "LEFT", 0),
            send("c", "BLPOP", "c", 0),
            send("a", "BRPOPLPUSH", "a", "b", 0),
            "RPUSH a x",
            receive("a"),
            receive("b"),
            receive("c"),
            "KEYS *",
        ]
    )


def test_list_may_be_turned_by_a_waiter(parity):
    parity(
        [
            send("w", "BLMOVE", "k", "k", "LEFT", "RIGHT", 0),
            "RPUSH k a b",
            receive("w"),
            "LRANGE k 0 -1",
        ]
    )


def test_destination_of_another_type_is_an_error_and_the_element_stays(parity):
    parity(
        [
            "SET d string",
            send("mover", "BLMOVE", "q", "d", "LEFT", "LEFT", 0),
            send("popper", "BLPOP", "q", 0),
            "RPUSH q a",
            receive("mover"),
            receive("popper"),
            "EXISTS q",
        ]
    )


def test_key_of_another_type_before_the_ready_one_is_an_error(parity):
    parity(
        [
            send("worker", "BLPOP", "first", "second", 0),
            "SET first string",
            "RPUSH second a",
            receive("worker"),
            "LRANGE second 0 -1",
        ]
    )


def test_counts_are_taken_as_far_as_there_is_something(parity):
    parity(
        [
            send("w", "BLMPOP", 0, 2, "p", "q", "RIGHT", "COUNT", 3),
            "RPUSH q a b",
            receive("w"),
            send("w", "BZMPOP", 0, 1, "z", "MAX", "COUNT", 2),
            "ZADD z 1 a 2 b 3 c",
            receive("w"),
            "ZRANGE z 0 -1",
            "EXISTS q",
        ]
    )


def test_what_is_gone_at_the_end_of_a_transaction_serves_nobody(parity):
    parity(
        [
            send("w", "BLPOP", "q", "0.05"),
            "MULTI",
            "RPUSH q a",
            "DEL q",
            "EXEC",
            receive("w"),
            send("w", "BLPOP", "q", 0),
            "MULTI",
            "RPUSH q a b",
            "LPOP q",
            "EXEC",
            receive("w"),
        ]
    )


def test_commands_behind_a_blocking_one_wait_with_it(parity):
    pipeline = [["SET", "a", 1], ["BLPOP", "q", 0], ["GET", "a"], ["BLPOP", "q", 0]]
    parity(
        [
            raw(b"".join(map(encode, [*pipeline, ["INCR", "a"]])), 1, "w"),
            "SET a 2",
            "RPUSH q x",
            receive("w", 2),
            "GET a",
            "RPUSH q y",
            receive("w", 2),
            at("w", "PING"),
        ]
    )


def test_bytes_sent_while_waiting_are_read_afterwards(parity):
    parity(
        [
            send("w", "BLPOP", "q", 0),
            send("w", "SET", "a", 1),
            send("w", "GET", "a"),
            "EXISTS a",
            "RPUSH q x",
            receive("w", 3),
        ]
    )


def test_broken_bytes_behind_a_blocking_command_are_told_after_it(parity):
    parity(
        [
            raw(encode(["BLPOP", "q", 0]) + b"*1\r\n!bad\r\n", 0, "w"),
            "RPUSH q x",
            receive("w", 3),
        ],
        protocols=[2],
    )


def test_client_reply_goes_for_waiters_as_well(parity):
    parity(
        [
            send("off", "CLIENT", "REPLY", "OFF"),
            send("off", "BLPOP", "q", 0),
            send("off", "CLIENT", "REPLY", "ON"),
            "RPUSH q x",
            receive("off"),
            send("skip", "CLIENT", "REPLY", "SKIP"),
            send("skip", "BLPOP", "q", 0),
            "RPUSH q y",
            at("skip", "PING"),
        ]
    )


@pytest.mark.parametrize("way", [[], ["TIMEOUT"], ["ERROR"], ["error"]])
@pytest.mark.parametrize("words", FOREVER, ids=name)
def test_waiter_is_let_go_by_unblock(running, words, way):
    replies = []
    for server in (running("joblog"), running("valkey")):
        control, worker = server.connect(), server.connect()
        control.ask("FLUSHALL")
        number = worker.ask("CLIENT", "ID")[1:-2].decode()
        free = control.ask("CLIENT", "UNBLOCK", number)
        worker.send(encode(words))
        control.ask("PING"), control.ask("PING")
        done = [control.ask("CLIENT", "UNBLOCK", number, *way) for _ in range(2)]
        replies.append((free, done, worker.read(), worker.ask("PING")))
        control.close(), worker.close()

    assert replies[0] == replies[1]
