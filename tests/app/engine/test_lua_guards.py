"""Each guard of the sandbox, with its limit set low or asked as a function.

What a guard is there for is told in words, in docs/reliability.md. Nothing here could
harm a Lua without the guard: sizes are a few bytes, loops end by themselves.
"""

import pytest

from joblog.app.engine.lua_callbacks import Callbacks, Hooks
from joblog.app.reply import BulkList
from joblog.app.version import REDIS_VERSION
from tests.app.engine.lua_fixtures import ScriptRunner, open_core

KILLED = b"ERR Script killed by user with SCRIPT KILL..."
NEVER = 10**9
WORDS = [b"%d" % (i * 7919 % 100) for i in range(60)]


def run(source, arguments=(), verdict=0, **limits):
    """Run a script in a runtime with other limits; return its outcome, and that."""
    script = ScriptRunner(**limits)
    script.verdict = verdict
    return script(source, arguments=arguments), script


# --- being stopped -------------------------------------------------------------------

WORK = "for i = 1, 1000 do end"
OUTLIVED = [
    pytest.param(f"{WORK}", id="plain"),
    pytest.param(f"coroutine.wrap(function() {WORK} end)()", id="coroutine"),
    pytest.param(
        "for j = 1, 9 do "
        f"coroutine.resume(coroutine.create(function() {WORK} end)) end",
        id="new coroutines",
    ),
    pytest.param(f"pcall(function() {WORK} end) {WORK}", id="pcall"),
    pytest.param(
        f"for j = 1, 9 do pcall(pcall, function() {WORK} end) end", id="nested pcalls"
    ),
    pytest.param(
        f"pcall(coroutine.wrap(function() pcall(function() {WORK} end) {WORK} end))",
        id="pcall in a coroutine in pcall",
    ),
    pytest.param(f"xpcall(error, function() {WORK} end)", id="xpcall's handler"),
    pytest.param(
        f"xpcall(function() {WORK} end, function() return 1 end)", id="xpcall"
    ),
    pytest.param(
        f"load(function() pcall(function() {WORK} end) return nil end)",
        id="load's reader",
    ),
]


@pytest.mark.parametrize("source", OUTLIVED)
def test_a_killed_script_does_nothing_more(source):
    source += " redis.call('ECHO', 'after') return 'went on'"
    limits = {"instructions": 10, "ask_every": 5}

    reply, script = run(source, WORDS, verdict=1, **limits)

    assert reply.startswith(KILLED)
    assert script.calls == []
    assert run(source, WORDS, **limits)[0] == b"went on"


def test_who_catches_errors_where_the_hook_cannot_run_is_asked_as_well():
    catch = "for i = 1, 50 do pcall(error, 'x') end return 'went on'"
    resume = "for i = 1, 50 do coroutine.resume(coroutine.create(error_now)) end"
    resume = "local error_now = function() error('x') end " + resume
    limits = {"instructions": NEVER, "ask_every": 10, "ask_late": 5}

    assert run(catch, verdict=1, **limits)[0].startswith(KILLED)
    assert run(resume, verdict=1, **limits)[0].startswith(KILLED)
    assert run(catch, **limits)[0] == b"went on"


CATCHES = [
    pytest.param("pcall(collectgarbage)", id="pcall"),
    pytest.param("pcall(function() collectgarbage() end)", id="pcall of a function"),
    pytest.param("xpcall(collectgarbage, tostring)", id="xpcall"),
    pytest.param("load(function() collectgarbage() end)", id="load"),
    pytest.param(
        "coroutine.resume(coroutine.create(function() collectgarbage() end))",
        id="resume",
    ),
]


@pytest.mark.parametrize("catch", CATCHES)
def test_what_is_caught_after_the_kill_is_the_kill_again(catch):
    source = f"{catch} redis.call('ECHO', 'after') return 'went on'"

    reply, script = run(source, verdict=1, instructions=NEVER)

    assert reply.startswith(KILLED)
    assert script.calls == []


BARE = b"""
local core = ...
local function work() for i = 1, 1000 do end end
local went_on = 'stopped'
local ok = core.call_hooked(function() pcall(work) work() went_on = 'went on' end)
return ok, went_on
"""


