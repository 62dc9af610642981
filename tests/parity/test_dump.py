"""DUMP and RESTORE: values move between us and real servers, both ways."""

import struct

import pytest

from joblog.app.types.listpack import encode_listpack
from tests.parity import wire
from tests.support.payloads import (
    ZIPLIST_INTEGERS,
    payload,
    printed_score,
    string,
    strings,
    ziplist,
    zipmap,
)

NUMBERS = ["0", "127", "128", "-1", "-4097", "4095", "70000", "5000000000"]
EDGES = [str(sign * 2**bits) for bits in (12, 15, 23, 31) for sign in (1, -1)]

VALUES = {
    "text": [["SET", "k", "some text"]],
    "binary text": [["SET", "k", bytes(range(256))]],
    "integer": [["SET", "k", "12345"]],
    "negative integer": [["SET", "k", "-2147483648"]],
    "integer of 64 bits": [["SET", "k", str(2**63 - 1)]],
    "compressed text": [["SET", "k", "abcabcab" * 5000]],
    "list": [["RPUSH", "k", "a", *NUMBERS, *EDGES, "x" * 100, "y" * 5000, ""]],
    "list of many nodes": [["RPUSH", "k", *(f"element {i}" for i in range(3000))]],
    "list with a node of one": [["RPUSH", "k", "z" * 20000, "b"]],
    "set of integers": [["SADD", "k", "1", "2", "-3"]],
    "set of larger integers": [["SADD", "k", "70000", "-5"]],
    "set of 64-bit integers": [["SADD", "k", "5000000000", "-1"]],
    "small set": [["SADD", "k", "a", "b", "7"]],
    "large set": [["SADD", "k", *(f"m{i}" for i in range(600))]],
    "small hash": [["HSET", "k", "f", "v", "12", "34", "", ""]],
    "large hash": [["HSET", "k", *(f"w{i}" for i in range(2000))]],
    "small sorted set": [["ZADD", "k", "1.5", "a", "-inf", "b", "inf", "c", "-3", "d"]],
    "large sorted set": [
        ["ZADD", "k", *(x for i in range(300) for x in (i / 4, f"m{i}"))]
    ],
    "stream": [
        *(
            ["XADD", "k", f"{5 + i // 3}-{i % 3 + 1}", "f", i, "g", "v"]
            for i in range(9)
        ),
        ["XADD", "k", "9000-1", "other", "fields"],
        ["XDEL", "k", "5-1", "6-2"],
    ],
    "stream of many nodes": [
        *(["XADD", "k", f"1-{i}", "field", "x" * 30] for i in range(1, 250)),
        ["XTRIM", "k", "MINID", "1-20"],
    ],
    "emptied stream": [["XADD", "k", "5-1", "a", "b"], ["XDEL", "k", "5-1"]],
    "stream with groups": [
        *(["XADD", "k", f"{i}-0", "f", i] for i in range(1, 9)),
        ["XGROUP", "CREATE", "k", "g", "0"],
        ["XGROUP", "CREATE", "k", "other", "3", "ENTRIESREAD", "3"],
        ["XREADGROUP", "GROUP", "g", "alice", "COUNT", 3, "STREAMS", "k", ">"],
        ["XREADGROUP", "GROUP", "g", "bob", "COUNT", 2, "STREAMS", "k", ">"],
        ["XACK", "k", "g", "2-0"],
    ],
}

LOOKS = {
    b"+string\r\n": [["GET", "k"]],
    b"+list\r\n": [["LRANGE", "k", 0, -1]],
    b"+set\r\n": [["SMEMBERS", "k"]],
    b"+hash\r\n": [["HGETALL", "k"]],
    b"+zset\r\n": [["ZRANGE", "k", 0, -1, "WITHSCORES"]],
    b"+stream\r\n": [
        ["XRANGE", "k", "-", "+"],
        ["XINFO", "GROUPS", "k"],
        ["XPENDING", "k", "g"],
        ["XPENDING", "k", "g", "-", "+", 99, "alice"],
    ],
}


