import pytest

from joblog.replay.records.script_lines import find_calls, find_lines
from joblog.storage.filesystem import FileSystem
from joblog.storage.reader import read_records
from joblog.storage.record import Origin, Record
from tests.replay.histories import History

SOURCE = b"""-- name: settle
-- redis.call('DEL', KEYS[1]) in a comment is none
local id = ARGV[1]
if ARGV[2] == 'done' then
  redis.call('LREM', KEYS[1], 1, id)
  redis.call('HSET', KEYS[2], 'state', 'done', "note", 'a, (b)')
else
  redis.call('HSET', KEYS[2],
    'state', 'failed')
end
redis.pcall("EXPIRE", KEYS[2], 60)
redis.call('RPUSH', KEYS[3], unpack(ARGV))
redis.call('DEL', 'lock:' .. id)
redis.call('DEL', KEYS[1])
"""
COMMAND = [b"EVALSHA", b"f" * 40, b"3", b"active", b"job:1", b"log", b"1", b"done"]
RECORD = Record(1, 0, 0, 0, [], Origin(1, COMMAND))

CASES = [
    pytest.param([b"LREM", b"active", b"1", b"1"], [5], id="by name"),
    pytest.param([b"HSET", b"job:1", b"state", b"failed"], [8], id="by a word"),
    pytest.param(
        [b"HSET", b"job:1", b"state", b"done", b"note", b"a, (b)"], [6], id="by a comma"
    ),
    pytest.param([b"PEXPIREAT", b"job:1", b"99"], [11], id="as another command"),
    pytest.param([b"RPUSH", b"log", b"1", b"done"], [12], id="with several arguments"),
    pytest.param([b"DEL", b"lock:1"], [13], id="computed"),
    pytest.param([b"DEL", b"active"], [14], id="by a key and not by a computed one"),
    pytest.param([b"DEL", b"lock:2"], [], id="no key that can be so computed"),
    pytest.param([b"ZADD", b"z", b"1", b"m"], [], id="no call"),
]


@pytest.mark.parametrize(("effect", "lines"), CASES)
def test_lines_are_those_whose_calls_fit_an_effect(effect, lines):
    assert find_lines(SOURCE, RECORD, effect) == lines


COMPUTED = b"""
local base, id = KEYS[1] .. ':', ARGV[1]
local job = base .. id; local done = base .. 'done'
local twice = base
twice = ARGV[2]
redis.call('DEL', job)
redis.call('DEL', done)
redis.call('DEL', base .. tostring(id) .. ':lock')
redis.call('DEL', base .. cjson.decode(ARGV[2]).name)
redis.call('DEL', twice)
for _, each in ipairs(redis.call('LRANGE', base .. 'all', 0, -1)) do
  redis.call('HDEL', base .. 'x', 'f')
end
"""
KEYS_OF_COMPUTED = [
    pytest.param(b"q:7", [6], id="by two locals"),
    pytest.param(b"q:7:lock", [8], id="by what is joined"),
    pytest.param(b"q:done", [7], id="by a local"),
    pytest.param(b"q:else", [9], id="by a prefix"),
    pytest.param(b"else", [10], id="by what is set twice"),
]


@pytest.mark.parametrize(("key", "lines"), KEYS_OF_COMPUTED)
def test_what_is_put_together_of_known_words_fits_only_those(key, lines):
    record = Record(
        1, 0, 0, 0, [], Origin(1, [b"EVALSHA", b"f" * 40, b"1", b"q", b"7", b"{}"])
    )

    assert find_lines(COMPUTED, record, [b"DEL", key]) == lines


def test_text_that_ends_in_the_middle_of_a_call_is_no_error():
    assert find_calls(b"redis.call('SET', KEYS[1", [], [])[0].words == [b"SET", None]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"local f = function() end", id="function without parameters"),
        pytest.param(b"local function f ( ) end", id="and with blanks"),
        pytest.param(b"local a, b = 1", id="fewer values than names"),
        pytest.param(b"for _ in pairs({}) do end", id="loop"),
        pytest.param(b"local x", id="local without a value"),
        pytest.param(b"local k = ", id="value that is missing"),
    ],
)
def test_calls_are_found_whatever_else_a_text_declares(before):
    [call] = find_calls(before + b"\nredis.call('DEL', KEYS[1])", [b"k"], [])

    assert (call.line, call.words) == (2, [b"DEL", b"k"])


LIBRARY = b"""#!lua name=mail
local function drop(keys, args)
  redis.call('HDEL', keys[1], args[1])
  return redis.call('DEL', keys[1])
end

local function forget(names, given)
  redis.call('DEL', names[1])
end

redis.register_function('drop', drop)
redis.register_function{function_name='forget', callback=forget}
redis.register_function('sweep', function(keys, args)
  redis.call('LREM', keys[1], 0, args[1])
  return forget({keys[2]}, {})
end)
"""
FUNCTIONS = [
    pytest.param("drop", [b"DEL", b"job:1"], [4], id="that is registered by its name"),
    pytest.param("FORGET", [b"DEL", b"job:1"], [8], id="with names of its own"),
    pytest.param("sweep", [b"LREM", b"job:1", b"0", b"x"], [14], id="without a name"),
    pytest.param("sweep", [b"DEL", b"q"], [], id="through another one, of another key"),
    pytest.param("gone", [b"DEL", b"job:1"], [4, 8], id="that the library lacks"),
]