def test_the_hook_by_itself_raises_again_where_the_kill_is_caught():
    # Below pcall as scripts know it, which asks as well.
    stock = b"should_stop = function() return 1 end"
    core = open_core(stock=stock, instructions=10, ask_every=5)

    assert core[b"perform"](BARE) == (False, b"stopped")


def test_the_handler_of_xpcall_runs_behind_the_error_not_within_it():
    # Both go almost as deep as calls through C may go; together they would go deeper.
    source = """
    local function nest(n, last)
      if n == 0 then return last() end
      return (('x'):gsub('x', function() return nest(n - 1, last) end))
    end
    local function fail() error('x') end
    local function say() return 'ok' end
    local function body() nest(110, fail) end
    local function handler() return nest(110, say) end
    return select(2, xpcall(body, handler))
    """

    assert run(source)[0] == b"ok"


POLLS = [
    pytest.param("collectgarbage()", {}, id="collectgarbage"),
    pytest.param("collectgarbage('step')", {}, id="a step of the collector"),
    pytest.param("('ab'):rep(6)", {"string_bytes_to_poll": 10}, id="rep"),
    pytest.param("table.concat(ARGV)", {"items_in_c": 10}, id="concat"),
    pytest.param("('ab'):find('a*b*')", {"pattern_cost_to_poll": 5}, id="find"),
    pytest.param(
        "(('ab'):rep(20)):match('a')",
        {"pattern_subject_bytes": 10, "pattern_cost_to_poll": 5},
        id="a long subject",
    ),
]


@pytest.mark.parametrize(("source", "limits"), POLLS)
def test_what_may_take_long_within_c_asks_first(source, limits):
    usual = run(f"local s = {source}", WORDS, instructions=NEVER)[1]
    script = run(f"local s = {source}", WORDS, instructions=NEVER, **limits)[1]

    assert script.asked == 1
    assert usual.asked == (source.startswith("collect"))


def test_a_long_sort_is_under_the_hook():
    limits = {"instructions": 10, "ask_every": 5}

    usual = run("table.sort(ARGV)", WORDS, **limits)[1]
    script = run("table.sort(ARGV)", WORDS, items_in_c=5, **limits)[1]

    assert script.asked > usual.asked + 5


# --- patterns ------------------------------------------------------------------------

WEIGHTS = [
    pytest.param(b"abc", 1, id="text"),
    pytest.param(b"^abc", 0, id="anchored"),
    pytest.param(b"a*", 1, id="one star, nothing behind it"),
    pytest.param(b"a*b", 2, id="one star, something behind it"),
    pytest.param(b"^a-b", 1, id="anchored"),
    pytest.param(b"a+b*c", 3, id="two"),
    pytest.param(b"a?b", 1.5, id="question mark"),
    pytest.param(b"%b()", 2, id="balance"),
    pytest.param(b"a*%f[b]c", 2, id="frontier"),
    pytest.param(b"[*+-]", 1, id="quantifiers within a set"),
    pytest.param(b"%*%-", 1, id="quantifiers escaped"),
]


@pytest.mark.parametrize(("pattern", "expected"), WEIGHTS)
def test_a_pattern_weighs_as_much_as_it_may_cost(pattern, expected):
    core = open_core("base", "libraries", "patterns")

    assert core[b"weigh_pattern"](pattern) == expected


SEARCHES = [
    pytest.param("('aaaaaa'):find('a*a*b')", id="find"),
    pytest.param("('aaaaaa'):match('a*a*b')", id="match"),
    pytest.param("('aaaaaa'):gsub('a*a*b', '')", id="gsub"),
    pytest.param("('aaaaaa'):gmatch('a*a*b')()", id="gmatch"),
    pytest.param("('aaaaaa'):gfind('a*a*b')()", id="gfind"),
]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_pattern_that_costs_too_much_is_matched_under_the_hook(search):
    limits = {"instructions": 100, "ask_every": 1}
    source = f"local found = {search} return 'found'"

    usual = run(source, **limits)[1]
    outcome, script = run(source, pattern_cost=20, **limits)

    assert outcome == b"found"
    assert script.asked > usual.asked + 5
    limits["instructions"] = 1000
    for verdict, start in ((0, b"found"), (1, KILLED)):
        outcome = run(source, verdict=verdict, pattern_cost=20, **limits)[0]
        assert outcome.startswith(start)


