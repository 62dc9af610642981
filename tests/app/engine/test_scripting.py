import pytest

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import (
    NULL_ARRAY,
    OK,
    BigNumber,
    BulkList,
    Encoded,
    Pairs,
    SetReply,
    SimpleString,
    Verbatim,
)
from tests.app.engine.lua_fixtures import ScriptRunner, strings


@pytest.fixture
def script():
    return ScriptRunner()


RESULTS = [
    pytest.param("return 1", 1, id="integer"),
    pytest.param("return 1.9", 1, id="truncated toward zero"),
    pytest.param("return -1.9", -1, id="negative, truncated"),
    pytest.param("return 1e20", -(2**63), id="beyond int64"),
    pytest.param("return 0/0", -(2**63), id="NaN"),
    pytest.param("return 2^53", 2**53, id="the largest exact integer"),
    pytest.param("return 'a\\0\\255'", b"a\x00\xff", id="any bytes"),
    pytest.param("return nil", None, id="nil"),
    pytest.param("return", None, id="nothing"),
    pytest.param("return true", 1, id="true"),
    pytest.param("return false", None, id="false"),
    pytest.param("return function() end", None, id="function"),
    pytest.param("return 1, 2", 1, id="only the first value"),
    pytest.param("return {}", b"*0\r\n", id="empty table"),
    pytest.param("return {1, 'b', 3}", [1, b"b", 3], id="array"),
    pytest.param("return {'a', 'b'}", [b"a", b"b"], id="array of strings"),
    pytest.param("return {1, nil, 3}", [1], id="nil ends an array"),
    pytest.param("return {1.5}", b"*1\r\n:1\r\n", id="number in an array"),
    pytest.param(
        "return {{1}, {{2}}}", b"*2\r\n*1\r\n:1\r\n*1\r\n*1\r\n:2\r\n", id="nested"
    ),
    pytest.param("return {ok = 'fine'}", b"+fine\r\n", id="status"),
    pytest.param("return {err = 'MY error'}", b"MY error", id="error"),
    pytest.param("return {double = 3.5}", b"$3\r\n3.5\r\n", id="double"),
    pytest.param("return {map = {a = 1}}", b"*2\r\n$1\r\na\r\n:1\r\n", id="map"),
    pytest.param("return {set = {a = true}}", b"*1\r\n$1\r\na\r\n", id="set"),
    pytest.param("return {big_number = '12'}", b"$2\r\n12\r\n", id="big number"),
    pytest.param(
        "return {verbatim_string = {format = 'txt', string = 'hi'}}",
        b"$2\r\nhi\r\n",
        id="verbatim",
    ),
]


@pytest.mark.parametrize(("source", "expected"), RESULTS)
def test_a_result_becomes_a_reply(script, source, expected):
    assert script(source) == expected


RESP3_RESULTS = [
    pytest.param("return {double = 3.5}", b",3.5\r\n", id="double"),
    pytest.param("return {map = {a = 1}}", b"%1\r\n$1\r\na\r\n:1\r\n", id="map"),
    pytest.param("return {set = {a = true}}", b"~1\r\n$1\r\na\r\n", id="set"),
    pytest.param("return {big_number = '12'}", b"(12\r\n", id="big number"),
    pytest.param("return {{true}, false}", b"*2\r\n*1\r\n:1\r\n_\r\n", id="booleans"),
    pytest.param(
        "return {verbatim_string = {format = 'markdown', string = 'hi'}}",
        b"=6\r\nmar:hi\r\n",
        id="verbatim, its format cut",
    ),
    pytest.param("redis.setresp(3) return true", True, id="true of a RESP3 script"),
    pytest.param(
        "redis.setresp(3) return {false}", b"*1\r\n#f\r\n", id="false in an array"
    ),
]


@pytest.mark.parametrize(("source", "expected"), RESP3_RESULTS)
def test_a_result_becomes_a_resp3_reply(script, source, expected):
    assert script(source, resp=3) == expected


