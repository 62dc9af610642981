"""Streams: their entries, and what all commands of them have in common.

XADD with IDMP, XCFGSET and XIDMPRECORD, of Redis 8.6, have no server to ask here:
tests/app/commands/test_stream_producers.py holds them to the public documentation.
"""

import pytest

from tests.parity.harness import at, same_shape
from tests.parity.test_stream_groups import about_the_same_time

ENTRIES = [
    "XADD s 1-1 a 1 b 2",
    "XADD s 1-2 a 1",
    "XADD s 1-2 a 1",
    "XADD s 1-1 a 1",
    "XADD s 0-0 a 1",
    "XADD s 0 a 1",
    "XADD s 0-* a 1",
    "XADD s 1-* a 1",
    "XADD s 5-* a 1",
    "XADD s 5-* a 1",
    "XADD s 7 a 1",
    ["XADD", "s", "8", "", ""],
    ["XADD", "s", "9", b"\x00\xff", "x" * 100, b"\x00\xff", "again"],
    "XADD s 9-18446744073709551615 a 1",
    "XADD s 9-* a 1",
    "XADD s 18446744073709551615-18446744073709551614 a 1",
    "XADD s * a 1",
    "XADD s * a 1",
    "XADD s 18446744073709551615-18446744073709551615 a 1",
    "XADD s 18446744073709551615-* a 1",
    "XLEN s",
    "XRANGE s - +",
    "XREVRANGE s + -",
    "TYPE s",
    "OBJECT ENCODING s",
    "XADD fresh 0-* a 1",
    "XLEN none",
    "EXISTS none",
]

ADD_OPTIONS = [
    "XADD none NOMKSTREAM 1-1 a 1",
    "XADD none nomkstream * a 1",
    "EXISTS none",
    "XADD s NOMKSTREAM 1-1 a",
    "XADD s 1-1 a",
    "XADD s 1-1 a 1 b",
    "XADD s * a 1 b",
    "XADD s MAXLEN 5 1-1",
    "XADD s MAXLEN 5 1-1 a",
    "XADD s MAXLEN 5 NOMKSTREAM",
    "XADD s x a 1",
    "XADD s 1- a 1",
    "XADD s -1 a 1",
    "XADD s - a 1",
    "XADD s + a 1",
    "XADD s $ a 1",
    "XADD s 1-x a 1",
    "XADD s 1-1-1 a 1",
    "XADD s 1-** a 1",
    "XADD s -* a 1",
    "XADD s *-1 a 1",
    "XADD s *-* a 1",
    "XADD s x-* a 1",
    "XADD s 18446744073709551616 a 1",
    "XADD s 1-18446744073709551616 a 1",
    "XADD s MAXLEN x 1-1 a 1",
    "XADD s MAXLEN -1 1-1 a 1",
    "XADD s MAXLEN ~ x 1-1 a 1",
    "XADD s MAXLEN = -1 1-1 a 1",
    "XADD s MINID x 1-1 a 1",
    "XADD s MINID - 1-1 a 1",
    "XADD s MINID ~ + 1-1 a 1",
    "XADD s MAXLEN 1 MINID 1 1-1 a 1",
    "XADD s MAXLEN 1 MAXLEN 1 1-1 a 1",
    "XADD s LIMIT 1 1-1 a 1",
    "XADD s LIMIT 0 1-1 a 1",
    "XADD s MAXLEN 5 LIMIT 1 1-1 a 1",
    "XADD s MAXLEN 5 LIMIT 0 1-1 a 1",
    "XADD s MAXLEN ~ 5 LIMIT -1 1-1 a 1",
    "XADD s MAXLEN ~ 5 LIMIT x 1-1 a 1",
    "XADD s MAXLEN ~ 5 LIMIT 10 1-1 a 1",
    "XADD s LIMIT 10 MAXLEN ~ 5 1-2 a 1",
    "XADD s MAXLEN 2 1-3 a 1",
    "XADD s MAXLEN = 2 1-4 a 1",
    "XADD s MINID 1-4 1-5 a 1",
    "XADD s MINID = 1-5 1-6 a 1",
    "XADD s MAXLEN 0 1-7 a 1",
    "XLEN s",
    "XINFO STREAM s",
    "XRANGE s - +",
]

