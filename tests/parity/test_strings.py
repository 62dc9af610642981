"""String commands: one script each, compared with a real server."""

import pytest

from tests.parity.harness import nearly

FAR = 4102444800  # 2100, in seconds


def test_get_and_set_answer_as_redis_does(parity):
    parity(
        [
            ["GET", "k"],
            ["SET", "k", b"\x00\xff\r\n"],
            ["GET", "k"],
            ["SET", "", ""],
            ["GET", ""],
            ["RPUSH", "l", "x"],
            ["GET", "l"],
            ["SET", "l", "no longer a list"],
            ["TYPE", "l"],
            ["GET"],
            ["GET", "k", "k"],
            ["SET", "k"],
        ]
    )


def test_set_options_answer_as_redis_does(parity):
    parity(
        [
            ["SET", "k", "1", "XX"],
            ["SET", "k", "1", "NX"],
            ["SET", "k", "2", "nx"],
            ["SET", "k", "2", "XX", "GET"],
            ["SET", "k", "3", "NX", "GET"],
            ["SET", "new", "1", "NX", "GET"],
            ["SET", "k", "3", "GET", "GET"],
            ["SET", "k", "3", "NX", "NX"],
            ["SET", "k", "3", "NX", "XX"],
            ["SET", "k", "3", "XX", "NX", "GET"],
            ["RPUSH", "l", "x"],
            ["SET", "l", "v", "GET"],
            ["SET", "l", "v", "NX"],
            ["SET", "l", "v", "NX", "GET"],
            ["SET", "l", "v", "XX"],
            ["SET", "k", "v", "FOO"],
            ["SET", "k", "v", ""],
            ["SET", "k", "v", "PERSIST"],
            ["GET", "k"],
        ]
    )


def test_set_deadlines_answer_as_redis_does(parity):
    parity(
        [
            ["SET", "k", "v", "EX", "100"],
            ["TTL", "k"],
            ["SET", "k", "w", "KEEPTTL"],
            ["TTL", "k"],
            ["SET", "k", "w"],
            ["TTL", "k"],
            ["SET", "k", "w", "EX", "100", "NX"],
            ["TTL", "k"],
            ["SET", "k", "w", "EXAT", FAR],
            ["PEXPIRETIME", "k"],
            ["SET", "k", "w", "PXAT", FAR * 1000 + 7],
            ["PEXPIRETIME", "k"],
            ["SET", "k", "w", "px", "100000", "GET"],
            ["TTL", "k"],
            ["SET", "k", "w", "EX", "10", "EX", "100"],
            ["TTL", "k"],
            ["SET", "k", "w", "PXAT", "1"],
            ["EXISTS", "k"],
            ["SET", "missing", "w", "EXAT", "1"],
            ["EXISTS", "missing"],
        ],
        loose=nearly(1),
    )


@pytest.mark.parametrize("unit", ["EX", "PX", "EXAT", "PXAT"])
def test_set_refuses_bad_deadlines_as_redis_does(parity, unit):
    parity(
        [
            ["SET", "k", "v", unit],
            ["SET", "k", "v", unit, "0"],
            ["SET", "k", "v", unit, "-1"],
            ["SET", "k", "v", unit, "abc"],
            ["SET", "k", "v", unit, ""],
            ["SET", "k", "v", unit, "1.5"],
            ["SET", "k", "v", unit, "9223372036854775808"],
            ["SET", "k", "v", unit, "10", "KEEPTTL"],
            ["SET", "k", "v", "KEEPTTL", unit, "10"],
            ["SET", "k", "v", unit, "10", "PXAT" if unit != "PXAT" else "EX", "10"],
            ["SET", "k", "v", unit, "10", "NX", "XX"],
            ["EXISTS", "k"],
        ]
    )