def ask(server, *commands):
    connection = server.connect()
    try:
        return [connection.ask(*words) for words in commands]
    finally:
        connection.close()


def contents(server):
    """Return all that a server shows of the value at `k`, without times."""
    (kind,) = ask(server, ["TYPE", "k"])
    replies = [wire.parse(reply) for reply in ask(server, *LOOKS[kind])]
    if kind in (b"+set\r\n", b"+hash\r\n"):
        replies = [wire.without_order(reply) for reply in replies]
    if kind == b"+stream\r\n":
        replies[-1] = [entry.items[0] for entry in getattr(replies[-1], "items", ())]
    return kind, replies


@pytest.mark.parametrize("witness", ["valkey", "redis"])
@pytest.mark.parametrize("name", VALUES)
def test_a_value_moves_to_a_real_server_and_back(
    running, fold_equals_live, name, witness
):
    ours, theirs = running("joblog"), running(witness)
    ask(ours, ["FLUSHALL"], *VALUES[name])
    (dumped,) = ask(ours, ["DUMP", "k"])

    ask(theirs, ["FLUSHALL"])
    assert ask(theirs, ["RESTORE", "k", 0, wire.parse(dumped).data]) == [b"+OK\r\n"]
    assert contents(theirs) == contents(ours)

    (back,) = ask(theirs, ["DUMP", "k"])
    before = contents(ours)
    assert ask(ours, ["RESTORE", "k", 0, wire.parse(back).data, "REPLACE"]) == [
        b"+OK\r\n"
    ]
    assert contents(ours) == before
    fold_equals_live(ours)


OLD = {
    "list of strings": b"\x01" + strings(b"a", b"", b"12"),
    "set of strings": b"\x02" + strings(b"a", b"b", b"12"),
    "hash of strings": b"\x04" + b"\x02" + strings(b"f", b"v", b"g", b"w")[1:],
    "sorted set with printed scores": b"\x03\x05"
    + (string(b"a") + printed_score(b"1.5"))
    + (string(b"b") + b"\xfe")
    + (string(b"c") + b"\xff")
    + (string(b"d") + printed_score(b"-17"))
    + (string(b"e") + printed_score(b"2.5e-1")),
    "sorted set with binary scores": b"\x05\x01"
    + string(b"a")
    + struct.pack("<d", 2.5),
    "list, one ziplist": b"\x0a"
    + string(ziplist(b"a", *ZIPLIST_INTEGERS, b"x" * 300, b"y" * 20000, b"z")),
    "list, ziplists": b"\x0e\x02" + string(ziplist(b"a", b"b")) + string(ziplist(b"c")),
    "sorted set, one ziplist": b"\x0c" + string(ziplist(b"a", b"1", b"b", b"2.5")),
    "hash, one ziplist": b"\x0d" + string(ziplist(b"f", b"v", b"g", b"w")),
    "hash, one zipmap": b"\x09"
    + string(zipmap((b"f", b"v"), (b"g" * 300, b"w" * 254), unused=3)),
    "set of integers": b"\x0b"
    + string(b"\x02\0\0\0\x03\0\0\0" + struct.pack("<3h", -5, 0, 300)),
    "stream of Redis 5": b"\x0f\x01"
    + string((5 << 64 | 1).to_bytes(16, "big"))
    + string(encode_listpack([2, 0, 1, b"f", 0, 2, 0, 0, b"v", 4, 2, 1, -1, b"w", 4]))
    + b"\x02\x06\x00"
    + (b"\x01" + string(b"g") + b"\x05\x01")
    + (b"\x01" + (5 << 64 | 1).to_bytes(16, "big") + bytes(8) + b"\x01")
    + (b"\x01" + string(b"alice") + bytes(8) + b"\x01")
    + (5 << 64 | 1).to_bytes(16, "big"),
}


@pytest.mark.parametrize("name", OLD)
def test_what_old_servers_dumped_is_read_as_redis_reads_it(
    running, fold_equals_live, name
):
    ours, theirs = running("joblog"), running("redis")
    dumped = payload(OLD[name])

    for server in (ours, theirs):
        assert ask(server, ["FLUSHALL"], ["RESTORE", "k", 0, dumped])[1] == b"+OK\r\n"

    assert contents(ours) == contents(theirs)
    fold_equals_live(ours)