ODD_IDS = [
    ["XADD", "s", " 5-1", "a", "1"],
    ["XADD", "s", "+6-1", "a", "1"],
    ["XADD", "s", "007-01", "a", "1"],
    ["XADD", "s", "8--1", "a", "1"],
    ["XADD", "s", "8--01", "a", "1"],
    ["XADD", "s", "9-1 ", "a", "1"],
    ["XADD", "s", b"9-1\x00x", "a", "1"],
    ["XADD", "s", "", "a", "1"],
    ["XADD", "s", "0" * 200, "a", "1"],
    ["XADD", "s", "0" * 100 + "10", "a", "1"],
    "XRANGE s - +",
]

RANGES = [
    *[f"XADD s {number}-1 n {number}" for number in range(1, 8)],
    "XADD s 7-5 n x",
    "XRANGE s - + COUNT 2",
    "XRANGE s - + COUNT 0",
    "XRANGE s - + COUNT -1",
    "XRANGE s - + COUNT x",
    "XRANGE s - + COUNT",
    "XRANGE s - + COUNT 1 COUNT 3",
    "XRANGE s - + NO 1",
    "XRANGE s 2 3",
    "XRANGE s 2-1 2-1",
    "XRANGE s (2-1 (4-1",
    "XRANGE s (2 (4",
    "XRANGE s 7 7",
    "XRANGE s (7 +",
    "XRANGE s 3 2",
    "XRANGE s + -",
    "XRANGE s x +",
    "XRANGE s - x",
    "XRANGE s (- +",
    "XRANGE s ( +",
    "XRANGE s - (+",
    "XRANGE s (18446744073709551615-18446744073709551615 +",
    "XRANGE s - (0-0",
    "XRANGE s - (0",
    "XRANGE s 18446744073709551615 +",
    "XRANGE none - +",
    "XRANGE none - + COUNT 0",
    "XREVRANGE s + - COUNT 2",
    "XREVRANGE s 7 7",
    "XREVRANGE s (4 (2",
    "XREVRANGE s (4-1 (2-1",
    "XREVRANGE s 2 3",
    "XREVRANGE s x -",
    "XREVRANGE none + -",
    "XDEL s 3-1 3-1 9-9 7-5",
    "XDEL s x",
    "XDEL s 4-1 x",
    "XDEL none 1-1",
    "XRANGE s - +",
    "XREVRANGE s + -",
    "XREVRANGE s 5 2 COUNT 2",
    "XDEL s 1-1",
    "XINFO STREAM s",
    "XDEL s 2-1 4-1 5-1 6-1 7-1",
    "XINFO STREAM s",
    "XRANGE s - +",
    "XADD s 7-5 n x",
    "XADD s 7-6 n x",
    "XINFO STREAM s",
    "EXISTS s",
]

TRIMS = [
    *[f"XADD s {number}-1 n {number}" for number in range(1, 251)],
    "XINFO STREAM s",
    "XTRIM s MAXLEN ~ 240",
    "XTRIM s MAXLEN ~ 151",
    "XTRIM s MAXLEN ~ 150",
    "XINFO STREAM s",
    "XTRIM s MINID ~ 190",
    "XTRIM s MINID ~ 200-1",
    "XDEL s 200-1",
    "XTRIM s MINID ~ 200-1",
    "XTRIM s MINID ~ 200-2",
    "XINFO STREAM s",
    "XTRIM s MAXLEN 40",
    "XTRIM s MAXLEN = 39",
    "XTRIM s MAXLEN ~ 30",
    "XTRIM s MINID 215",
    "XTRIM s MINID = 216-1",
    "XINFO STREAM s",
    "XTRIM s MAXLEN ~ 0 LIMIT 1",
    "XTRIM s MAXLEN ~ 0 LIMIT 35",
    "XTRIM s MAXLEN 0",
    "XINFO STREAM s",
    "XTRIM s MAXLEN 0",
    "XTRIM none MAXLEN 0",
    "XTRIM s MAXLEN",
    "XTRIM s",
    "XTRIM s MAXLEN ~",
    "XTRIM s MAXLEN =",
    "XTRIM s MINID ~",
    "XTRIM s LIMIT 1",
    "XTRIM s LIMIT 0",
    "XTRIM s NO 1",
    "XTRIM s MAXLEN 1 1-1",
    "XTRIM s NOMKSTREAM MAXLEN 1",
    "XTRIM s MAXLEN 1 LIMIT 1",
    "XTRIM s MAXLEN = 1 LIMIT 1",
    "XTRIM s MAXLEN ~ 1 LIMIT -1",
    "XTRIM s MAXLEN -1",
    "XTRIM s MAXLEN 1 MINID 1",
    "XTRIM s MINID - ",
]

