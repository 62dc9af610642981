"""Sorted set commands: one script each, compared with a real server."""

import pytest

from tests.parity.harness import same_scan, same_shape

ABC = ["ZADD", "z", "1", "a", "2", "b", "3", "c", "inf", "max", "-inf", "min"]
LIST = ["RPUSH", "l", "x"]


def test_zadd_answers_as_redis_does(parity):
    parity(
        [
            ["ZADD", "z", "1", "a"],
            ["ZADD", "z", "1", "a"],
            ["ZADD", "z", "2", "a", "3", "b", "4", "b"],
            ["ZADD", "z", "CH", "5", "a", "4", "b", "1", "c"],
            ["ZADD", "z", "NX", "9", "a", "9", "d"],
            ["ZADD", "z", "XX", "9", "a", "9", "e"],
            ["ZADD", "z", "XX", "CH", "8", "a", "9", "e"],
            ["ZADD", "missing", "XX", "1", "a"],
            ["EXISTS", "missing"],
            ["ZADD", "z", "GT", "CH", "7", "a", "10", "b", "1", "f"],
            ["ZADD", "z", "LT", "CH", "7", "a", "11", "b", "1", "g"],
            ["ZADD", "z", "XX", "GT", "CH", "8", "a", "1", "h"],
            ["ZADD", "z", "gt", "xx", "ch", "9", "a"],
            ["ZRANGE", "z", "0", "-1", "WITHSCORES"],
            ["ZADD", "z", "inf", "i", "-inf", "j", "+inf", "k", "1e5", "l", ".5", "m"],
            ["ZADD", "z", "-0.0", "zero", "0", "zero"],
            ["ZADD", "z", "1", ""],
            ["ZADD", "z", "1", b"\x00\xff"],
            ["ZRANGE", "z", "0", "-1", "WITHSCORES"],
        ]
    )


def test_zadd_refuses_as_redis_does(parity):
    parity(
        [
            ["ZADD", "z", "NX", "XX", "1", "a"],
            ["ZADD", "z", "GT", "LT", "1", "a"],
            ["ZADD", "z", "NX", "GT", "1", "a"],
            ["ZADD", "z", "NX", "LT", "1", "a"],
            ["ZADD", "z", "NX", "XX", "GT", "1", "a"],
            ["ZADD", "z", "NX", "1"],
            ["ZADD", "z", "NX", "CH"],
            ["ZADD", "z", "1", "a", "2"],
            ["ZADD", "z", "FOO", "1", "a"],
            ["ZADD", "z", "1", "a", "x", "b"],
            *(
                ["ZADD", "z", text, "a"]
                for text in ("", " 1", "1 ", "nan", "abc", "1e400", "1_0", "infi")
            ),
            ["ZADD", "z", "INCR", "1", "a", "2", "b"],
            ["EXISTS", "z"],
            LIST,
            ["ZADD", "l", "1", "a"],
            ["ZADD", "l", "x", "a"],
            ["ZADD", "l", "XX", "1", "a"],
            ["ZADD", "z", "1"],
            ["ZADD", "z"],
        ]
    )


def test_zadd_incr_and_zincrby_answer_as_redis_does(parity):
    parity(
        [
            ["ZADD", "z", "INCR", "1.5", "a"],
            ["ZADD", "z", "INCR", "1.5", "a"],
            ["ZADD", "z", "NX", "INCR", "1", "a"],
            ["ZADD", "z", "NX", "INCR", "1", "b"],
            ["ZADD", "z", "XX", "INCR", "1", "c"],
            ["ZADD", "z", "XX", "INCR", "1", "a"],
            ["ZADD", "z", "GT", "INCR", "-1", "a"],
            ["ZADD", "z", "LT", "INCR", "-1", "a"],
            ["ZADD", "z", "LT", "INCR", "1", "a"],
            ["ZADD", "z", "CH", "INCR", "1", "a"],
            ["ZADD", "missing", "XX", "INCR", "1", "a"],
            ["ZINCRBY", "z", "0.1", "a"],
            ["ZINCRBY", "z", "nx", "a"],
            ["ZINCRBY", "z", "INCR", "a"],
            ["ZINCRBY", "z", "0.2", "a"],
            ["ZINCRBY", "z", "0", "new"],
            ["ZINCRBY", "z", "-5", "new"],
            ["ZINCRBY", "z", "inf", "i"],
            ["ZINCRBY", "z", "-inf", "i"],
            ["ZADD", "z", "INCR", "-inf", "i"],
            ["ZINCRBY", "z", "abc", "a"],
            LIST,
            ["ZINCRBY", "l", "1", "a"],
            ["ZINCRBY", "l", "abc", "a"],
            ["ZRANGE", "z", "0", "-1", "WITHSCORES"],
        ]
    )