GOOD = payload(b"\x00\x01a")

OPTIONS = [
    "DUMP none",
    ["RESTORE", "k", 0, GOOD],
    "GET k",
    "TTL k",
    ["RESTORE", "k", 0, GOOD],
    ["RESTORE", "k", 0, GOOD, "ABSTTL"],
    ["RESTORE", "k", 0, GOOD, "REPLACE"],
    ["RESTORE", "k", 100000000, GOOD, "replace"],
    "EXPIRE k 100 GT",
    ["RESTORE", "k", 32503680000000, GOOD, "REPLACE", "ABSTTL"],
    "PEXPIRETIME k",
    ["RESTORE", "k", 1, GOOD, "REPLACE", "ABSTTL"],
    "EXISTS k",
    ["RESTORE", "k", 1, GOOD, "ABSTTL"],
    "EXISTS k",
    ["RESTORE", "k", 0, GOOD, "IDLETIME", 10],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", 255],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", 256],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", -1],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", "x"],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "IDLETIME", -1],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "IDLETIME", "x"],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "IDLETIME"],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "IDLETIME", 1, "FREQ", 1],
    ["RESTORE", "k", 0, GOOD, "REPLACE", "FREQ", 1, "IDLETIME", 1],
    ["RESTORE", "k", 0, GOOD, "FOO"],
    ["RESTORE", "k", -1, GOOD, "REPLACE"],
    ["RESTORE", "k", "x", GOOD, "REPLACE"],
    ["RESTORE", "k", "x", GOOD],
    ["RESTORE", "k", -1, "bad", "REPLACE"],
    ["RESTORE", "k", 0, "bad"],
    ["RESTORE", "new", 0, "bad"],
    ["RESTORE", "new", 0, ""],
    ["RESTORE", "new", 0, GOOD[:-1]],
    ["RESTORE", "new", 0, GOOD[:-1] + b"\0"],
    ["RESTORE", "new", 0, GOOD[:-8] + bytes(8)],
    ["RESTORE", "new", 0, payload(b"\x00\x01a", version=0xFFFF)],
    ["RESTORE", "new", 0, payload(b"\x00\x01a", version=1)],
    ["RESTORE", "k", 0, payload(b"\x00\x3fa"), "REPLACE"],
    ["RESTORE", "trail", 0, payload(b"\x00\x01abc")],
    "GET trail",
    "GET k",
    "RPUSH l a",
    ["RESTORE", "l", 0, GOOD, "REPLACE"],
    "TYPE l",
    ["RESTORE-ASKING", "asked", 0, GOOD],
    "GET asked",
    "DUMP",
    "RESTORE a 0",
    "COMMAND GETKEYSANDFLAGS RESTORE a 0 x",
    "COMMAND GETKEYSANDFLAGS DUMP a",
]


def test_restore_takes_its_options_as_redis_does(parity):
    parity(OPTIONS)


DAMAGED = {
    "unknown kind": b"\x63\x01a",
    "string longer than the payload": b"\x00\x80\x00\x00\x01\x00a",
    "set with a double": b"\x02" + strings(b"a", b"a"),
    "listpack of no size": b"\x10" + string(b"\0" * 7),
    "listpack without end": b"\x10"
    + string(encode_listpack([b"a", b"b"])[:-1] + b"\0"),
    "listpack of words without partners": b"\x10" + string(encode_listpack([b"a"])),
    "LZF that lies": b"\x00\xc3\x04\x20" + b"\x00a\xe0\xff",
    "list with an odd container": b"\x12\x01\x03" + string(b"a"),
    "stream cut": b"\x13\x01",
    "stream with a short ID": b"\x13\x01" + string(b"a") + string(b"b"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_values_are_refused_as_redis_refuses_them(parity, name):
    parity(
        [["RESTORE", "k", 0, payload(DAMAGED[name])], "EXISTS k"],
        protocols=[2],
        witness="redis",
    )