APPROXIMATE_ADDS = [
    *[f"XADD s MAXLEN ~ 100 {number}-1 n {number}" for number in range(1, 251)],
    "XINFO STREAM s",
    *[f"XADD s MINID ~ 300 {number}-1 n {number}" for number in range(251, 403)],
    "XINFO STREAM s",
]

BIG_NODES = [
    *[["XADD", "s", f"{n}-1", "n", "x" * 500, "m", "y"] for n in range(1, 40)],
    "XINFO STREAM s",
    "XTRIM s MAXLEN ~ 20",
    "XTRIM s MAXLEN ~ 1",
    "XINFO STREAM s",
    *[["XADD", "t", f"{n}-1", f"n{n % 3}", "x" * 30] for n in range(1, 200)],
    "XINFO STREAM t",
    "XTRIM t MAXLEN ~ 20",
]

SETTING_NODES = [
    "CONFIG SET stream-node-max-entries 3",
    *[f"XADD s MAXLEN ~ 5 {number}-1 n {number}" for number in range(1, 20)],
    "XINFO STREAM s",
    "CONFIG SET stream-node-max-entries 0",
    *[f"XADD t {number}-1 n {number}" for number in range(1, 150)],
    "XTRIM t MAXLEN ~ 20",
    "XINFO STREAM t",
    "CONFIG SET stream-node-max-entries 100",
]

SET_ID = [
    "XSETID none 1-1",
    "XADD s 5-1 a 1",
    "XADD s 5-2 a 1",
    "XSETID s 5-1",
    "XSETID s 6",
    "XSETID s x",
    "XSETID s 7-1 ENTRIESADDED 1",
    "XSETID s 7-1 ENTRIESADDED x",
    "XSETID s 7-1 ENTRIESADDED -1",
    "XSETID s 7-1 ENTRIESADDED",
    "XSETID s 7-1 MAXDELETEDID 8-1",
    "XSETID s 7-1 MAXDELETEDID x",
    "XSETID s 7-1 MAXDELETEDID",
    "XSETID s 7-1 NO 1",
    "XSETID s 7-1 entriesadded 100 maxdeletedid 6-1",
    "XINFO STREAM s",
    "XSETID s 6-0",
    "XSETID s - ",
    "XSETID s 7-2 MAXDELETEDID 0-0",
    "XINFO STREAM s",
    "XSETID none x",
]

READS = [
    *[f"XADD s {number}-1 n {number}" for number in range(1, 6)],
    "XADD t 9-1 a 1",
    "XREAD STREAMS s 0",
    "XREAD COUNT 2 STREAMS s 2",
    "XREAD COUNT 0 STREAMS s 4-0",
    "XREAD COUNT -5 STREAMS s 4-0",
    "XREAD COUNT x STREAMS s 4-0",
    "XREAD COUNT 1 STREAMS s t none 0 0 0",
    "XREAD STREAMS s s 3 4",
    "XREAD STREAMS s t 5-1 9-1",
    "XREAD STREAMS s t 5-1 8",
    "XREAD STREAMS s $",
    "XREAD STREAMS none $",
    "XREAD STREAMS s -",
    "XREAD STREAMS s >",
    "XREAD STREAMS s x",
    "XREAD STREAMS s",
    "XREAD STREAMS s t 0",
    "XREAD STREAMS",
    "XREAD COUNT 1",
    "XREAD COUNT 1 2 3",
    "XREAD NO STREAMS s 0",
    "XREAD GROUP g c STREAMS s 0",
    "XREAD NOACK STREAMS s 0",
    "XREAD BLOCK x STREAMS s 0",
    "XREAD BLOCK -1 STREAMS s 0",
    "XREAD BLOCK 9223372036854775807 STREAMS s 0",
    "XREAD BLOCK 1.5 STREAMS s 0",
    "XREAD BLOCK 10 STREAMS s 4-1",
    "XREAD BLOCK 10 STREAMS s $",
    "XREAD STREAMS s 18446744073709551615-18446744073709551615",
    "XREAD count 1 block 10 streams s 0",
    "MULTI",
    "XREAD BLOCK 0 STREAMS s $",
    "XREAD BLOCK 0 STREAMS s 4",
    "EXEC",
]