REFUSED = [
    pytest.param(
        "('a'):find('a?a?a?a?')", {"pattern_items": 3}, b"too complex", id="pattern"
    ),
    pytest.param(
        "('a'):find('(a)()')", {"pattern_items": 3}, b"too complex", id="parentheses"
    ),
    pytest.param(
        "('aaa'):find('a?a?a?a?b')",
        {"pattern_cost": 1, "match_depth": 3},
        b"too complex",
        id="depth of the matcher",
    ),
    pytest.param(
        "('aaa'):find('()()()a*a*a')",
        {"pattern_cost": 1, "captures": 2},
        b"too many captures",
        id="captures",
    ),
    pytest.param("('ab'):rep(6)", {"string_bytes": 10}, b"not enough memory", id="rep"),
    pytest.param("unpack({}, 1, 10)", {"unpacked": 10}, None, id="unpack, as many"),
    pytest.param(
        "unpack({}, 1, 11)", {"unpacked": 10}, b"too many results", id="unpack"
    ),
    pytest.param(
        "unpack({}, -5, 6)", {"unpacked": 10}, b"too many results", id="from below"
    ),
    pytest.param(
        "unpack({1, 2, 3, 4})", {"unpacked": 10}, 1, id="unpack of a whole table"
    ),
    pytest.param(
        "struct.unpack('bbb', 'abc')", {"struct_values": 3}, 97, id="struct.unpack"
    ),
    pytest.param(
        "struct.unpack('bbbb', 'abcd')",
        {"struct_values": 3},
        b"too many results",
        id="more",
    ),
    pytest.param(
        "struct.pack('c5', 'abcde')", {"struct_count": 5}, b"abcde", id="struct.pack"
    ),
    pytest.param(
        "struct.pack('c6', 'abcdef')",
        {"struct_count": 5},
        b"size overflow",
        id="a large number in a format",
    ),
    pytest.param(
        "struct.size('i6')", {"struct_integer_bytes": 5}, b"larger than", id="integer"
    ),
    pytest.param(
        "struct.unpack('i6', 'abcdef')",
        {"struct_integer_bytes": 5},
        b"larger than",
        id="integer, read",
    ),
    pytest.param("struct.size('!3b')", {}, b"power of 2", id="alignment"),
    pytest.param(
        "struct.unpack('', 'a', 0)", {}, b"offset must be 1 or greater", id="offset"
    ),
    pytest.param("struct.unpack('b', 'a', 9)", {}, b"too short", id="beyond the end"),
    pytest.param("struct.unpack('bc0', '\\5abc')", {}, b"too short", id="a size read"),
    pytest.param("bit.tohex(255, 12)", {}, b"000000ff", id="tohex of many digits"),
    pytest.param("bit.tohex(255, -12)", {}, b"000000FF", id="tohex, capital letters"),
    pytest.param("bit.tohex(255, 0)", {}, b"", id="tohex of no digits"),
    pytest.param(
        "cmsgpack.unpack('\\147\\1')", {}, b"Missing bytes", id="an array that lies"
    ),
    pytest.param(
        "cmsgpack.unpack('\\131\\1\\2')", {}, b"Missing bytes", id="a map that lies"
    ),
    pytest.param(
        "cmsgpack.unpack('\\163a')", {}, b"Missing bytes", id="a text that lies"
    ),
    pytest.param(
        "#cmsgpack.pack({{{{}}}})", {"cmsgpack_depth": 4}, 4, id="depth of cmsgpack"
    ),
    pytest.param(
        "cmsgpack.pack({{{}}})", {"cmsgpack_depth": 2}, b"\x91\x91\xc0", id="deeper"
    ),
    pytest.param(
        "(function() cjson.encode_max_depth(2) return cjson.encode({{{}}}) end)()",
        {},
        b"excessive nesting",
        id="depth of cjson",
    ),
    pytest.param(
        "(function() cjson.decode_max_depth(2) return cjson.decode('[[[]]]') end)()",
        {},
        b"too many nested",
        id="depth of JSON",
    ),
    pytest.param(
        "{{{{1}}}}",
        {"reply_depth": 3},
        b"*1\r\n*1\r\n*1\r\n-ERR reached lua stack limit\r\n",
        id="depth of a reply",
    ),
]


