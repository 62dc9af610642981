r"""What errors say of words that a client gave: cut at a NUL, and on one line.

To Redis, which is written in C, a word ends at its first NUL where a text names it.
"""

import pytest

NUL = "a\0b"

NAMED = [
    pytest.param([NUL, NUL, "c"], id="command"),
    pytest.param(["CLIENT", NUL], id="subcommand"),
    pytest.param(["CONFIG", "SET", NUL, "c"], id="setting"),
    pytest.param(["CONFIG", "SET", "a\r\nb", "c"], id="setting with a line end"),
    pytest.param(["XREADGROUP", "GROUP", NUL, "c", "STREAMS", NUL, ">"], id="group"),
    pytest.param(["XPENDING", NUL, NUL], id="key and group"),
    pytest.param(["XCLAIM", NUL, NUL, "c", 0, "1-1"], id="group of XCLAIM"),
    pytest.param(["ACL", "CAT", NUL], id="category"),
    pytest.param(["LATENCY", "GRAPH", NUL], id="event"),
    pytest.param(["CLIENT", "LIST", "TYPE", NUL], id="type of clients"),
    pytest.param(["CLIENT", "KILL", "USER", NUL], id="user"),
    pytest.param(["HELLO", 3, NUL], id="option of HELLO"),
    pytest.param(["EXPIRE", "k", 1, NUL], id="option of EXPIRE"),
    pytest.param(["FUNCTION", "LOAD", NUL, "#!lua name=x\n"], id="option of FUNCTION"),
    pytest.param(["FUNCTION", "LIST", NUL], id="argument of FUNCTION"),
]


@pytest.mark.parametrize("words", NAMED)
def test_words_end_at_a_nul_in_errors(parity, words):
    parity([words])


SCRIPTS = [
    "return redis.error_reply('a\\0b c')",
    "return redis.error_reply('-a\\0b')",
    "return redis.error_reply('a\\0b c').err",
    "return redis.status_reply('a\\0b')",
    "return redis.status_reply('a\\0b').ok",
    "return {err = 'a\\0b'}",
    "return {{err = 'a\\0b'}, {ok = 'a\\0b'}}",
    "error('a\\0b')",
    "error({err = 'a\\0b'})",
    "return redis.pcall('EXPIRE', 'k', 1, 'a\\0b')",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_lines_that_scripts_reply_end_at_a_nul(parity, script):
    parity([["EVAL", script, 0]], witness="redis")


CALL = "return redis.pcall('geosearch', 'k', 'FROMLONLAT', 1, 1, 'COUNT', 1)"


def test_geo_search_is_named_as_it_was_written(parity):
    parity(
        [
            "geosearch k FROMLONLAT 1 1 ASC COUNT 1",
            "GeoSearch k BYRADIUS 1 m ASC COUNT 1",
            "geosearchSTORE d k BYBOX 1 1 m COUNT 1",
            "GEOSEARCHSTORE d k FROMLONLAT 1 1 COUNT 1",
            "MULTI",
            "geosearch k FROMLONLAT 1 1 ASC COUNT 1",
            "EXEC",
            ["EVAL", CALL, 0],
        ],
        witness="redis",
    )


@pytest.mark.parametrize("witness", ["valkey", "redis8"])
def test_least_number_is_no_count_of_lrem(parity, witness):
    parity(
        [
            "LREM none -9223372036854775808 x",
            "LREM none -9223372036854775807 x",
            "SET text v",
            "LREM text -9223372036854775808 x",
        ],
        witness=witness,
    )
