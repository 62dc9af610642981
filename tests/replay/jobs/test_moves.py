import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.history.recovery import Fold
from joblog.replay.jobs.moves import contents, watch_effect
from joblog.storage.record import Origin, Record

BEFORE = [
    "RPUSH l a b c b",
    "ZADD z 1 a 2 b 3 c",
    "SADD s a b",
    "HSET h a 1 b 2",
]
MOVES = [
    ("LPUSH l x y", [("l", "x", 1), ("l", "y", 1)]),
    ("RPUSHX none x", []),
    ("LINSERT l BEFORE b x", [("l", "x", 1)]),
    ("LINSERT l BEFORE none x", []),
    ("LPOP l", [("l", "a", -1)]),
    ("RPOP l 2", [("l", "b", -1), ("l", "c", -1)]),
    ("LPOP none", []),
    ("RPOPLPUSH l m", [("l", "b", -1), ("m", "b", 1)]),
    ("LMOVE l m LEFT RIGHT", [("l", "a", -1), ("m", "a", 1)]),
    ("LREM l 1 b", [("l", "b", -1)]),
    ("LREM l 0 b", [("l", "b", -2)]),
    ("LREM l 1 none", []),
    ("LSET l 0 x", [("l", "a", -1), ("l", "x", 1)]),
    ("LTRIM l 0 1", [("l", "b", -1), ("l", "c", -1)]),
    ("ZADD z 9 x", [("z", "x", 1)]),
    ("ZADD z XX CH 9 a", [("z", "a", 0)]),
    ("ZADD z GT 0 a", []),
    ("ZREM z a x", [("z", "a", -1)]),
    ("ZINCRBY z 5 a", [("z", "a", 0)]),
    ("ZPOPMIN z", [("z", "a", -1)]),
    ("ZPOPMAX z 2", [("z", "b", -1), ("z", "c", -1)]),
    ("ZREMRANGEBYRANK z 0 -2", [("z", "a", -1), ("z", "b", -1)]),
    ("ZREMRANGEBYSCORE z (1 2", [("z", "b", -1)]),
    ("ZRANGESTORE z z 0 0", [("z", "b", -1), ("z", "c", -1)]),
    ("SADD s c", [("s", "c", 1)]),
    ("SREM s a x", [("s", "a", -1)]),
    ("SMOVE s t a", [("s", "a", -1), ("t", "a", 1)]),
    ("HSET h a 9 c 3", [("h", "a", 0), ("h", "c", 1)]),
    ("HDEL h a", [("h", "a", -1)]),
    ("HINCRBY h a 2", [("h", "a", 0)]),
    ("DEL l", [("l", "a", -1), ("l", "b", -2), ("l", "c", -1)]),
    ("RENAME s t", [("s", "a", -1), ("s", "b", -1), ("t", "a", 1), ("t", "b", 1)]),
    ("GET l", []),
]
KEYS = [b"l", b"m", b"z", b"s", b"t", b"h"]


def apply(fold, line):
    argv = line.encode().split()
    fold.apply([Record(fold.last_seq + 1, 0, 0, 0, [argv], Origin(1))])
    return argv


@pytest.mark.parametrize(("line", "expected"), MOVES, ids=[line for line, _ in MOVES])
def test_effect_moves_elements(line, expected):
    fold = Fold()
    for each in BEFORE:
        apply(fold, each)
    finish = watch_effect(fold.keyspace.databases[0], line.encode().split(), KEYS)
    if not line.startswith("GET"):
        apply(fold, line)

    moves = [
        (move.key.decode(), move.element.decode(), move.delta) for move in finish()
    ]

    assert sorted(moves) == sorted(expected)


LINES = st.sampled_from(
    [line for line, _ in MOVES if not line.startswith(("RENAME", "LSET", "GET"))]
)


@given(st.lists(LINES, max_size=20))
def test_moves_add_up_to_what_keys_hold(lines):
    fold = Fold()
    database = fold.keyspace.databases[0]
    held = {}
    for line in [*BEFORE, *lines]:
        finish = watch_effect(database, line.encode().split(), KEYS)
        apply(fold, line)
        for move in finish():
            place = move.key, move.element
            held[place] = held.get(place, 0) + move.delta

    assert {place: count for place, count in held.items() if count} == {
        (key, element): count
        for key in KEYS
        for element, (count, _, _) in contents(database, key).items()
    }
