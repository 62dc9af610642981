"""EVAL and its family, the Lua language as scripts see it, and its libraries.

The scripts of tests/data/lua, one a line, run on both servers. Valkey words some
errors in its own way since it left Redis, and names no script in them: `as_valkey`
undoes that.
"""
# ruff: noqa: E501 - a script reads best on one line

import re
from pathlib import Path

import pytest

from tests.parity import wire
from tests.parity.harness import at

LUA = Path(__file__).resolve().parent.parent / "data" / "lua"
TOGETHER = 40

_RENAMED = [
    (rb"Valkey command", rb"Redis command"),
    (rb"Unknown command called", rb"Unknown Redis command called"),
    (rb"calling command from", rb"calling Redis command from"),
    (rb"for this call", rb"for this redis lib call"),
    (rb"^(ERR )?Command arguments must", rb"\1Lua redis lib command arguments must"),
    (rb"\bserver\.", rb"redis."),
    (rb"script: on ", rb"script: SHA, on "),
    (rb"script: \w+, on ", rb"script: SHA, on "),
    (
        rb"NOSCRIPT No matching script\.$",
        rb"NOSCRIPT No matching script. Please use EVAL.",
    ),
    (rb"(table|function|userdata): 0x[0-9a-f]+", rb"\1: 0x"),
]


def _rename(reply):
    if isinstance(reply, wire.Aggregate):
        return wire.Aggregate(reply.type, tuple(map(_rename, reply.items)))
    text = reply.text if isinstance(reply, wire.Line) else reply.data
    for pattern, replacement in _RENAMED:
        text = re.sub(pattern, replacement, text)
    return type(reply)(reply.type, text)


def as_valkey(_words, ours, theirs):
    """Accept an error that Redis words as we do, and Valkey otherwise."""
    return _rename(ours) == _rename(theirs)


def read_scripts():
    for path in sorted(LUA.glob("*.txt")):
        lines = path.read_text("ascii").splitlines()
        for start in range(0, len(lines), TOGETHER):
            yield pytest.param(
                lines[start : start + TOGETHER], id=f"{path.stem} {start + 1}"
            )


@pytest.mark.parametrize("scripts", list(read_scripts()))
def test_scripts_answer_as_in_redis(parity, scripts):
    parity([["EVAL", script, 0] for script in scripts], loose=as_valkey, digest=False)


SETTINGS = [
    "return {cjson.encode_max_depth(5)}",
    "return cjson.encode_max_depth(0)",
    "return cjson.encode_max_depth('a')",
    "local a, b, c = cjson.encode_sparse_array(true, 3, 4) return {tostring(a), b, c, cjson.encode({[100] = 1})}",
    "return {tostring(cjson.encode_invalid_numbers(true)), cjson.encode(1 / 0)}",
    "return {tostring(cjson.encode_invalid_numbers('null')), cjson.encode(1 / 0)}",
    "return tostring(cjson.encode_invalid_numbers('x'))",
    "cjson.decode_invalid_numbers(false) return cjson.decode('0x10')",
    "return {cjson.encode_number_precision(3), cjson.encode(1 / 3)}",
    "return cjson.encode_number_precision(15)",
    "cjson.encode_max_depth(2) return cjson.encode({{{}}})",
    "cjson.decode_max_depth(2) return cjson.decode('[[[]]]')",
    "return tostring(cjson.encode_keep_buffer(false))",
]


def test_settings_of_cjson(parity):
    # In Redis they outlive the script; here they do not, hence the FLUSH.
    steps = [
        step
        for script in SETTINGS
        for step in (["EVAL", script, 0], "SCRIPT FLUSH SYNC")
    ]
    parity(steps, loose=as_valkey)


PACKED = [
    "c0", "c2", "ca", "ca3fc00000", "ca7fc00000", "cb3ff8000000000000", "ccff",
    "cdffff", "ceffffffff", "cfffffffffffffffff", "d0ff", "d1ffff", "d2ffffffff",
    "d38000000000000000", "d37fffffffffffffff", "c403616263", "d903616263", "d9ff",
    "da0003616263", "db00000003616263", "dc000101", "dd0000000101", "dd0000000501",
    "de00010102", "df000000010102", "80", "8101", "810102", "81c001", "90", "9101",
    "a161", "bf", "e0", "930102", "8100c0", "c7", "d40101", "91919191c0",
]  # fmt: skip


