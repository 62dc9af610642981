"""Clients that wait for a stream: XREAD and XREADGROUP with BLOCK."""

import pytest

from joblog.app.types.dump_payload import encode_payload
from joblog.app.types.streams import Stream
from tests.parity.harness import at, receive, send

BLOCKED = [
    pytest.param(
        [
            "XADD s 1-1 a 1",
            send("one", "XREAD", "BLOCK", 0, "STREAMS", "s", "$"),
            send("two", "XREAD", "BLOCK", 0, "STREAMS", "none", "s", 0, "1-1"),
            at("main", "XADD", "s", "2-1", "a", 1),
            receive("one"),
            receive("two"),
        ],
        id="XREAD serves all who wait",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            send(
                "two",
                "XREADGROUP",
                "GROUP",
                "g",
                "two",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "XADD", "s", "2-1", "a", 1),
            receive("one"),
            at("main", "XADD", "s", "3-1", "a", 1),
            receive("two"),
            at("main", "XPENDING", "s", "g"),
        ],
        id="XREADGROUP serves one after the other",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "XGROUP", "DESTROY", "s", "g"),
            receive("one"),
        ],
        id="the group is destroyed",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "DEL", "s"),
            receive("one"),
        ],
        id="the stream is deleted",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "SET", "s", "x"),
            receive("one"),
        ],
        id="another type takes the place of the stream",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "FLUSHALL"),
            receive("one"),
        ],
        id="all keys are removed",
    ),
    pytest.param(
        [
            "XGROUP CREATE s g 0 MKSTREAM",
            "XADD t 5-1 a 1",
            "XGROUP CREATE t g 0",
            send(
                "one",
                "XREADGROUP",
                "GROUP",
                "g",
                "one",
                "BLOCK",
                "0",
                "STREAMS",
                "s",
                ">",
            ),
            at("main", "RENAME", "t", "s"),
            receive("one"),
        ],
        id="another stream takes the place of the stream",
    ),
    pytest.param(
        [
            "XADD s 1-1 a 1",
            send("one", "XREAD", "BLOCK", "0", "STREAMS", "s", "1-1"),
            at("main", "DEL", "s"),
            at("main", "SET", "s", "x"),
            at("main", "DEL", "s"),
            at("main", "XADD", "s", "1-1", "a", "1"),
            at("main", "XADD", "s", "1-2", "a", "1"),
            receive("one"),
        ],
        id="XREAD waits on through all that",
    ),
    pytest.param(
        [
            send("one", "XREAD", "BLOCK", "0", "STREAMS", "s", "$"),
            at("main", "MULTI"),
            at("main", "XADD", "s", "1-1", "a", "1"),
            at("main", "XADD", "s", "1-2", "a", "1"),
            at("main", "XDEL", "s", "1-1"),
            at("main", "EXEC"),
            receive("one"),
        ],
        id="served after EXEC",
    ),
    pytest.param(
        ["XGROUP CREATE s g 0 MKSTREAM", "XREADGROUP GROUP g c BLOCK 20 STREAMS s >"],
        id="the time is over",
    ),
]


@pytest.mark.parametrize("script", BLOCKED)
def test_a_client_that_waits_for_a_stream_is_served_as_in_redis(parity, script):
    parity(script)


def make_stream():
    stream = Stream()
    stream.append(5 << 64 | 1, (b"f", b"v"), node_entries=100)
    return encode_payload(stream)


WAYS = [
    pytest.param([["RENAME", "full", "s"]], id="RENAME"),
    pytest.param([["COPY", "full", "s"]], id="COPY"),
    pytest.param([["SET", "s", 1], ["COPY", "full", "s", "REPLACE"]], id="replaced"),
    pytest.param([["RESTORE", "s", 0, make_stream()]], id="RESTORE"),
    pytest.param([["MULTI"], ["XADD", "s", "5-1", "f", "v"], ["EXEC"]], id="EXEC"),
    pytest.param(
        [["EVAL", "return redis.call('XADD', 's', '5-1', 'f', 'v')", 0]], id="script"
    ),
    pytest.param(
        [
            ["SELECT", 1],
            ["XADD", "s", "5-1", "f", "v"],
            ["MOVE", "s", 0],
            ["SELECT", 0],
        ],
        id="MOVE",
    ),
]


@pytest.mark.parametrize("steps", WAYS)
def test_reader_is_woken_however_the_stream_comes(parity, steps):
    parity(
        [
            "XADD full 5-1 f v",
            send("reader", "XREAD", "BLOCK", 0, "STREAMS", "none", "s", 0, 0),
            *steps,
            receive("reader"),
        ]
    )