INFO = [
    "XINFO STREAM none",
    "XINFO STREAM none FULL",
    "XINFO GROUPS none",
    "XINFO CONSUMERS none g",
    *[f"XADD s {number}-1 n {number}" for number in range(1, 13)],
    "XINFO STREAM s FULL",
    "XINFO STREAM s FULL COUNT 2",
    "XINFO STREAM s FULL COUNT 0",
    "XINFO STREAM s FULL COUNT -1",
    "XINFO STREAM s FULL COUNT x",
    "XINFO STREAM s FULL COUNT",
    "XINFO STREAM s FULL 1",
    "XINFO STREAM s FULL NO 1",
    "XINFO STREAM s NO",
    "XINFO STREAM s NO 1 2",
    "XINFO GROUPS s",
    "XINFO GROUPS s x",
    "XINFO CONSUMERS s none",
    "XINFO CONSUMERS s",
    "XINFO NO s",
    "XINFO",
]

WRONG_TYPE = [
    "SET k v",
    "XADD k * a 1",
    "XADD k NOMKSTREAM * a 1",
    "XADD k 0-0 a 1",
    "XLEN k",
    "XRANGE k - +",
    "XREVRANGE k + - COUNT 0",
    "XREAD STREAMS k 0",
    "XREAD STREAMS k x",
    "XDEL k 1",
    "XDEL k x",
    "XTRIM k MAXLEN 1",
    "XSETID k 1",
    "XINFO STREAM k",
    "XINFO GROUPS k",
    "XINFO CONSUMERS k g",
    "XGROUP CREATE k g 0",
    "XGROUP CREATE k g x MKSTREAM",
    "XGROUP SETID k g 0",
    "XGROUP DESTROY k g",
    "XGROUP CREATECONSUMER k g c",
    "XGROUP DELCONSUMER k g c",
    "XREADGROUP GROUP g c STREAMS k >",
    "XACK k g 1",
    "XPENDING k g",
    "XCLAIM k g c 0 1",
    "XCLAIM k g c x 1",
    "XAUTOCLAIM k g c 0 1",
    "XADD s 1 a 1",
    "GET s",
    "LPUSH s a",
    "SADD s a",
]

COPIES = [
    *[f"XADD s {number}-1 n {number}" for number in range(1, 9)],
    "XGROUP CREATE s g 0",
    "XREADGROUP GROUP g alice COUNT 3 STREAMS s >",
    "XREADGROUP GROUP g bob COUNT 3 STREAMS s >",
    "XDEL s 2-1",
    "COPY s t",
    "XACK s g 1-1",
    "XADD s 20 a 1",
    "XPENDING t g",
    "XINFO STREAM t",
    "XINFO GROUPS t",
    "RENAME t u",
    "XRANGE u - +",
    "XREADGROUP GROUP g alice STREAMS u 0",
    "DEL u",
]

SCRIPTS_IN_LUA = [
    ["EVAL", "return redis.call('XADD', KEYS[1], '1-1', 'a', '1')", 1, "s"],
    ["EVAL", "return redis.call('XRANGE', KEYS[1], '-', '+')", 1, "s"],
    ["EVAL", "return redis.call('XREAD', 'STREAMS', KEYS[1], 0)", 1, "s"],
    [
        "EVAL",
        "redis.setresp(3); return redis.call('XREAD', 'STREAMS', KEYS[1], 0).map.s",
        1,
        "s",
    ],
    ["EVAL", "redis.call('XGROUP', 'CREATE', 's', 'g', '0')", 1, "s"],
    [
        "EVAL",
        "return redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')",
        1,
        "s",
    ],
    ["EVAL", "return redis.call('XINFO', 'GROUPS', 's')", 1, "s"],
    ["EVAL", "return redis.call('XAUTOCLAIM', 's', 'g', 'd', 0, 0)", 1, "s"],
    ["EVAL", "return redis.call('XACK', 's', 'g', '1-1')", 1, "s"],
]

