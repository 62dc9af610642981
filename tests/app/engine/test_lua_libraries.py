import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.app.engine.lua_fixtures import ScriptRunner

HEX = """
local function hex(s)
  return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end))
end
"""


@pytest.fixture(scope="module")
def script():
    return ScriptRunner()


JSON = [
    pytest.param("{}", "{}", id="empty table"),
    pytest.param("{1, 2, 3}", "[1,2,3]", id="array"),
    pytest.param("{1, nil, 3}", "[1,null,3]", id="hole"),
    pytest.param("{a = {b = 'c'}}", '{"a":{"b":"c"}}', id="object"),
    pytest.param("{[1] = 1, [20] = 2}", "excessively sparse array", id="sparse"),
    pytest.param("{[1.5] = 1}", '{"1.5":1}', id="number as a key"),
    pytest.param("{[true] = 1}", "table key must be a number or string", id="bad key"),
    pytest.param("'a/\"\\\\\\n\\0'", '"a\\/\\"\\\\\\n\\u0000"', id="escapes"),
    pytest.param("1/3", "0.33333333333333", id="14 digits"),
    pytest.param("1e100", "1e+100", id="large"),
    pytest.param("2^53", "9.007199254741e+15", id="2^53"),
    pytest.param("1/0", "must not be NaN or Inf", id="infinity"),
    pytest.param("print", "nonexistent global", id="no such global"),
    pytest.param("string.len", "type not supported", id="function"),
    pytest.param("cjson.null", "null", id="null"),
    pytest.param("cjson.decode('[null]')", "[null]", id="null, read"),
]


@pytest.mark.parametrize(("value", "expected"), JSON)
def test_cjson_encodes(script, value, expected):
    reply = script(f"return cjson.encode({value})").decode()

    assert reply == expected or expected in reply


BROKEN_JSON = [
    pytest.param("", "value but found T_END at character 1", id="nothing"),
    pytest.param("{", "object key string but found T_END at character 2", id="open"),
    pytest.param('{"a"}', "colon but found T_OBJ_END at character 5", id="no colon"),
    pytest.param(
        '{"a":1,}', "object key string but found T_OBJ_END at character 8", id="comma"
    ),
    pytest.param(
        "[1 2]", "comma or array end but found T_NUMBER at character 4", id="no comma"
    ),
    pytest.param("[1] x", "the end but found invalid token at character 5", id="more"),
    pytest.param(
        '"\\x"', "value but found invalid escape code at character 2", id="escape"
    ),
    pytest.param(
        '"a', "value but found unexpected end of string at character 3", id="string"
    ),
    pytest.param("tru", "value but found invalid token at character 1", id="word"),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN_JSON)
def test_cjson_tells_where_a_text_is_broken(script, text, expected):
    reply = script("return cjson.decode(ARGV[1])", arguments=[text.encode()])

    assert ("Expected " + expected).encode() in reply


numbers = st.integers(-(2**53), 2**53) | st.floats(
    allow_nan=False, allow_infinity=False
)
leaves = st.booleans() | numbers.map(float) | st.binary(max_size=40)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4)
        | st.dictionaries(
            st.binary(min_size=1, max_size=8), inner, min_size=1, max_size=4
        )
    ),
    max_leaves=12,
)


