"""FUNCTION, FCALL, FCALL_RO."""
# ruff: noqa: E501 - a script reads best on one line

from tests.parity.test_scripting import as_valkey


def load(code, *, name="lib", options=()):
    return ["FUNCTION", "LOAD", *options, f"#!lua name={name}\n{code}"]


def register(*arguments):
    return f"redis.register_function({', '.join(arguments)})"


BODY = "function() return 1 end"

FIRST_LINES = [
    ["FUNCTION", "LOAD", "return 1"],
    ["FUNCTION", "LOAD", "#!lua name=a"],
    ["FUNCTION", "LOAD", "#!lua\nreturn 1"],
    ["FUNCTION", "LOAD", "#!lua name=\nreturn 1"],
    ["FUNCTION", "LOAD", "#!js name=a\nreturn 1"],
    ["FUNCTION", "LOAD", "#!lua name=a b=c\nreturn 1"],
    ["FUNCTION", "LOAD", "#!lua name=a name=b\nreturn 1"],
    ["FUNCTION", "LOAD", "#!lua name=a-b\nreturn 1"],
    ["FUNCTION", "LOAD", "#! lua name=a\nreturn 1"],
    ["FUNCTION", "LOAD", f"#!Lua NAME=upper\n{register(repr('f1'), BODY)}"],
    ["FUNCTION", "LOAD", f"#!lua  name=spaces \r\n{register(repr('f2'), BODY)}"],
    "FUNCTION LOAD",
    "FUNCTION LOAD REPLACE",
    "FUNCTION LOAD FOO bar",
]

BODIES = [
    load("return 1"),
    load("x = 1"),
    load("local x = y"),
    load("redis.call('PING')"),
    load("error('x')"),
    load("local x = math"),
    load("for i = 1 do"),
    load(register()),
    load(register("'f'")),
    load(register("'f'", "1")),
    load(register("1", "2", "3")),
    load(register("{1, 2}")),
    load(register("{function_name = 'f'}")),
    load(register(f"{{callback = {BODY}}}")),
    load(register(f"{{function_name = 'f', callback = {BODY}, foo = 1}}")),
    load(register(f"{{function_name = 'f', callback = {BODY}, flags = {{'foo'}}}}")),
    load(register(f"{{function_name = 'f', callback = {BODY}, flags = 'no-writes'}}")),
    load(register("{function_name = 'f', callback = 5}")),
    "FUNCTION LIST",
]

CALLS = [
    load(
        """local n = 0
local r = redis
redis.register_function('g', function() n = n + 1 return n end)
redis.register_function('h', function() return r.call('PING') end)
redis.register_function('i', function() return redis.call('PING') end)
redis.register_function('args', function(keys, args) return {keys, args} end)
redis.register_function('err', function() error('boom') end)
redis.register_function('unknown', function() return redis.call('FOO') end)
redis.register_function('glob', function() x = 1 end)
redis.register_function('glob2', function() return x end)
redis.register_function('keys', function() return KEYS[1] end)
redis.register_function('late', function() redis.register_function('z', print) end)
redis.register_function{
  function_name = 'ro', callback = function() return redis.call('SET', 'a', 1) end,
  flags = {'no-writes'}, description = 'hello',
}
redis.register_function('map', function() redis.setresp(3) return {map = {a = true}} end)
"""
    ),
    *[
        f"FCALL {name} 0"
        for name in (
            [
                "g",
                "g",
                "h",
                "i",
                "err",
                "unknown",
                "glob",
                "glob2",
                "keys",
                "late",
                "ro",
                "map",
                "GLOB",
                "none",
            ]
        )
    ],
    "FCALL args 1 a b c",
    "FCALL args x",
    "FCALL args -1",
    "FCALL args 2 a",
    "FCALL args",
    "FCALL_RO ro 0",
    "FCALL_RO i 0",
    "FCALL_RO none 0",
    ["EVAL", "return redis.pcall('FCALL', 'g', 0)", 0],
    load(register("'g'", BODY)),
    load(register("'g'", BODY), name="other"),
    load(register("'G'", BODY), name="other"),
    load("boom()", options=["REPLACE"]),
    "FCALL g 0",
    load(register("'new'", BODY), options=["REPLACE"]),
    "FCALL g 0",
    "FCALL new 0",
]

LISTS = [
    load(register(f"{{function_name = 'f', callback = {BODY}, description = 'd', flags = {{'no-writes'}}}}")),
    "FUNCTION LIST",
    "FUNCTION LIST WITHCODE",
    "FUNCTION LIST LIBRARYNAME l*",
    "FUNCTION LIST LIBRARYNAME none WITHCODE",
    "FUNCTION LIST LIBRARYNAME",
    "FUNCTION LIST FOO",
    "FUNCTION LIST WITHCODE WITHCODE",
    "FUNCTION STATS",
    "FUNCTION KILL",
    "FUNCTION DELETE none",
    "FUNCTION DELETE lib",
    "FUNCTION DELETE",
    "FUNCTION LIST",
    "FUNCTION STATS",
    "FUNCTION FLUSH FOO",
    "FUNCTION flush SYNC ASYNC",
    "FUNCTION FLUSH SYNC",
    "FUNCTION FOO",
    "FUNCTION",
    "FUNCTION RESTORE x",
    "FUNCTION RESTORE x FOO",
    "FUNCTION restore x FLUSH y",
    "FUNCTION RESTORE",
]  # fmt: skip


def run(parity, steps):
    parity(["FUNCTION FLUSH", *steps, "FUNCTION FLUSH"], loose=as_valkey)


def test_first_lines(parity):
    run(parity, FIRST_LINES)


def test_bodies_of_libraries(parity):
    run(parity, BODIES)


def test_calls(parity):
    run(parity, CALLS)


def test_lists_and_the_rest(parity):
    run(parity, LISTS)


def test_flags_of_functions_come_in_an_order_of_their_own(parity):
    flags = "flags = {'no-cluster', 'allow-stale', 'allow-oom', 'no-writes'}"
    spec = f"{{function_name = 'f', callback = {BODY}, {flags}}}"
    parity([load(register(spec)), "FUNCTION LIST"])
