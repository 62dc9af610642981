"""Replies of a live server, read from its socket."""

import io

import pytest

from joblog.replay.undoing.live import LiveError, read_reply


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"+OK\r\n", b"OK"),
        (b":-7\r\n", -7),
        (b"$4\r\na\r\nb\r\n", b"a\r\nb"),
        (b"$0\r\n\r\n", b""),
        (b"$-1\r\n", None),
        (b"*-1\r\n", None),
        (b"*0\r\n", []),
        (b"*2\r\n*1\r\n:1\r\n$1\r\nx\r\n", [[1], b"x"]),
    ],
)
def test_reply_is_read_to_its_end_and_no_further(data, reply):
    file = io.BytesIO(data + b"+NEXT\r\n")

    assert read_reply(file) == reply
    assert read_reply(file) == b"NEXT"


def test_error_is_a_value_until_it_is_raised():
    error, after = read_reply(io.BytesIO(b"*2\r\n-ERR no\r\n:1\r\n"))

    assert isinstance(error, LiveError)
    assert (str(error), after) == ("ERR no", 1)


@pytest.mark.parametrize("data", [b"", b"+OK", b"$4\r\nab", b"*2\r\n:1\r\n"])
def test_reply_that_breaks_off_says_so(data):
    with pytest.raises(LiveError, match="closed the connection"):
        read_reply(io.BytesIO(data))


def test_what_is_no_reply_is_refused():
    with pytest.raises(LiveError, match="no reply in RESP2"):
        read_reply(io.BytesIO(b"HTTP/1.1 400\r\n"))
