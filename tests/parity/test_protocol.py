"""Requests: RESP, inline commands, and input that is neither."""

import pytest

from tests.parity.harness import raw

PING = b"*1\r\n$4\r\nPING\r\n"

GOOD = [
    pytest.param(PING, 1, id="array"),
    pytest.param(PING * 3, 3, id="pipeline"),
    pytest.param(b"*0\r\n" + PING, 1, id="empty array is skipped"),
    pytest.param(b"*-5\r\n" + PING, 1, id="negative array is skipped"),
    pytest.param(
        b"*1\r\n$4\r\nPINGxx" + PING, 2, id="two bytes behind a bulk are unread"
    ),
    pytest.param(
        b"*1\rX$4\r\nPING\r\n", 1, id="byte behind a carriage return is unread"
    ),
    pytest.param(b"*1\r\n$0\r\n\r\n", 1, id="empty command name"),
    pytest.param(b"PING\n", 1, id="inline, line feed"),
    pytest.param(b"  PING  \r\n", 1, id="inline, blanks"),
    pytest.param(b"\r\n \r\nPING\r\n", 1, id="inline, empty lines"),
    pytest.param(b"PING\r\r\n", 1, id="inline, two carriage returns"),
    pytest.param(b"ECHO '\\x41'\r\n", 1, id="inline, single quotes escape nothing"),
    pytest.param(b"ECHO 'it\\'s'\r\n", 1, id="inline, escaped single quote"),
    pytest.param(b'ECHO "\\x41\\n\\r\\t\\b\\a\\\\\\"\\q"\r\n', 1, id="inline, escapes"),
    pytest.param(b'ECHO "\\x4g"\r\n', 1, id="inline, half a hexadecimal escape"),
    pytest.param(b"ECHO ''\r\n", 1, id="inline, empty word"),
    pytest.param(b'ECHO a"b c"\r\n', 1, id="inline, quotes in a word"),
    pytest.param(b"'' a\r\n", 1, id="inline, empty command name"),
    pytest.param(b"foo\tbar a\x0bb\r\n", 1, id="inline, tabs"),
    pytest.param(
        b"*3\r\n$3\r\nfoo\r\n$200\r\n" + b"a" * 200 + b"\r\n$3\r\nxyz\r\n",
        1,
        id="unknown command with a long argument",
    ),
    pytest.param(
        b"*2\r\n$4\r\nf\no\r\r\n$3\r\nx\ny\r\n", 1, id="unknown command with line feeds"
    ),
    pytest.param(
        b"*2\r\n$4\r\nECHO\r\n$9\r\n\r\n$5\r\n*1+\r\n", 1, id="marks inside a value"
    ),
    pytest.param(
        b"*2\r\n$4\r\nECHO\r\n$70000\r\n" + b"v" * 70000 + b"\r\n" + PING,
        2,
        id="value longer than one read",
    ),
]
BROKEN = [
    pytest.param(b"*2147483648\r\n", id="array too long"),
    pytest.param(b"*abc\r\n", id="array length is no number"),
    pytest.param(b"*\r\n", id="array length is missing"),
    pytest.param(b"* 1\r\n$4\r\nPING\r\n", id="array length with a blank"),
    pytest.param(b"*+1\r\n$4\r\nPING\r\n", id="array length with a sign"),
    pytest.param(b"*01\r\n$4\r\nPING\r\n", id="array length with a leading zero"),
    pytest.param(b"*1\n$4\r\nPING\r\n", id="array length ends in a line feed"),
    pytest.param(
        b"*-9223372036854775809\r\n$4\r\nPING\r\n", id="array length below 64 bits"
    ),
    pytest.param(b"*1\r\n+PING\r\n", id="simple string in an array"),
    pytest.param(b"*2\r\n$4\r\nECHO\r\n:5\r\n", id="integer in an array"),
    pytest.param(b"*1\r\n*1\r\n$4\r\nPING\r\n", id="array in an array"),
    pytest.param(b"*1\r\n\r\nPING\r\n", id="empty line in an array"),
    pytest.param(b"*1\r\n$-1\r\n", id="null in an array"),
    pytest.param(b"*1\r\n$abc\r\n", id="bulk length is no number"),
    pytest.param(b"*1\r\n$04\r\nPING\r\n", id="bulk length with a leading zero"),
    pytest.param(b"*1\r\n$600000000\r\n", id="bulk longer than proto-max-bulk-len"),
    pytest.param(b'SET "a\r\n', id="inline, open double quote"),
    pytest.param(b"SET 'a\r\n", id="inline, open single quote"),
    pytest.param(b'PING "a"b\r\n', id="inline, word behind a closing quote"),
    pytest.param(b"A" * 70000, id="inline too long"),
    pytest.param(b"*" + b"1" * 70000, id="array length too long to be one"),
    pytest.param(b"*1\r\n$" + b"1" * 70000, id="bulk length too long to be one"),
    pytest.param(b"*\x001\r\n" + b"x" * 70000, id="NUL hides the end of a header"),
]


@pytest.mark.parametrize(("data", "replies"), GOOD)
def test_request_is_read_as_redis_reads_it(parity, data, replies):
    parity([raw(data, replies)], witness="redis")


@pytest.mark.parametrize("data", BROKEN)
def test_broken_request_gets_the_error_and_the_close(parity, data):
    parity([raw(data, 2)], witness="redis")


@pytest.mark.parametrize("data", BROKEN)
def test_commands_before_a_broken_request_are_answered(parity, data):
    parity([raw(PING + b"*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n" + data, 4)], witness="redis")