KEYS_OF = [
    "COMMAND GETKEYS XREAD COUNT 1 STREAMS a b 0 0",
    "COMMAND GETKEYS XREADGROUP GROUP streams c NOACK STREAMS a b 0 0",
    "COMMAND GETKEYS XADD s * a 1",
    "COMMAND GETKEYS XGROUP CREATE s g 0",
    "COMMAND GETKEYS XINFO STREAM s",
    "COMMAND GETKEYS XCLAIM s g c 0 1",
]

SCRIPTS = [
    pytest.param(ADD_OPTIONS, id="options of XADD"),
    pytest.param(ODD_IDS, id="odd IDs"),
    pytest.param(RANGES, id="ranges and deletions"),
    pytest.param(TRIMS, id="trimming"),
    pytest.param(APPROXIMATE_ADDS, id="approximate trimming while adding"),
    pytest.param(BIG_NODES, id="nodes full by size"),
    pytest.param(SETTING_NODES, id="nodes of another size"),
    pytest.param(SET_ID, id="XSETID"),
    pytest.param(INFO, id="XINFO"),
    pytest.param(WRONG_TYPE, id="wrong type"),
    pytest.param(KEYS_OF, id="keys"),
    pytest.param(SCRIPTS_IN_LUA, id="scripts"),
]
TIMED = [
    pytest.param(ENTRIES, id="entries"),
    pytest.param(READS, id="XREAD"),
    pytest.param(COPIES, id="COPY"),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_streams_answer_as_redis_does(parity, script):
    parity(script)


@pytest.mark.parametrize("script", TIMED)
def test_streams_answer_as_redis_does_but_for_the_time(parity, script):
    parity(script, loose=about_the_same_time)


def test_new_ids_and_times_have_the_shape_that_redis_gives(parity):
    parity(
        [
            "XADD s * a 1",
            "XGROUP CREATE s g 0",
            "XREADGROUP GROUP g c STREAMS s >",
            "XGROUP CREATECONSUMER s g d",
            "XINFO STREAM s FULL",
            "XINFO CONSUMERS s g",
            "XAUTOCLAIM s g d 0 0",
            "XINFO STREAM s FULL COUNT 1",
        ],
        loose=same_shape,
        digest=False,
    )


READ = "return redis.call('XREAD', 'BLOCK', ARGV[1], 'STREAMS', 's', ARGV[2])"
READ_GROUP = """
    local group = {'GROUP', 'g', 'c', 'BLOCK', ARGV[1], 'STREAMS', 's', '>'}
    return redis.call('XREADGROUP', unpack(group))
"""


@pytest.mark.parametrize("witness", ["valkey", "redis8"])
def test_scripts_read_streams_without_waiting(parity, witness):
    parity(
        [
            "XADD s 1-1 a 1",
            "XGROUP CREATE s g 0",
            ["EVAL", READ, 1, "s", 0, "0"],
            ["EVAL", READ, 1, "s", 0, "$"],
            ["EVAL", READ, 1, "s", 10, "9-9"],
            ["EVAL", READ_GROUP, 1, "s", 0],
            ["EVAL", READ_GROUP, 1, "s", 0],
            "XPENDING s g",
            ["EVAL", READ.replace("redis.call", "redis.pcall"), 1, "s", "x", "0"],
            ["EVAL", READ.replace("redis.call", "redis.pcall"), 1, "s", -1, "0"],
        ],
        witness=witness,
        digest=False,
    )


WATCHED = [
    "XGROUP SETID s g 0",
    "XGROUP CREATECONSUMER s g c",
    "XGROUP DELCONSUMER s g c",
    "XGROUP DESTROY s g",
    "XGROUP CREATE none g 0 MKSTREAM",
    "XSETID s 9-1",
    "XREADGROUP GROUP g c STREAMS s >",
    "XACK s g 1-1",
    "XDEL s 1-1",
    "XTRIM s MAXLEN 0",
    "XADD s 9-1 a 1",
]


@pytest.mark.parametrize("words", WATCHED)
def test_watch_sees_of_a_stream_what_it_sees_in_redis(parity, words):
    parity(
        [
            "XADD s 1-1 a 1",
            "XGROUP CREATE s g 0",
            "WATCH s none",
            at("other", *words.split()),
            "MULTI",
            "PING",
            "EXEC",
        ]
    )