SCORES = [
    *("3", "-17", "0.1", "3.14159265358979", "1e-5", "0.00001234", "1e-7", "1.5e-9"),
    *("1e15", "123456789012345678", "1e18", "4611686018427387904", "1e19", "1e20"),
    *("1e21", "1.23e22", "1e100", "1.7976931348623157e308", "5e-324", "-0"),
    *("900719925474099.2", "1234567890123456.8", "0.30000000000000004", "99999999.5"),
]


def test_scores_are_printed_as_redis_prints_doubles(parity):
    parity(
        [
            *(
                step
                for score in SCORES
                for step in (["ZADD", "z", score, score], ["ZSCORE", "z", score])
            ),
            ["ZRANGE", "z", "0", "-1", "WITHSCORES"],
            ["ZMSCORE", "z", *SCORES, "missing"],
            ["ZSCAN", "z", "0"],
        ]
    )


def test_reads_of_single_members_answer_as_redis_does(parity):
    parity(
        [
            ABC,
            ["ZCARD", "z"],
            ["ZCARD", "missing"],
            ["ZSCORE", "z", "b"],
            ["ZSCORE", "z", "max"],
            ["ZSCORE", "z", "none"],
            ["ZSCORE", "missing", "a"],
            ["ZMSCORE", "z", "a", "none", "min"],
            ["ZMSCORE", "missing", "a", "b"],
            ["ZRANK", "z", "a"],
            ["ZREVRANK", "z", "a"],
            ["ZRANK", "z", "none"],
            ["ZRANK", "missing", "a"],
            ["ZRANK", "z", "a", "WITHSCORE"],
            ["ZREVRANK", "z", "a", "withscore"],
            ["ZRANK", "z", "none", "WITHSCORE"],
            ["ZREVRANK", "missing", "a", "WITHSCORE"],
            ["ZRANK", "z", "a", "FOO"],
            ["ZRANK", "z", "a", "WITHSCORE", "FOO"],
            LIST,
            *([name, "l", "a"] for name in ("ZSCORE", "ZMSCORE", "ZRANK", "ZREVRANK")),
            ["ZRANK", "l", "a", "FOO"],
            ["ZCARD", "l"],
            ["ZCARD"],
            ["ZMSCORE", "z"],
        ]
    )


def test_zrem_answers_as_redis_does(parity):
    parity(
        [
            ABC,
            ["ZREM", "z", "a", "none", "a", "b"],
            ["ZREM", "z", "none"],
            ["ZREM", "missing", "a"],
            ["ZREM", "z", "c", "max", "min"],
            ["EXISTS", "z"],
            LIST,
            ["ZREM", "l", "a"],
            ["ZREM", "z"],
        ]
    )


@pytest.mark.parametrize("name", ["ZPOPMIN", "ZPOPMAX"])
def test_pops_answer_as_redis_does(parity, name):
    parity(
        [
            ABC,
            [name, "z"],
            [name, "z", "2"],
            [name, "z", "0"],
            [name, "z", "100"],
            ["EXISTS", "z"],
            [name, "z"],
            [name, "z", "2"],
            ABC,
            [name, "z", "-1"],
            [name, "z", "abc"],
            [name, "z", "1", "2"],
            LIST,
            [name, "l"],
            [name, "l", "0"],
            [name, "l", "-1"],
            [name],
        ]
    )