@pytest.mark.parametrize(("value", "limits", "expected"), REFUSED)
def test_a_limit_holds(value, limits, expected):
    reply, script = run(f"return {value}", **limits)

    if isinstance(expected, bytes) and isinstance(reply, bytes):
        assert expected in reply
    else:
        assert reply == expected
    assert script("return 1") == 1


def test_the_sizes_of_cjson_and_cmsgpack_have_limits_by_themselves():
    nest = "local t = {} for i = 1, %d do t = {t} end return #%s(t)"

    assert run(nest % (999, "cjson.encode"))[0] == 2000
    assert b"excessive nesting" in run(nest % (1000, "cjson.encode"))[0]
    assert run(nest % (20, "cmsgpack.pack"))[0] == 17


# --- what the stock functions are handed ---------------------------------------------


def make_spy(library, name):
    """Return Lua that puts in the place of a function one which names itself."""
    return f"{library}.{name} = function() return 'stock' end".encode()


def test_nothing_is_never_repeated():
    core = open_core("base", "libraries", stock=make_spy("string", "rep"))
    rep = core[b"string"][b"rep"]

    assert rep(b"a", 5) == b"stock"
    assert rep(b"", 5) == b""


def test_no_setting_of_the_collector_is_a_script_s():
    core = open_core("base", stock=make_spy("_G", "collectgarbage"))
    collect = core[b"globals"][b"collectgarbage"]

    assert collect(b"count") == collect() == b"stock"
    assert collect(b"stop") == collect(b"restart") == 0
    assert collect(b"setpause", 300) == collect(b"setstepmul", 300) == 200


PLACES = [
    pytest.param(3, True, id="within"),
    pytest.param(-5, True, id="a little below"),
    pytest.param(-6, False, id="far below"),
    pytest.param(2**32 - 5, True, id="a little below, as C's int"),
    pytest.param(2**32 - 6, False, id="far below, as C's int"),
]


@pytest.mark.parametrize(("place", "is_stock"), PLACES)
def test_an_insert_far_below_is_not_done_in_c(place, is_stock):
    spy = make_spy("table", "insert")
    core = open_core("base", "libraries", stock=spy, items_in_c=5)

    done = core[b"table"][b"insert"](core[b"globals"], place, b"x")

    assert (done == b"stock") is is_stock
    assert is_stock or core[b"globals"][-6] == b"x"


NUMBERS = [
    *((value, value) for value in (0, 1, -1, 2**31 - 1, -(2**31))),
    (2**31, -(2**31)),
    (2**32 + 3, 3),
    (-(2**32) - 3, -3),
    (1.9, 1),
    (-1.9, -1),
    (2.0**63, 0),
    (float("inf"), 0),
    (float("nan"), 0),
]


@pytest.mark.parametrize(("number", "expected"), NUMBERS)
def test_a_number_is_c_s_int_as_on_x86(number, expected):
    assert open_core("base", "libraries")[b"as_int"](number) == expected


SPANS = [
    pytest.param(1, 7999, True, id="the most"),
    pytest.param(1, 8000, False, id="one more"),
    pytest.param(5, 1, True, id="backwards"),
    pytest.param(0, float("inf"), False, id="infinite"),
    pytest.param(float("nan"), 1, False, id="no number"),
    pytest.param(-(2.0**40), 2.0**40, False, id="wider than an int"),
]


@pytest.mark.parametrize(("first", "last", "is_fit"), SPANS)
def test_a_span_is_measured_in_doubles(first, last, is_fit):
    assert open_core("base")[b"is_span_fit"](first, last) is is_fit


RANGES = [
    pytest.param(0, 3, True, id="all"),
    pytest.param(3, 0, True, id="nothing, at the end"),
    pytest.param(1, 3, False, id="beyond the end"),
    pytest.param(4, 0, False, id="nothing, beyond the end"),
    pytest.param(-1, 1, False, id="before the start"),
    pytest.param(1, -1, False, id="less than nothing"),
    pytest.param(2, 2.0**64 - 1, False, id="as many as wrap around"),
]


@pytest.mark.parametrize(("position", "size", "expected"), RANGES)
def test_a_range_of_bytes_lies_within_its_text(position, size, expected):
    files = ("base", "libraries", "numbers", "struct")

    assert open_core(*files)[b"is_within"](position, size, 3) is expected


