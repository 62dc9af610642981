"""Replies to bytes: what goes before the table is what the table says."""

import pytest

from joblog.app.errors import CommandError
from joblog.app.protocol.encoder import encode, encode_bulks, encode_in_parts
from joblog.app.reply import (
    LONG,
    OK,
    PONG,
    BulkList,
    Entries,
    Keyed,
    LateBulks,
    Pairs,
    SetReply,
    SimpleString,
)

REPLIES = [
    pytest.param(OK, b"+OK\r\n", b"+OK\r\n", id="OK"),
    pytest.param(PONG, b"+PONG\r\n", b"+PONG\r\n", id="another status"),
    pytest.param(SimpleString(b"OK"), b"+OK\r\n", b"+OK\r\n", id="an equal of OK"),
    pytest.param(b"", b"$0\r\n\r\n", b"$0\r\n\r\n", id="empty bulk string"),
    pytest.param(b"OK", b"$2\r\nOK\r\n", b"$2\r\nOK\r\n", id="bulk string"),
    pytest.param(0, b":0\r\n", b":0\r\n", id="zero"),
    pytest.param(-1, b":-1\r\n", b":-1\r\n", id="below zero"),
    pytest.param(1023, b":1023\r\n", b":1023\r\n", id="last of the small integers"),
    pytest.param(1024, b":1024\r\n", b":1024\r\n", id="first that is not small"),
    pytest.param(
        -(2**63),
        b":-9223372036854775808\r\n",
        b":-9223372036854775808\r\n",
        id="64 bits",
    ),
    pytest.param(True, b":1\r\n", b"#t\r\n", id="true is no integer"),
    pytest.param(None, b"$-1\r\n", b"_\r\n", id="null"),
    pytest.param(
        CommandError(b"ERR a\r\nb"), b"-ERR a  b\r\n", b"-ERR a  b\r\n", id="error"
    ),
    pytest.param(BulkList(), b"*0\r\n", b"*0\r\n", id="empty bulk list"),
]


@pytest.mark.parametrize(("reply", "resp2", "resp3"), REPLIES)
def test_reply_is_encoded_in_both_protocols(reply, resp2, resp3):
    assert encode(reply, 2) == resp2
    assert encode(reply, 3) == resp3


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 70_000])
def test_array_of_bulk_strings_is_one_bulk_string_behind_the_other(length):
    values = [b"x" * length, b"", b"y"]

    wire = encode_bulks(values)

    assert wire == b"*3\r\n" + b"".join(encode(value, 2) for value in values)
    assert encode(BulkList(values), 3) == encode(values, 3) == wire


def one_by_one(values):
    parts = [b"$%d\r\n%b\r\n" % (len(value), value) for value in values]
    return b"*%d\r\n" % len(values) + b"".join(parts)


LONG_ARRAYS = [
    pytest.param([b"x%d" % number for number in range(12_000)], id="long runs"),
    pytest.param([b"same"] * 1000, id="one run"),
    pytest.param([b""] * 1500, id="empty values"),
    pytest.param([b"y" * (number % 7) for number in range(5000)], id="no runs"),
    pytest.param([b"z" * (number // 1999) for number in range(5000)], id="few runs"),
    pytest.param([b"a" * 2000, *[b"b"] * 1200, b"c\r\n"], id="odd ends"),
    pytest.param([b"%d" % number for number in range(16_001)], id="several parts"),
]


@pytest.mark.parametrize("values", LONG_ARRAYS)
def test_long_array_is_encoded_as_value_by_value(values):
    assert encode_bulks(values) == one_by_one(values)


LONG_REPLIES = [
    pytest.param(BulkList(b"%d" % n for n in range(3 * LONG + 1)), id="BulkList"),
    pytest.param([*range(2 * LONG), b"end"], id="list"),
    pytest.param([None, [b"nested", 1.5]] * LONG, id="nested"),
    pytest.param(SetReply(b"%d" % n for n in range(LONG + 1)), id="SetReply"),
    pytest.param(Pairs((b"m%d" % n, n / 2) for n in range(LONG + 1)), id="Pairs"),
    pytest.param(Keyed((b"f%d" % n, n) for n in range(2 * LONG)), id="Keyed"),
    pytest.param(
        Entries((b"%d-0" % n, (b"f", b"v")) for n in range(LONG + 7)), id="Entries"
    ),
]


@pytest.mark.parametrize("resp", [2, 3])
def test_array_that_is_made_late_is_encoded_as_one_that_is_at_hand(resp):
    elements = [b"%d" % n for n in range(LONG + 7)]

    def late():
        return LateBulks((len(elements), iter(elements)))

    expected = encode(BulkList(elements), resp)
    assert encode(late(), resp) == b"".join(encode_in_parts(late(), resp)) == expected


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("reply", LONG_REPLIES)
def test_the_parts_of_a_long_array_are_its_bytes(reply, resp):
    parts = list(encode_in_parts(reply, resp))

    assert len(parts) > 2
    assert b"".join(parts) == encode(reply, resp)