def test_zmpop_answers_as_redis_does(parity):
    parity(
        [
            ABC,
            ["ZMPOP", "2", "missing", "z", "MIN"],
            ["ZMPOP", "1", "z", "max", "COUNT", "2"],
            ["ZMPOP", "1", "z", "MIN", "count", "100"],
            ["EXISTS", "z"],
            ["ZMPOP", "2", "missing", "z", "MAX"],
            ABC,
            *(["ZMPOP", count, "z", "MIN"] for count in ("0", "-1", "a", "2", "100")),
            ["ZMPOP", "1", "z", "FOO"],
            *(["ZMPOP", "1", "z", "MIN", "COUNT", x] for x in ("0", "-1", "a")),
            ["ZMPOP", "1", "z", "MIN", "COUNT"],
            ["ZMPOP", "1", "z", "MIN", "FOO", "1"],
            ["ZMPOP", "1", "z", "MIN", "COUNT", "1", "COUNT", "1"],
            ["ZMPOP", "2", "z", "z", "MIN", "MAX"],
            LIST,
            ["ZMPOP", "1", "l", "MIN"],
            ["ZMPOP", "2", "z", "l", "MIN"],
            ["ZMPOP", "2", "l", "z", "MIN"],
            ["ZMPOP", "1", "z"],
        ]
    )


def test_zrandmember_answers_in_the_shape_of_redis(parity):
    parity(
        [
            ABC,
            ["ZRANDMEMBER", "z"],
            ["ZRANDMEMBER", "z", "2"],
            ["ZRANDMEMBER", "z", "100"],
            ["ZRANDMEMBER", "z", "-7"],
            ["ZRANDMEMBER", "z", "2", "WITHSCORES"],
            ["ZRANDMEMBER", "z", "-7", "withscores"],
        ],
        loose=same_shape,
    )
    parity(
        [
            ["ZADD", "one", "1", "only"],
            ["ZRANDMEMBER", "one"],
            ["ZRANDMEMBER", "one", "-3"],
            ["ZRANDMEMBER", "one", "5", "WITHSCORES"],
            ["ZRANDMEMBER", "one", "0"],
            ["ZRANDMEMBER", "missing"],
            ["ZRANDMEMBER", "missing", "5"],
            ["ZRANDMEMBER", "one", "a"],
            ["ZRANDMEMBER", "one", "1", "FOO"],
            ["ZRANDMEMBER", "one", "1", "WITHSCORES", "FOO"],
            ["ZRANDMEMBER", "none", "-9223372036854775808"],
            ["ZRANDMEMBER", "none", "-9223372036854775807", "WITHSCORES"],
            ["ZRANDMEMBER", "none", "9223372036854775807", "WITHSCORES"],
            LIST,
            ["ZRANDMEMBER", "l"],
            ["ZRANDMEMBER", "l", "1"],
        ]
    )


def test_zscan_answers_as_redis_does(parity):
    parity(
        [
            ABC,
            ["ZSCAN", "z", "0"],
            ["ZSCAN", "z", "0", "MATCH", "m*"],
            ["ZSCAN", "z", "0", "COUNT", "1"],
            ["ZSCAN", "z", "99", "COUNT", "1"],
            ["ZSCAN", "missing", "0"],
            ["ZSCAN", "z", "a"],
            ["ZSCAN", "z", "0", "MATCH"],
            ["ZSCAN", "z", "0", "COUNT", "0"],
            ["ZSCAN", "z", "0", "COUNT", "a"],
            ["ZSCAN", "z", "0", "FOO"],
            LIST,
            ["ZSCAN", "l", "0"],
            ["ZSCAN", "z"],
        ]
    )


def test_zscan_of_a_large_set_prints_seventeen_digits_as_redis_does(parity):
    parity(
        [
            ["ZADD", "z", *(x for i in range(200) for x in (i / 10, f"m{i}"))],
            ["ZADD", "z", "1e20", "huge", "inf", "i", "-0.1", "minus"],
            ["ZSCAN", "z", "0", "COUNT", "1000"],
            ["ZSCAN", "z", "0", "COUNT", "1000", "MATCH", "m1*"],
            ["OBJECT", "ENCODING", "z"],
        ],
        loose=same_scan,
    )


def test_encodings_of_sorted_sets_are_redis_s(parity):
    parity(
        [
            ["ZADD", "z", *(x for i in range(128) for x in (i, i))],
            ["OBJECT", "ENCODING", "z"],
            ["ZADD", "z", "1", "one more"],
            ["OBJECT", "ENCODING", "z"],
            ["ZADD", "wide", "1", "x" * 64],
            ["OBJECT", "ENCODING", "wide"],
            ["ZADD", "wide", "1", "x" * 65],
            ["OBJECT", "ENCODING", "wide"],
        ]
    )