NAMES = [
    pytest.param(b"@name", b"@name", id="plain"),
    pytest.param(b"", b"", id="empty"),
    pytest.param(b"a\0b", b"a", id="up to the first NUL"),
    pytest.param(5, b"5", id="a number"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_chunk_s_name_is_what_the_parser_makes_of_it(name, expected):
    assert open_core("base")[b"chunk_name_of"](name) == expected


def test_the_parser_is_handed_such_names_alone():
    stock = b"loadstring = function(_, name) return nil, name end"
    core = open_core("base", stock=stock)
    poll, core = core[b"poll"], core[b"globals"]

    assert core[b"loadstring"](b"x", b"a\0b") == (None, b"a")
    assert core[b"loadstring"](b"x\0y") == (None, b"x")
    assert core[b"load"](poll, b"c\0d")[1] == b"c"


# --- Python --------------------------------------------------------------------------


class Thing:
    name = "value"


def test_no_attribute_of_a_python_object_is_to_be_had_even_if_one_got_in():
    lua = ScriptRunner().runtime._lua

    for access in (b"return (...).name", b"(...).name = 1", b"return (...)['name']"):
        with pytest.raises(AttributeError):
            lua.execute(access, Thing())
    assert Thing.name == "value"


def test_nothing_is_left_of_the_real_globals():
    assert list(ScriptRunner().runtime._lua.globals().keys()) == []


def test_no_function_that_a_script_finds_can_be_dumped():
    script = b"""
    local found, dumped = 0, {}
    local function visit(name, value, depth)
      if type(value) == 'function' then
        found = found + 1
        if pcall(string.dump, value) then table.insert(dumped, name) end
      elseif type(value) == 'table' and depth < 3 then
        for key, part in pairs(value) do
          visit(name .. '.' .. tostring(key), part, depth + 1)
        end
      end
    end
    for _, name in ipairs({'redis', 'server', 'string', 'table', 'math', 'os', 'bit',
                           'cjson', 'cmsgpack', 'struct', 'coroutine'}) do
      visit(name, rawget(_G, name) or {}, 0)
    end
    for _, value in ipairs({pairs, ipairs, next, pcall, xpcall, loadstring, load, type,
                            tostring, select, unpack, setmetatable, error}) do
      visit('global', value, 0)
    end
    return {found, table.concat(dumped, ' ')}
    """
    found, dumped = ScriptRunner()(script)

    assert dumped == b""
    assert found > 80


def make_callbacks(used, ceiling):
    return Callbacks(Hooks(lambda _: b"reply"), lambda _: used, ceiling)


def test_no_text_crosses_where_memory_is_short():
    roomy, full = make_callbacks(10, 100), make_callbacks(99, 100)
    table, full_table = roomy.table(REDIS_VERSION), full.table(REDIS_VERSION)

    assert table[b"execute"](b"GET") == b"reply"
    assert full_table[b"execute"](b"GET") == (False, 6)
    for reply in (BulkList([b"a" * 60]), BulkList([b"a"] * 5000), [[b"a" * 60]]):
        callbacks = Callbacks(Hooks(lambda _, reply=reply: reply), lambda _: 50, 100)
        assert callbacks.table(REDIS_VERSION)[b"execute"](b"GET") == (False, 6)
    for name, argument in ((b"sha1", b"x"), (b"format_double", 1.5)):
        assert table[name](argument) is not None
        assert make_callbacks(100, 100).table(REDIS_VERSION)[name](argument) is None


def raise_error(*_):
    raise KeyError("ours")


def test_no_callback_raises():
    hooks = Hooks(raise_error, should_stop=raise_error, check_access=raise_error)
    callbacks = Callbacks(hooks, lambda _: 0, 100)
    table = callbacks.table(REDIS_VERSION)

    assert table[b"execute"](b"GET")[:3] == (False, 5, b"ERR internal error")
    assert table[b"acl_check"](b"GET") is None
    assert table[b"should_stop"]() == 1
    assert isinstance(callbacks.failure, KeyError)


def test_a_script_is_stopped_once_something_went_wrong_in_a_callback():
    callbacks = Callbacks(Hooks(raise_error), lambda _: 0, 100)
    table = callbacks.table(REDIS_VERSION)
    assert table[b"should_stop"]() is None

    table[b"execute"](b"GET")

    assert table[b"should_stop"]() == 1