REPLIES = [
    pytest.param(5, "return type(r) .. r", b"number5", id="integer"),
    pytest.param(b"x", "return type(r) .. r", b"stringx", id="string"),
    pytest.param(None, "return tostring(r)", b"false", id="null"),
    pytest.param(NULL_ARRAY, "return tostring(r)", b"false", id="null array"),
    pytest.param(OK, "return r.ok", b"OK", id="OK"),
    pytest.param(SimpleString(b"PONG"), "return r.ok", b"PONG", id="status"),
    pytest.param(True, "return r", 1, id="true"),
    pytest.param(1.5, "return type(r) .. r", b"string1.5", id="double"),
    pytest.param(strings(b"a", b"b"), "return #r .. r[2]", b"2b", id="array"),
    pytest.param([], "return #r", 0, id="empty array"),
    pytest.param(
        [1, None, b"c"],
        "return tostring(r[2]) .. r[3]",
        b"falsec",
        id="null in an array",
    ),
    pytest.param({b"k": b"v"}, "return r[1] .. r[2]", b"kv", id="map"),
    pytest.param(SetReply([b"m"]), "return r[1]", b"m", id="set"),
    pytest.param(Pairs([(b"a", 1.5)]), "return r[1] .. r[2]", b"a1.5", id="pairs"),
    pytest.param([[1, [b"x"]]], "return r[1][2][1]", b"x", id="nested"),
    pytest.param(Verbatim(b"txt", b"hi"), "return r", b"hi", id="verbatim"),
    pytest.param(BigNumber(2**70), "return r", b"%d" % 2**70, id="big number"),
    pytest.param(
        [CommandError(b"ERR no")], "return r[1].err", b"ERR no", id="error inside"
    ),
]


@pytest.mark.parametrize(("reply", "source", "expected"), REPLIES)
def test_a_reply_becomes_a_lua_value(script, reply, source, expected):
    script.replies["GET"] = reply

    assert script("local r = redis.call('GET') " + source) == expected


RESP3_REPLIES = [
    pytest.param(None, "return tostring(r)", b"nil", id="null"),
    pytest.param(
        [None, b"x"], "return tostring(r[1]) .. r[2]", b"nilx", id="null inside"
    ),
    pytest.param(True, "return tostring(r)", b"true", id="boolean"),
    pytest.param(1.5, "return r.double * 2", 3, id="double"),
    pytest.param({b"k": b"v"}, "return r.map.k", b"v", id="map"),
    pytest.param(SetReply([b"m"]), "return tostring(r.set.m)", b"true", id="set"),
    pytest.param(
        Pairs([(b"a", 1.5)]), "return r[1][1] .. r[1][2].double", b"a1.5", id="pairs"
    ),
    pytest.param(BigNumber(7), "return r.big_number", b"7", id="big number"),
    pytest.param(
        Verbatim(b"txt", b"hi"),
        "return r.verbatim_string.format .. r.verbatim_string.string",
        b"txthi",
        id="verbatim",
    ),
]


@pytest.mark.parametrize(("reply", "source", "expected"), RESP3_REPLIES)
def test_a_resp3_reply_becomes_a_lua_value(script, reply, source, expected):
    script.replies["GET"] = reply

    assert script("redis.setresp(3) local r = redis.call('GET') " + source) == expected


@pytest.mark.parametrize("count", [0, 1, 1999, 2000, 2001, 4000, 12345])
def test_an_array_of_any_length_crosses_whole(script, count):
    items = BulkList([b"%d" % i for i in range(count)])
    script.replies["GET"] = items

    source = "local r = redis.call('GET') return #r .. (r[#r] or '')"
    assert script(source) == b"%d" % count + (items[-1] if items else b"")


@pytest.mark.parametrize("count", [1, 3999, 4000, 7000])
def test_a_table_of_any_length_is_returned_whole(script, count):
    reply = script(f"local t = {{}} for i = 1, {count} do t[i] = 'x' end return t")

    if isinstance(reply, Encoded):
        reply = reply.removeprefix(b"*%d\r\n" % count).split(b"$1\r\nx\r\n")[1:]
    assert len(reply) == count