def test_set_refuses_deadlines_beyond_64_bits_as_redis_does(parity):
    largest = 2**63 - 1
    parity(
        [
            ["SET", "k", "v", "EX", largest],
            ["SET", "k", "v", "PX", largest],
            ["SET", "k", "v", "EXAT", largest],
            ["SET", "k", "v", "EXAT", largest // 1000 + 1],
            ["SET", "k", "v", "PXAT", largest],
            ["GET", "k"],
            ["SETEX", "k", largest, "v"],
            ["PSETEX", "k", largest, "v"],
            ["GETEX", "k", "EX", largest],
        ]
    )


def test_setex_psetex_and_setnx_answer_as_redis_does(parity):
    parity(
        [
            ["SETEX", "k", "100", "v"],
            ["TTL", "k"],
            ["PSETEX", "k", "100000", "w"],
            ["TTL", "k"],
            ["SETEX", "k", "0", "v"],
            ["SETEX", "k", "-1", "v"],
            ["SETEX", "k", "abc", "v"],
            ["PSETEX", "k", "0", "v"],
            ["PSETEX", "k", "abc", "v"],
            ["SETEX", "k", "100"],
            ["RPUSH", "l", "x"],
            ["SETEX", "l", "100", "v"],
            ["TYPE", "l"],
            ["SETNX", "k", "x"],
            ["SETNX", "n", "x"],
            ["SETNX", "n", "y"],
            ["GET", "n"],
            ["SETNX", "n"],
        ]
    )


def test_getset_getdel_and_getex_answer_as_redis_does(parity):
    parity(
        [
            ["GETSET", "k", "1"],
            ["GETSET", "k", "2"],
            ["SET", "k", "3", "EX", "100"],
            ["GETSET", "k", "4"],
            ["TTL", "k"],
            ["GETDEL", "k"],
            ["GETDEL", "k"],
            ["SET", "k", "v"],
            ["GETEX", "k"],
            ["GETEX", "k", "EX", "100"],
            ["TTL", "k"],
            ["GETEX", "k"],
            ["TTL", "k"],
            ["GETEX", "k", "PERSIST"],
            ["TTL", "k"],
            ["GETEX", "k", "PERSIST"],
            ["GETEX", "k", "PX", "100000"],
            ["TTL", "k"],
            ["GETEX", "k", "EXAT", FAR],
            ["EXPIRETIME", "k"],
            ["GETEX", "k", "PXAT", FAR * 1000],
            ["EXPIRETIME", "k"],
            ["GETEX", "k", "PXAT", "1"],
            ["EXISTS", "k"],
        ],
        loose=nearly(1),
    )


def test_getset_getdel_and_getex_refuse_as_redis_does(parity):
    parity(
        [
            ["RPUSH", "l", "x"],
            ["GETSET", "l", "v"],
            ["GETDEL", "l"],
            ["GETEX", "l"],
            ["GETEX", "l", "EX", "10"],
            ["SET", "k", "v"],
            ["GETEX", "k", "FOO"],
            ["GETEX", "k", "EX"],
            ["GETEX", "k", "EX", "0"],
            ["GETEX", "k", "EX", "abc"],
            ["GETEX", "k", "EX", "10", "PERSIST"],
            ["GETEX", "k", "PERSIST", "EX", "10"],
            ["GETEX", "k", "EX", "10", "PX", "10"],
            ["GETEX", "k", "KEEPTTL"],
            ["GETEX", "k", "NX"],
            ["GETEX", "k", "GET"],
            ["GETEX", "missing", "FOO"],
            ["GETEX", "missing", "EX", "10"],
            ["GETEX"],
            ["GETDEL"],
        ]
    )


def test_getex_of_a_missing_key_looks_at_no_number(parity):
    parity(
        [["GETEX", "missing", "EX", "abc"], ["GETEX", "missing", "PX", "0"]],
        witness="redis",  # Valkey reads the number first
    )


def test_mget_mset_and_msetnx_answer_as_redis_does(parity):
    parity(
        [
            ["MSET", "a", "1", "b", "2", "a", "3"],
            ["RPUSH", "l", "x"],
            ["MGET", "a", "b", "missing", "l", "a"],
            ["MSETNX", "c", "1", "a", "2"],
            ["MSETNX", "c", "1", "d", "2", "a", "3"],
            ["MSETNX", "c", "1", "d", "2"],
            ["MSETNX", "l", "1"],
            ["MGET", "c", "d"],
            ["SET", "a", "v", "EX", "100"],
            ["MSET", "a", "v", "l", "w"],
            ["TTL", "a"],
            ["TYPE", "l"],
            ["MSET", "a"],
            ["MSET", "a", "b", "c"],
            ["MSETNX", "a", "b", "c"],
            ["MGET"],
        ]
    )


def test_append_strlen_and_ranges_answer_as_redis_does(parity):
    parity(
        [
            ["STRLEN", "k"],
            ["APPEND", "k", ""],
            ["EXISTS", "k"],
            ["APPEND", "k", "Hello"],
            ["APPEND", "k", b" \xff\x00"],
            ["STRLEN", "k"],
            ["GET", "k"],
            ["SETRANGE", "k", "6", "World"],
            ["SETRANGE", "k", "20", "!"],
            ["GET", "k"],
            ["SETRANGE", "k", "100", ""],
            ["SETRANGE", "missing", "5", ""],
            ["EXISTS", "missing"],
            ["SETRANGE", "made", "3", "x"],
            ["GET", "made"],
            ["SETRANGE", "k", "-1", "x"],
            ["SETRANGE", "k", "abc", "x"],
            ["SETRANGE", "k", "536870912", "x"],
            ["SETRANGE", "k", "536870912", ""],
            ["RPUSH", "l", "x"],
            ["APPEND", "l", "x"],
            ["STRLEN", "l"],
            ["SETRANGE", "l", "0", "x"],
            ["SETRANGE", "l", "-1", "x"],
            ["SETRANGE", "l", "0", ""],
            ["SET", "n", "12"],
            ["APPEND", "n", "3"],
            ["INCR", "n"],
        ]
    )


@pytest.mark.parametrize("name", ["GETRANGE", "SUBSTR"])
def test_getrange_answers_as_redis_does(parity, name):
    ends = ["0", "1", "3", "8", "9", "100", "-1", "-3", "-9", "-10", "-100"]
    parity(
        [
            ["SET", "k", "This is a"],
            *([name, "k", start, end] for start in ends for end in ends),
            [name, "missing", "0", "-1"],
            [name, "k", "a", "1"],
            [name, "k", "0", "9223372036854775807"],
            [name, "k", "-9223372036854775808", "-9223372036854775808"],
            ["RPUSH", "l", "x"],
            [name, "l", "0", "1"],
            [name, "l", "0", "a"],
            [name, "k", "0"],
        ]
    )


def test_incr_and_its_family_answer_as_redis_does(parity):
    parity(
        [
            ["INCR", "n"],
            ["INCRBY", "n", "41"],
            ["DECR", "n"],
            ["DECRBY", "n", "50"],
            ["GET", "n"],
            ["INCRBY", "n", "abc"],
            ["INCRBY", "n", "1.5"],
            ["INCRBY", "n", "+5"],
            ["INCRBY", "n", ""],
            ["INCRBY", "n", "9223372036854775808"],
            ["SET", "n", "9223372036854775806"],
            ["INCR", "n"],
            ["INCR", "n"],
            ["DECRBY", "n", "-9223372036854775808"],
            ["DECRBY", "missing", "9223372036854775807"],
            ["DECR", "missing"],
            ["DECR", "missing"],
            ["INCRBY", "missing", "-1"],
            *(
                step
                for text in ["", " 1", "1 ", "01", "+1", "-0", "1.0", "abc", "0x1"]
                for step in (["SET", "n", text], ["INCR", "n"], ["DECRBY", "n", "1"])
            ),
            ["RPUSH", "l", "x"],
            ["INCR", "l"],
            ["INCRBY", "l", "abc"],
            ["DECRBY", "l", "1"],
            ["SET", "n", "5", "EX", "100"],
            ["INCR", "n"],
            ["TTL", "n"],
            ["INCR"],
            ["INCR", "n", "1"],
            ["INCRBY", "n"],
        ],
        loose=nearly(1),
    )


FLOATS = [
    *("10.5", "0.1", "-5", "5.0e3", "2.0e2", "1e18", "1e-17", "0", "-0", ".5", "5."),
    *("18446744073709551616", "3.14159265358979323846", "1e300", "-1e300", "1e4000"),
    *("inf", "-inf", "nan", "", " 1", "1 ", "abc", "1e5000", "1e-5000", "1e"),
]


def test_incrbyfloat_answers_as_redis_does(parity):
    parity(
        [
            *(
                step
                for text in FLOATS
                for step in (
                    ["SET", "f", text],
                    ["INCRBYFLOAT", "f", "0.1"],
                    ["SET", "f", "3"],
                    ["INCRBYFLOAT", "f", text],
                    ["GET", "f"],
                )
            ),
            ["INCRBYFLOAT", "missing", "1.50"],
            ["RPUSH", "l", "x"],
            ["INCRBYFLOAT", "l", "1"],
            ["INCRBYFLOAT", "l", "abc"],
            ["INCRBYFLOAT", "f"],
        ]
    )


def test_lcs_answers_as_redis_does(parity):
    parity(
        [
            ["MSET", "a", "ohmytext", "b", "mynewtext", "c", "tetetexttxtxt"],
            ["LCS", "a", "b"],
            ["LCS", "a", "b", "LEN"],
            ["LCS", "a", "b", "IDX"],
            ["LCS", "a", "b", "IDX", "WITHMATCHLEN"],
            ["LCS", "a", "b", "IDX", "MINMATCHLEN", "4"],
            ["LCS", "a", "b", "idx", "minmatchlen", "4", "withmatchlen"],
            ["LCS", "a", "b", "IDX", "MINMATCHLEN", "-4"],
            ["LCS", "a", "b", "LEN", "MINMATCHLEN", "4"],
            ["LCS", "a", "c", "IDX", "WITHMATCHLEN"],
            ["LCS", "c", "b", "IDX", "WITHMATCHLEN"],
            ["LCS", "c", "c", "IDX"],
            ["LCS", "a", "missing"],
            ["LCS", "missing", "missing", "IDX"],
            ["LCS", "missing", "missing", "LEN"],
            ["LCS", "a", "b", "IDX", "LEN"],
            ["LCS", "a", "b", "FOO"],
            ["LCS", "a", "b", "MINMATCHLEN"],
            ["LCS", "a", "b", "MINMATCHLEN", "abc"],
            ["RPUSH", "l", "x"],
            ["LCS", "a", "l"],
            ["LCS", "l", "a", "FOO"],
            ["LCS", "a"],
        ]
    )


def test_encodings_of_strings_are_redis_s(parity):
    values = ["1", "-9223372036854775808", "9223372036854775808", "01", "", "3.5"]
    parity(
        [
            *(
                step
                for value in [*values, "x" * 44, "x" * 45]
                for step in (["SET", "k", value], ["OBJECT", "ENCODING", "k"])
            ),
            ["OBJECT", "ENCODING", "missing"],
        ],
        witness="redis",  # Valkey embeds longer strings
    )