@pytest.mark.parametrize(("name", "effect", "lines"), FUNCTIONS)
def test_lines_of_a_function_are_its_own_before_those_of_its_library(
    name, effect, lines
):
    command = [b"FCALL", name.encode(), b"1", b"job:1", b"x"]
    record = Record(1, 0, 0, 0, [], Origin(1, command))

    assert find_lines(LIBRARY, record, effect) == lines


# --- what a real engine leaves of each call -------------------------------------------

CALLS = [
    ("RPUSH q a b", "BLPOP none q 0"),
    ("RPUSH q a b", "BRPOP q 0"),
    ("RPUSH q a b", "BRPOPLPUSH q p 0"),
    ("RPUSH q a b", "BLMOVE q p LEFT RIGHT 0"),
    ("RPUSH q a b", "BLMPOP 0 2 none q LEFT COUNT 2"),
    ("RPUSH q a b", "LMPOP 1 q RIGHT"),
    ("ZADD z 1 m 2 n", "ZMPOP 1 z MIN"),
    ("ZADD z 1 m 2 n", "ZMPOP 2 none z MAX COUNT 2"),
    ("ZADD z 1 m 2 n", "BZMPOP 0 1 z MAX"),
    ("ZADD z 1 m 2 n", "BZPOPMIN none z 0"),
    ("ZADD z 1 m 2 n", "BZPOPMAX z 0"),
    ("SADD s a b c", "SPOP s"),
    ("SADD s a b c", "SPOP s 3"),
    ("SET k v", "EXPIRE k 10"),
    ("SET k v", "EXPIRE k -1"),
    ("SET k v", "PEXPIREAT k 1"),
    ("SET k v", "PEXPIREAT k 9000000000000 NX"),
    ("SET k v", "GETEX k EX 10"),
    ("SET k v", "GETEX k EXAT 1"),
    ("SET k v EX 10", "GETEX k PERSIST"),
    ("SET k v", "GETDEL k"),
    ("SET k v", "SET k w PXAT 1"),
    ("SET k v", "SET k w EX 10"),
    ("SET k v", "SET k w XX GET PX 10"),
    ("SET k v", "SETEX k 10 w"),
    ("SET k v", "INCRBYFLOAT n 1.5"),
    ("SET k v", "MSETEX 2 k w l w EX 10"),
    ("SET k v", "BITOP DIFF d k none"),
    ("SET k v", "DELEX k"),
    ("HSET h f v", "HEXPIRE h 10 FIELDS 1 f"),
    ("HSET h f v", "HEXPIRE h 0 FIELDS 1 f"),
    ("HSET h f v", "HGETEX h EX 10 FIELDS 1 f"),
    ("HSET h f v", "HGETEX h EXAT 1 FIELDS 1 f"),
    ("HSET h f v", "HSETEX h EX 10 FIELDS 1 f w"),
    ("HSET h f v", "HGETDEL h FIELDS 1 f"),
    ("HSET h f v", "HINCRBYFLOAT h n 1.5"),
    ("GEOADD g 13 38 a", "GEOSEARCHSTORE d g FROMMEMBER a BYRADIUS 1 m"),
    ("GEOADD d 13 38 a", "GEOSEARCHSTORE d none FROMLONLAT 1 1 BYRADIUS 1 m"),
    ("GEOADD g 13 38 a", "GEORADIUS g 13 38 1 km STORE d"),
    ("SET k v", "XADD x * f v"),
    ("XADD x 1-1 f v", "XADD x MAXLEN 1 * f v"),
    ("XADD x 1-1 f v", "XTRIM x MAXLEN ~ 0"),
    ("XADD x 1-1 f v", "XDELEX x DELREF IDS 1 1-1"),
    ("XGROUP CREATE x g $ MKSTREAM", "XGROUP CREATECONSUMER x g c"),
    ("XGROUP CREATE x g $ MKSTREAM", "XREADGROUP GROUP g c STREAMS x >"),
    ("RPUSH q a b", "RENAME q p"),
    ("SADD s a b c", "SUNIONSTORE d s none"),
]


@pytest.mark.parametrize(("before", "call"), CALLS, ids=[call for _, call in CALLS])
@pytest.mark.parametrize("is_given", [False, True], ids=["in the text", "as ARGV"])
def test_line_is_named_whatever_a_command_leaves_behind(
    tmp_path, before, call, is_given
):
    history = History(tmp_path)
    session = history.connect()
    history.run(session, before)
    name, *words = call.split()
    written = [f"ARGV[{n}]" if is_given else f"'{w}'" for n, w in enumerate(words, 1)]
    source = "\n".join(
        [
            "redis.call('ECHO', 'nothing of this line')",
            "redis.call('SET', 'another', 'v')",
            f"redis.call('{name}', {', '.join(written)})",
            "redis.call('HDEL', 'nothing', 'f')",
        ]
    ).encode()

    history.run(session, [b"EVAL", source, b"0", *map(str.encode, words)])
    history.close()

    *_, record = read_records(tmp_path, filesystem=FileSystem())
    lines = [find_lines(source, record, effect) for effect in record.effects]
    assert lines[0] == [2]
    assert lines[1:]
    assert all(found == [3] for found in lines[1:])