def as_numbers(value):
    if isinstance(value, dict):
        return {key: as_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_numbers(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value


@settings(max_examples=60, deadline=None)
@given(trees)
def test_cmsgpack_reads_and_writes_what_msgpack_does(tree):
    packed = msgpack.packb(as_numbers(tree), use_bin_type=False)

    source = "return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))"
    repacked = SHARED(source, arguments=[packed])

    read = msgpack.unpackb(repacked, raw=True, strict_map_key=False)
    assert as_numbers(read) == as_numbers(tree)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_cjson_strings_survive_a_round_trip(text):
    source = "return cjson.decode(cjson.encode({ARGV[1]}))[1]"

    assert SHARED(source, arguments=[text.encode()]) == text.encode()


@settings(max_examples=60, deadline=None)
@given(st.floats(allow_nan=False))
def test_doubles_keep_every_bit(number):
    packed = msgpack.packb(number)
    source = "return struct.pack('>d', (struct.unpack('>d', ARGV[1])))"

    assert SHARED(source, arguments=[packed[1:]]) == packed[1:]


SHARED = ScriptRunner()

PACKED = [
    pytest.param("1", "01", id="small"),
    pytest.param("-1", "ff", id="small negative"),
    pytest.param("128", "cc80", id="uint8"),
    pytest.param("-129", "d1ff7f", id="int16"),
    pytest.param("2^40", "cf0000010000000000", id="uint64"),
    pytest.param("1.5", "ca3fc00000", id="float that fits into 4 bytes"),
    pytest.param("0.1", "cb3fb999999999999a", id="double"),
    pytest.param("nil, true, false", "c0c3c2", id="several"),
    pytest.param("{}", "90", id="empty table"),
    pytest.param("{a = 1}", "81a16101", id="map"),
    pytest.param("{[2] = 1}", "810201", id="not from 1"),
]


@pytest.mark.parametrize(("value", "expected"), PACKED)
def test_cmsgpack_packs_byte_for_byte(script, value, expected):
    assert script(HEX + f"return hex(cmsgpack.pack({value}))") == expected.encode()


SCRIPTS = [
    pytest.param("return {cmsgpack.unpack('\\1\\2')}", [1, 2], id="unpack all"),
    pytest.param("return {cmsgpack.unpack_one('\\1\\2')}", [1, 1], id="unpack one"),
    pytest.param(
        "return {cmsgpack.unpack_one('\\1\\2', 1)}", [-1, 2], id="the last one"
    ),
    pytest.param(
        "return {cmsgpack.unpack_limit('\\1\\2\\3', 2)}", [2, 1, 2], id="limit"
    ),
    pytest.param("return struct.pack('>I2', 258)", b"\x01\x02", id="big endian"),
    pytest.param("return struct.pack('<I2', 258)", b"\x02\x01", id="little endian"),
    pytest.param(
        "return {struct.unpack('>Bc0B', '\\2abc')}", [b"ab", 99, 5], id="counted"
    ),
    pytest.param("return struct.size('!4bi')", 8, id="alignment"),
    pytest.param("return bit.band(0xff, 0x0f)", 15, id="band"),
    pytest.param("return bit.bnot(0)", -1, id="bnot"),
    pytest.param("return bit.tohex(255, 4)", b"00ff", id="tohex"),
    pytest.param("return bit.rol(0x12345678, 8)", 0x34567812, id="rol"),
    pytest.param("return bit.arshift(-256, 4)", -16, id="arshift"),
    pytest.param("return bit.tobit(2^32 + 5)", 5, id="tobit"),
    pytest.param(
        "return redis.sha1hex('')",
        b"da39a3ee5e6b4b0d3255bfef95601890afd80709",
        id="sha1",
    ),
    pytest.param(
        "return {redis.LOG_DEBUG, redis.LOG_WARNING, redis.REPL_ALL}",
        [0, 3, 3],
        id="constants",
    ),
    pytest.param("return redis.REDIS_VERSION", b"7.4.6", id="version"),
    pytest.param("return redis.REDIS_VERSION_NUM", 0x070406, id="version number"),
    pytest.param("return redis.error_reply('My text')", b"My text", id="error reply"),
    pytest.param(
        "return redis.error_reply('-MINE text')",
        b"MINE text",
        id="error reply with a dash",
    ),
    pytest.param(
        "return redis.error_reply('text')", b"ERR text", id="error reply of a word"
    ),
    pytest.param("return redis.status_reply('X').ok", b"X", id="status reply"),
    pytest.param("return os.clock() >= 0", 1, id="clock"),
    pytest.param("return #{unpack({}, 1, 7900)}", 0, id="unpack of nils"),
    pytest.param("return loadstring('return ...')(5)", 5, id="loadstring"),
    pytest.param(
        "local n = 0 for k in pairs(string) do n = n + 1 end return n",
        15,
        id="pairs of a library",
    ),
]


@pytest.mark.parametrize(("source", "expected"), SCRIPTS)
def test_the_libraries_do_what_redis_s_do(script, source, expected):
    assert script(source) == expected