def test_cmsgpack_reads_all_kinds(parity):
    script = (
        "local ok, e = pcall(function() return cjson.encode({cmsgpack.unpack(ARGV[1])}) "
        "end) return {tostring(ok), tostring(e)}"
    )
    parity(
        [["EVAL", script, 0, bytes.fromhex(packed)] for packed in PACKED],
        loose=as_valkey,
    )


RETURN_1 = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"

COMMANDS = [
    ["EVAL"],
    ["EVAL", "return 1"],
    ["EVAL", "return 1", "x"],
    ["EVAL", "return 1", "-1"],
    ["EVAL", "return 1", 2, "a"],
    ["EVAL", "retur n", "x"],
    ["EVAL", "retur n", 0],
    ["EVAL", "", 0],
    ["EVAL", "return {KEYS, ARGV}", 1, "a", "b", "c"],
    ["EVAL", b"return ARGV[1]", 0, b"\x00\xff\r\n"],
    ["EVALSHA", RETURN_1, 0],
    ["SCRIPT", "LOAD", "return 1"],
    ["EVALSHA", RETURN_1, 0],
    ["EVALSHA", RETURN_1.upper(), 0],
    ["EVALSHA", RETURN_1, "x"],
    ["EVALSHA", "short", "x"],
    ["EVALSHA_RO", RETURN_1, 0],
    ["SCRIPT", "EXISTS", RETURN_1, RETURN_1.upper(), "x"],
    ["SCRIPT", "EXISTS"],
    ["SCRIPT", "LOAD"],
    ["SCRIPT", "LOAD", "retur n"],
    ["SCRIPT", "FLUSH", "x"],
    ["SCRIPT", "FLUSH", "SYNC", "ASYNC"],
    ["SCRIPT", "FLUSH", "ASYNC"],
    ["SCRIPT", "EXISTS", RETURN_1],
    ["SCRIPT", "KILL"],
    ["SCRIPT"],
    ["SCRIPT", "FOO"],
    ["SCRIPT", "DEBUG", "NO"],
    ["SCRIPT", "DEBUG", "x"],
    ["EVAL_RO", "return redis.call('SET', 'k', 1)", 0],
    ["EVAL_RO", "return redis.pcall('SET', 'k', 1)", 0],
    ["EVAL_RO", "return redis.call('PUBLISH', 'c', 1)", 0],
    ["EVAL_RO", "return redis.call('GET', 'k')", 0],
    ["EVAL", "#!lua\nreturn 1", 0],
    ["EVAL", "#!lua flags=no-writes\nreturn redis.call('SET', 'k', 1)", 0],
    ["EVAL", "#!lua flags=foo\nreturn 1", 0],
    ["EVAL", "#!lua flags=\nreturn 1", 0],
    ["EVAL", "#!lua flags=allow-oom,allow-stale,no-cluster\nreturn 1", 0],
    ["EVAL", "#!lua name=x\nreturn 1", 0],
    ["EVAL", "#!lua", 0],
    ["EVAL", "#!lua\nerror('x')", 0],
    ["EVAL", "#!lua\nx x", 0],
    ["EVAL_RO", "#!lua\nreturn 1", 0],
    ["EVAL_RO", "#!lua flags=no-writes\nreturn 1", 0],
]


def test_the_commands_of_scripts(parity):
    parity(["SCRIPT FLUSH", *COMMANDS, "SCRIPT FLUSH"], loose=as_valkey)


