import pytest

from tests.parity.harness import Step, run, same_scan, same_shape

MEMBERS = [
    "SADD a 1 2 3",
    "SADD a 1 1 5 5",
    "SADD a 1",
    ["SADD", "b", "", b"\x00\xff", "x"],
    "SADD a",
    "SREM a 5 5 none",
    "SREM a none",
    "SREM none 1",
    "SREM a",
    "SMEMBERS a",
    "SMEMBERS b",
    "SMEMBERS none",
    "SISMEMBER a 1",
    "SISMEMBER a none",
    "SISMEMBER none 1",
    "SMISMEMBER a 1 none 2",
    "SMISMEMBER none 1 2",
    "SMISMEMBER a",
    "SCARD a",
    "SCARD none",
    "SREM a 1 2 3",
    "EXISTS a",
]

MOVES = [
    "SADD a 1 2 3",
    "SADD b 3",
    "SET s x",
    "SMOVE a b 1",
    "SMOVE a b 3",
    "SMOVE a b none",
    "SMOVE none b 1",
    "SMOVE none s 1",
    "SMOVE a s none",
    "SMOVE a s 2",
    "SMOVE s a 2",
    "SMOVE a a 2",
    "SMOVE a a none",
    "SMOVE a new 2",
    "EXISTS a",
    "SMEMBERS b",
    "SMEMBERS new",
    "SMOVE a b",
]

RANDOM = [
    "SADD a x",
    "SRANDMEMBER a",
    "SRANDMEMBER a 0",
    "SRANDMEMBER a 3",
    "SRANDMEMBER a -3",
    "SRANDMEMBER a x",
    "SRANDMEMBER a 1 2",
    "SRANDMEMBER a x 2",
    "SRANDMEMBER a 1000000",
    "SRANDMEMBER none -9223372036854775808",
    "SRANDMEMBER none",
    "SRANDMEMBER none 2",
    "SRANDMEMBER none x",
    "SPOP none",
    "SPOP none 0",
    "SPOP none 2",
    "SPOP none -1",
    "SPOP a 0",
    "SPOP a -1",
    "SPOP a x",
    "SPOP a 1 2",
    "SPOP a x 2",
    "SPOP a",
    "EXISTS a",
    "SADD a x",
    "SPOP a 5",
    "EXISTS a",
]

OPERATIONS = [
    "SADD a 1 2 3 x",
    "SADD b 2 3 4 x",
    "SADD c 3 x y",
    "SINTER a",
    "SINTER a b",
    "SINTER a b c",
    "SINTER a none",
    "SINTER none",
    "SUNION a",
    "SUNION a b c",
    "SUNION none a",
    "SUNION none none",
    "SDIFF a",
    "SDIFF a b",
    "SDIFF a b c",
    "SDIFF a a",
    "SDIFF none a",
    "SDIFF a none",
    "SINTER",
    "SINTERSTORE d a b",
    "SMEMBERS d",
    "SUNIONSTORE d d c",
    "SMEMBERS d",
    "SDIFFSTORE a a b",
    "SMEMBERS a",
    "SINTERSTORE d a none",
    "EXISTS d",
    "SINTERSTORE d a none",
    "SET s x",
    "SUNIONSTORE s a b",
    "TYPE s",
    "SET s x EX 100",
    "SDIFFSTORE s b none",
    "TTL s",
    "SET s x",
    "SDIFFSTORE s none a",
    "EXISTS s",
    "SINTERSTORE d",
]

COUNTS = [
    "SADD a 1 2 3",
    "SADD b 2 3 4",
    "SINTERCARD 2 a b",
    "SINTERCARD 1 a",
    "SINTERCARD 2 a none",
    "SINTERCARD 2 a b LIMIT 0",
    "SINTERCARD 2 a b LIMIT 1",
    "SINTERCARD 2 a b limit 10",
    "SINTERCARD 2 a b LIMIT 1 LIMIT 2",
    "SINTERCARD 2 a b LIMIT -1",
    "SINTERCARD 2 a b LIMIT x",
    "SINTERCARD 2 a b LIMIT",
    "SINTERCARD 2 a b COUNT 1",
    "SINTERCARD 0 a",
    "SINTERCARD -1 a",
    "SINTERCARD x a",
    "SINTERCARD 3 a b",
    "SINTERCARD 1 a b",
    "SINTERCARD 1",
]