ARGUMENTS = [
    pytest.param("3", b"3", id="integer"),
    pytest.param("-0", b"0", id="minus zero"),
    pytest.param("0.1", b"0.1", id="shortest"),
    pytest.param("2^60", b"1152921504606846976", id="large integer"),
    pytest.param("1e20", b"100000000000000000000", id="beyond int64"),
    pytest.param("1/0", b"inf", id="infinity"),
    pytest.param("0/0", b"-nan", id="NaN of x86"),
    pytest.param("'a\\0b'", b"a\x00b", id="binary"),
]


@pytest.mark.parametrize(("value", "expected"), ARGUMENTS)
def test_an_argument_is_written_as_redis_writes_it(script, value, expected):
    script(f"redis.call('ECHO', {value})")

    written = script.calls[0][1]
    assert written == expected or (float(written) == float(expected) == 1e20)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 49, 50, 51, 100, 101, 149, 2500])
def test_any_number_of_arguments_crosses_in_order(script, count):
    arguments = [b"%d" % i for i in range(count)]

    script("redis.call('DEL', unpack(ARGV))", arguments=arguments)

    assert script.calls == [(b"DEL", *arguments)]


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6, 7, 8, 9, 10, 51, 120])
@pytest.mark.parametrize("value", ["nil", "true", "{}", "print", "cjson.null"])
@pytest.mark.parametrize("form", ["call", "pcall"])
def test_what_is_no_string_or_number_never_crosses(script, form, value, count):
    for place in {2, (count + 2) // 2, count}:
        words = ["'DEL'"] + ["'k'"] * (count - 1)
        words[place - 1] = value.replace("print", "tostring")

        script(f"return redis.{form}({', '.join(words)})")
        error = script(f"return redis.pcall({', '.join(words)}).err")

        assert error == errors.SCRIPT_BAD_ARGUMENTS
    assert script.calls == []


def test_numbers_among_many_arguments_are_written_as_redis_writes_them(script):
    script("redis.call('HSET', 'h', 'a', 1, 'b', 2.5, 'c', 1e15, 'd', -0.0, 'e', 'f')")
    script("redis.call('DEL', 255, 256, -1, 1e14 - 1)")
    script("local t = {} for i = 1, 60 do t[i] = i end redis.call('DEL', unpack(t))")

    hset, short, long = script.calls
    assert hset[2:] == tuple(b"a 1 b 2.5 c 1000000000000000 d 0 e f".split())
    assert short == (b"DEL", b"255", b"256", b"-1", b"99999999999999")
    assert long == (b"DEL", *[b"%d" % i for i in range(1, 61)])


@pytest.mark.parametrize("keys", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("arguments", [0, 1, 250, 9000])
def test_keys_and_arguments_arrive(script, keys, arguments):
    names = [b"k%d" % i for i in range(keys)]
    values = [b"v%d" % i for i in range(arguments)]
    source = "return {#KEYS, #ARGV, KEYS[#KEYS] or '', ARGV[#ARGV] or ''}"

    last = [names[-1] if names else b"", values[-1] if values else b""]
    assert script(source, names, values) == [keys, arguments, *last]


WHERE = b" script: SHA, on @user_script:1."
ERRORS = [
    pytest.param("error('boom')", b"ERR user_script:1: boom" + WHERE, id="error"),
    pytest.param("error('boom', 0)", b"ERR boom" + WHERE, id="error without a place"),
    pytest.param("error({err = 'MY x'})", b"MY x" + WHERE, id="error table"),
    pytest.param("error({})", b"ERR unknown error" + WHERE, id="table without err"),
    pytest.param("error()", b"ERR nil" + WHERE, id="error of nothing"),
    pytest.param(
        "\n\nerror('x')",
        b"ERR user_script:3: x script: SHA, on @user_script:3.",
        id="line",
    ),
    pytest.param(
        "#!lua\nerror('x')",
        b"ERR user_script:2: x script: SHA, on @user_script:2.",
        id="behind a shebang",
    ),
    pytest.param(
        "return missing",
        b"ERR user_script:1: Script attempted to access nonexistent global variable "
        b"'missing'" + WHERE,
        id="missing global",
    ),
    pytest.param(
        "x = 1",
        b"ERR user_script:1: Attempt to modify a readonly table" + WHERE,
        id="new global",
    ),
    pytest.param(
        "rawset(_G, 'x', 1)",
        b"ERR Attempt to modify a readonly table" + WHERE,
        id="raw global",
    ),
    pytest.param(
        "return redis.call()",
        b"ERR Please specify at least one argument for this redis lib call" + WHERE,
        id="no command, in a tail call",
    ),
    pytest.param(
        "redis.call('SET', {})",
        b"ERR Lua redis lib command arguments must be strings or integers" + WHERE,
        id="bad argument",
    ),
    pytest.param(
        "return redis.call('FAIL')", b"WRONG kind" + WHERE, id="failed command"
    ),
    pytest.param(
        "return redis.pcall('FAIL')", b"WRONG kind", id="failed command, caught"
    ),
    pytest.param(
        "string.find('a', '[')",
        b"ERR user_script:1: malformed pattern (missing ']')" + WHERE,
        id="error of a library",
    ),
    pytest.param(
        "local s = nil; s.x = 1",
        b"ERR user_script:1: attempt to index local 's' (a nil value)" + WHERE,
        id="error of the VM",
    ),
    pytest.param(
        "for",
        b"ERR Error compiling script (new function): user_script:1: "
        b"'<name>' expected near '<eof>'",
        id="syntax",
    ),
    pytest.param(
        "\x1bLua",
        b"ERR Error compiling script (new function): user_script:1: "
        b"unexpected symbol near 'char(27)'",
        id="bytecode",
    ),
]


@pytest.mark.parametrize(("source", "expected"), ERRORS)
def test_errors_are_redis_s_own(script, source, expected):
    script.replies["FAIL"] = CommandError(b"WRONG kind")

    assert script(source) == expected


CAUGHT = [
    pytest.param(
        "pcall(redis.call, 'FAIL')", b"falsestringWRONG kind", id="call as a string"
    ),
    pytest.param(
        "pcall(function() redis.call('FAIL') end)",
        b"falsestringWRONG kind",
        id="in a function",
    ),
    pytest.param("pcall(error, 'x')", b"falsestringx", id="error itself"),
    pytest.param(
        "pcall(function() error('x') end)", b"falsestringuser_script:1: x", id="place"
    ),
    pytest.param(
        "pcall(function() string.rep() end)", None, id="a library's error, relocated"
    ),
    pytest.param(
        "pcall(function(...) return 'number', select('#', ...) end, 1, 2, 3)",
        b"truenumber3",
        id="arguments",
    ),
    pytest.param(
        "xpcall(function() error('x', 0) end, function(e) return 'H', 1 end)",
        b"falsestringH",
        id="handler",
    ),
    pytest.param(
        "coroutine.resume(coroutine.create(function() error('x') end))",
        b"falsestringuser_script:1: x",
        id="coroutine",
    ),
]


@pytest.mark.parametrize(("source", "expected"), CAUGHT)
def test_errors_are_caught_as_redis_catches_them(script, source, expected):
    script.replies["FAIL"] = CommandError(b"WRONG kind")
    shown = f"local ok, e, n = {source} return tostring(ok) .. type(e) .. tostring(e)"
    if "select" in source:
        shown = f"local ok, e, n = {source} return tostring(ok) .. e .. n"

    reply = script(shown)

    if expected is None:
        assert reply.startswith(b"falsestringuser_script:1: bad argument #1 to 'rep'")
    else:
        assert reply == expected


def test_the_next_script_starts_afresh(script):
    script(
        "redis.setresp(3) cjson.encode_max_depth(1) math.randomseed(7) KEYS[1] = 'x'"
    )

    source = "return {#KEYS, cjson.encode({{{}}}), tostring(redis.call('GET'))}"
    assert script(source) == [0, b"[[{}]]", b"false"]


def test_the_random_numbers_are_redis_s_and_go_on_behind_a_script_that_seeds():
    script = ScriptRunner()
    draw = "return math.random(1000000)"

    first = script(draw)
    seeded = script(
        "math.randomseed(1) return {math.random(1000000), math.random(1000000)}"
    )

    assert first == 396465
    assert seeded == [41631, 454493]
    assert script(draw) == 840486


def test_a_bug_in_a_command_surfaces_behind_the_script(script):
    script.replies["BUG"] = ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError):
        script("pcall(redis.call, 'BUG') return 1")
    assert script("return 2") == 2


def test_memory_that_ends_is_an_error_and_the_runtime_goes_on(script):
    bomb = "local s = ('x'):rep(2 ^ 20) while true do s = s .. s end"

    assert script(bomb).startswith(b"ERR not enough memory")
    assert script("return #('x'):rep(2 ^ 20)") == 2**20


def test_the_garbage_of_a_large_heap_goes_before_memory_ends(script):
    keeps = "local kept = {} for i = 1, 20 do kept[i] = ('x'):rep(2 ^ 20) .. i end "
    litters = "for i = 1, 5000 do local t = {} for j = 1, 100 do t[j] = {} end end "

    assert script(keeps + litters + "return #kept") == 20
    assert script("return 1") == 1


def test_the_garbage_of_many_short_scripts_goes_too(script):
    for _ in range(2000):
        script("local t = {} for i = 1, 500 do t[i] = {} end")

    assert script.runtime.memory_used < 16 * 1024 * 1024


def test_a_reply_too_large_for_lua_is_an_error_not_a_hang(script):
    script.replies["GET"] = b"x" * (50 * 1024 * 1024)

    assert script("return redis.call('GET')").startswith(b"ERR not enough memory")
    assert script("return 1") == 1


def test_arguments_too_large_for_lua_are_refused(script):
    arguments = [b"x" * (70 * 1024 * 1024)]

    assert script("return 1", arguments=arguments).startswith(b"ERR not enough memory")
    assert script("return 1") == 1


@pytest.mark.parametrize("verdict", [1, 2])
def test_a_script_is_killed_when_the_runtime_is_told_so(script, verdict):
    script.verdict = verdict

    reply = script("while true do end")

    assert reply.startswith(b"ERR Script killed by user with SCRIPT KILL...")
    script.verdict = 0
    assert script("return 1") == 1


LOOP = "for i = 1, 1e6 do end"
HUGE = "local s = ('x'):rep(4e7) for i = 1, 1e4 do end return #s"


@pytest.mark.parametrize(
    "huge", [HUGE, f"return coroutine.wrap(function() {HUGE} end)()"]
)
def test_a_huge_heap_is_no_burden_to_those_behind_it(huge):
    script = ScriptRunner(memory_limit=256 * 1024 * 1024)

    def count_asks(source):
        before = script.asked
        script(source)
        return script.asked - before

    usual = count_asks(LOOP)
    assert count_asks(huge) > 0
    for _ in range(10):
        script("return 1")

    # Lua keeps half of the buffer in which it joined the text.
    assert count_asks(LOOP) <= 3 * usual


def test_flush_forgets_scripts_and_gives_memory_back(script):
    for i in range(200):
        script(f"return '{i}'" + " " * 1000)
    before = script.runtime.memory_used

    script.runtime.flush()

    assert script.runtime.memory_used < before
    assert script("return 1") == 1


def test_deep_tail_recursion_of_a_local_function_does_not_end(script):
    source = """
    local function f(n) if n == 0 then return 'deep' end return f(n - 1) end
    return f(1e5)
    """

    assert script(source) == b"deep"
