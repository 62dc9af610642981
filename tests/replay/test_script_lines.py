import pytest

from replay.script_lines import find_calls, find_lines
from storage.record import Origin, Record

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
    pytest.param([b"DEL", b"active"], [13, 14], id="either of two"),
    pytest.param([b"ZADD", b"z", b"1", b"m"], [], id="no call"),
]


@pytest.mark.parametrize(("effect", "lines"), CASES)
def test_lines_are_those_whose_calls_fit_an_effect(effect, lines):
    assert find_lines(SOURCE, RECORD, effect) == lines


def test_text_that_ends_in_the_middle_of_a_call_is_no_error():
    assert find_calls(b"redis.call('SET', KEYS[1", [], [])[0].words == [b"SET", None]