EFFECTS = [
    ["EVAL", "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])", 1, "k", "v"],
    ["EVAL", "redis.call('SET', 'a', 1) error('late')", 0],
    "GET a",
    ["EVAL", "redis.call('SELECT', 5) redis.call('SET', 'b', 1) return 1", 0],
    "GET b",
    "SELECT 5",
    "GET b",
    "SELECT 0",
    "MULTI",
    ["EVAL", "return redis.call('INCR', 'n')", 0],
    ["EVAL", "error('x')", 0],
    ["EVALSHA", RETURN_1, 0],
    "INCR n",
    "EXEC",
    "WATCH n",
    ["EVAL", "return redis.call('INCR', 'n')", 0],
    "MULTI",
    "PING",
    "EXEC",
    ["EVAL", "return redis.call('EXPIRE', 'n', 100)", 0],
    ["EVAL", "for i = 1, 500 do redis.call('RPUSH', 'l', i) end return redis.call('LRANGE', 'l', 0, -1)", 0],
    ["EVAL", "return redis.call('DEL', unpack(KEYS))", 3, "a", "k", "none"],
    ["EVAL", "return redis.call('BLPOP', 'none', 0)", 0],
    ["EVAL", "return redis.call('LPOP', 'none', 1)", 0],
    ["EVAL", "return redis.call('ZADD', 'z', 1, 'a', 2.5, 'b')", 0],
    ["EVAL", "return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')", 0],
    ["EVAL", "redis.setresp(3) return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')", 0],
    ["EVAL", "redis.setresp(3) return redis.call('ZSCORE', 'z', 'b')", 0],
    ["EVAL", "redis.call('HSET', 'h', 'f', 'v') return redis.call('HGETALL', 'h')", 0],
    ["EVAL", "redis.setresp(3) return redis.call('HGETALL', 'h')", 0],
    ["EVAL", "redis.call('SADD', 's', 'm') redis.setresp(3) return redis.call('SMEMBERS', 's')", 0],
    ["EVAL", "redis.call('XADD', 'x', '1-1', 'f', 'v') return redis.call('XRANGE', 'x', '-', '+')", 0],
]  # fmt: skip


def test_what_scripts_do_to_keys(parity):
    parity(EFFECTS, loose=as_valkey)


def test_scripts_are_shared_between_clients(parity):
    parity(
        [
            "SCRIPT FLUSH",
            at("a", "SCRIPT", "LOAD", "return 1"),
            at("b", "EVALSHA", RETURN_1, 0),
            at("b", "SCRIPT", "FLUSH"),
            at("a", "EVALSHA", RETURN_1, 0),
        ],
        loose=as_valkey,
    )


FAILURES = [
    "return redis.call('nosuch')",
    "return redis.call('get')",
    "redis.pcall('get') return 1",
    "redis.call('set', 's', 'x') return redis.call('incr', 's')",
    "return redis.pcall('incr', 's')",
    "error(redis.pcall('incr', 's'))",
    "return redis.error_reply(redis.pcall('incr', 's').err)",
    "local ok, e = pcall(redis.call, 'incr', 's') error(e)",
    "error('x')",
    "error({err = 'MINE y'})",
    "return {err = 'MINE y'}",
    "return {err = 'noword'}",
    "return {err = ('x'):rep(40) .. ' y'}",
    "x x",
]


@pytest.mark.parametrize("script", FAILURES)
def test_errors_of_scripts_are_counted_once(parity, script):
    parity(
        [
            "SET s x",
            "CONFIG RESETSTAT",
            ["EVAL", script, 0],
            "INFO errorstats",
            "MULTI",
            ["EVAL", script, 0],
            "EXEC",
            "INFO errorstats",
        ],
        loose=as_valkey,
    )


def test_codes_of_errors_are_told_apart_up_to_a_number(parity):
    parity(
        [
            "CONFIG RESETSTAT",
            *(["EVAL", f"return {{err = 'E{i} x'}}", 0] for i in range(140)),
            "INFO errorstats",
        ]
    )


DUMPS = [
    "return loadstring(string.dump(function() return 1 end))()",
    "return {loadstring(string.dump(function() return 1 end), '=name')}",
    "local f, reason = loadstring(string.dump(function() end)) return {type(f), reason}",
    """
    local dumped = string.dump(function() end)
    local f, reason = load(function() local d = dumped dumped = nil return d end)
    return {type(f), reason}
    """,
    "return string.dump(function(a) local x = a return function() return x end end)",
    "return #string.dump(loadstring('return 1'))",
    "return string.dump(redis.call)",
    "return string.dump(string.dump)",
    "return {pcall(string.dump, cjson.encode)}",
    "return {pcall(string.dump, coroutine.wrap(function() end))}",
    "return string.dump()",
    "return string.dump('f')",
    "return {pcall(string.dump, {})}",
]


@pytest.mark.parametrize("script", DUMPS)
def test_functions_are_dumped_and_what_is_dumped_never_loads(parity, script):
    parity([["EVAL", script, 0]], witness="redis")
