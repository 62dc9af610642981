"""Unions, intersections and differences, compared with a real server."""

import pytest

LIST = ["RPUSH", "l", "x"]


OPERANDS = [
    ["ZADD", "x", "1", "a", "2", "b", "3", "c", "inf", "i", "0.1", "f"],
    ["ZADD", "y", "10", "a", "20", "b", "-inf", "i", "0.2", "f", "5", "y"],
    ["ZADD", "w", "100", "b", "0.3", "f"],
    ["SADD", "s", "a", "c", "q"],
]


@pytest.mark.parametrize("name", ["ZUNION", "ZINTER"])
def test_union_and_intersection_answer_as_redis_does(parity, name):
    parity(
        [
            *OPERANDS,
            [name, "1", "x", "WITHSCORES"],
            [name, "2", "x", "y"],
            [name, "2", "x", "y", "WITHSCORES"],
            [name, "3", "x", "y", "w", "WITHSCORES"],
            [name, "3", "w", "y", "x", "WITHSCORES"],
            [name, "2", "x", "x", "WITHSCORES"],
            [name, "2", "x", "s", "WITHSCORES"],
            [name, "2", "x", "missing", "WITHSCORES"],
            [name, "2", "x", "y", "WEIGHTS", "2", "0.5", "WITHSCORES"],
            [name, "2", "x", "y", "WEIGHTS", "0", "-1", "WITHSCORES"],
            [name, "2", "x", "y", "WEIGHTS", "inf", "1", "WITHSCORES"],
            [name, "2", "x", "y", "AGGREGATE", "MIN", "WITHSCORES"],
            [name, "2", "x", "y", "aggregate", "max", "WITHSCORES"],
            [
                name,
                "2",
                "x",
                "y",
                "AGGREGATE",
                "SUM",
                "WEIGHTS",
                "1",
                "2",
                "WITHSCORES",
            ],
            [name, "2", "x", "y", "WEIGHTS", "1", "2", "WEIGHTS", "3", "4"],
            [name + "STORE", "d", "2", "x", "y", "WEIGHTS", "2", "3"],
            ["ZRANGE", "d", "0", "-1", "WITHSCORES"],
            [name + "STORE", "x", "2", "x", "s", "AGGREGATE", "MAX"],
            ["ZRANGE", "x", "0", "-1", "WITHSCORES"],
            [name + "STORE", "d", "1", "missing"],
            ["EXISTS", "d"],
            [name + "STORE", "s", "2", "y", "w"],
            ["TYPE", "s"],
        ]
    )


def test_difference_answers_as_redis_does(parity):
    parity(
        [
            *OPERANDS,
            ["ZDIFF", "1", "x"],
            ["ZDIFF", "2", "x", "w", "WITHSCORES"],
            ["ZDIFF", "3", "x", "w", "s", "WITHSCORES"],
            ["ZDIFF", "2", "x", "x"],
            ["ZDIFF", "2", "missing", "x"],
            ["ZDIFF", "2", "x", "missing"],
            ["ZDIFF", "2", "s", "x", "WITHSCORES"],
            ["ZDIFFSTORE", "d", "2", "x", "w"],
            ["ZRANGE", "d", "0", "-1", "WITHSCORES"],
            ["ZDIFFSTORE", "d", "2", "x", "x"],
            ["EXISTS", "d"],
            ["ZDIFF", "1", "x", "WEIGHTS", "2"],
            ["ZDIFF", "1", "x", "AGGREGATE", "MAX"],
            ["ZDIFFSTORE", "d", "1", "x", "WITHSCORES"],
        ]
    )


@pytest.mark.parametrize("name", ["ZUNION", "ZINTER", "ZDIFF"])
def test_operations_refuse_as_redis_does(parity, name):
    parity(
        [
            *OPERANDS,
            LIST,
            *([name, count, "x"] for count in ("0", "-1", "a", "2", "1.0", "")),
            [name, "9223372036854775807", "x"],
            [name, "1", "l"],
            [name, "1", "l", "FOO"],
            [name, "1", "x", "FOO"],
            [name, "1", "x", "WEIGHTS"],
            [name, "1", "x", "WEIGHTS", "a"],
            [name, "1", "x", "WEIGHTS", "nan"],
            [name, "1", "x", "WEIGHTS", "1", "2"],
            [name, "1", "x", "AGGREGATE"],
            [name, "1", "x", "AGGREGATE", "FOO"],
            [name, "1"],
            *([name + "STORE", "d", count, "x"] for count in ("0", "a", "2")),
            [name + "STORE", "d", "1", "l"],
            [name + "STORE", "d", "1", "x", "WITHSCORES"],
            [name + "STORE", "d", "1"],
        ]
    )


def test_zintercard_answers_as_redis_does(parity):
    parity(
        [
            *OPERANDS,
            LIST,
            ["ZINTERCARD", "2", "x", "y"],
            ["ZINTERCARD", "2", "x", "s"],
            ["ZINTERCARD", "2", "x", "missing"],
            *(["ZINTERCARD", "2", "x", "y", "LIMIT", n] for n in ("0", "1", "2", "99")),
            *(["ZINTERCARD", "1", "x", "LIMIT", n] for n in ("-1", "a", "")),
            ["ZINTERCARD", "1", "x", "LIMIT"],
            ["ZINTERCARD", "1", "x", "LIMIT", "1", "LIMIT", "2"],
            ["ZINTERCARD", "1", "x", "FOO"],
            ["ZINTERCARD", "1", "x", "WITHSCORES"],
            ["ZINTERCARD", "0", "x"],
            ["ZINTERCARD", "a", "x"],
            ["ZINTERCARD", "3", "x", "y"],
            ["ZINTERCARD", "2", "x", "l"],
            ["ZINTERCARD", "1"],
        ]
    )