WRONG_TYPE = [
    "SET s x",
    "SADD a 1",
    "SADD s 1",
    "SREM s 1",
    "SPOP s",
    "SPOP s 0",
    "SPOP s x",
    "SRANDMEMBER s",
    "SRANDMEMBER s 1",
    "SRANDMEMBER s x",
    "SMEMBERS s",
    "SISMEMBER s 1",
    "SMISMEMBER s 1",
    "SCARD s",
    "SINTER a s",
    "SINTER none s",
    "SINTER s none",
    "SUNION none s",
    "SDIFF none s",
    "SINTERSTORE d none s",
    "SUNIONSTORE d a s",
    "SDIFFSTORE d a s",
    "SINTERCARD 2 none s",
    "SSCAN s 0",
    "EXISTS d",
]

ENCODINGS = [
    "SADD integers 1 -5 9223372036854775807",
    "OBJECT ENCODING integers",
    "SADD mixed 1 x",
    "OBJECT ENCODING mixed",
    "SADD zeros 01",
    "OBJECT ENCODING zeros",
    "SADD large 9223372036854775808",
    "OBJECT ENCODING large",
    ["SADD", "many", *range(512)],
    "OBJECT ENCODING many",
    ["SADD", "more", *range(513)],
    "OBJECT ENCODING more",
    ["SADD", "texts", "x", *range(127)],
    "OBJECT ENCODING texts",
    ["SADD", "moretexts", "x", *range(128)],
    "OBJECT ENCODING moretexts",
    ["SADD", "long", "x" * 65],
    "OBJECT ENCODING long",
]

SCRIPTS = [
    pytest.param(MEMBERS, id="members"),
    pytest.param(MOVES, id="moves"),
    pytest.param(RANDOM, id="random members of one"),
    pytest.param(OPERATIONS, id="operations"),
    pytest.param(COUNTS, id="counts"),
    pytest.param(WRONG_TYPE, id="wrong type"),
    pytest.param(ENCODINGS, id="encodings"),
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_sets_answer_as_redis_does(parity, script):
    parity(script)


def test_random_members_have_the_shape_that_redis_gives(parity):
    parity(
        [
            ["SADD", "a", *range(100, 900)],
            "SRANDMEMBER a",
            "SRANDMEMBER a 10",
            "SRANDMEMBER a -10",
            "SRANDMEMBER a 1000",
            "SPOP a",
            "SPOP a 10",
            "SCARD a",
        ],
        loose=same_shape,
        digest=False,
    )


def test_small_sets_are_scanned_at_once(parity):
    parity(
        [
            "SADD a 1 2 3",
            "SADD b x y z 12",
            "SSCAN a 0",
            "SSCAN b 7",
            "SSCAN b 0 MATCH ?",
            "SSCAN b 0 MATCH none COUNT 1",
            "SSCAN none 0",
            "SSCAN a x",
            "SSCAN a 0 COUNT 0",
            "SSCAN a 0 FIRST 1",
        ],
        loose=same_scan,
    )


def test_large_sets_are_scanned_in_one_step_where_count_allows_it(parity):
    parity(
        [
            ["SADD", "a", *range(1000)],
            "SSCAN a 0 COUNT 100000",
            "SSCAN a 0 COUNT 100000 MATCH 1*",
        ],
        loose=same_scan,
    )


INTEGERS = [
    "SADD a 5 3 1 2 -7 100000 9223372036854775807",
    "SMEMBERS a",
    "SSCAN a 0",
    "SRANDMEMBER a 99",
    "SORT a BY nosort",
    "SORT a BY nosort DESC LIMIT 0 3",
    "SREM a -7",
    "SMEMBERS a",
    "SADD b 9 5 3",
    "SADD c x 9 8 7 5",
    "SINTER a b",
    "SINTER b c",
    "SINTER c b",
    "SUNION a b",
    "SDIFF a b",
    "SDIFF c b",
    "SDIFFSTORE d c none",
    "SREM d x",
    "SUNIONSTORE e a b",
    "SMEMBERS e",
    "SPOP a 99",
    "CONFIG SET set-max-intset-entries 2",
    "SADD f 3 2 1",
    "SMEMBERS f",
    "CONFIG SET set-max-intset-entries 512",
]


@pytest.mark.parametrize("protocol", [2, 3])
def test_sets_of_integers_are_listed_in_order(running, protocol):
    steps = [Step(words.split(), "main", 1) for words in INTEGERS]

    ours, theirs = (
        run(running(name), steps, protocol) for name in ("joblog", "valkey")
    )

    assert ours == theirs
