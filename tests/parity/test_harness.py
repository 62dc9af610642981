"""The harness itself: where replies end, and that a difference is seen."""

import pytest

from tests.parity import wire
from tests.parity.harness import Parity, at, nearly, raw, receive, same_scan, send

REPLIES = [
    pytest.param(b"+OK\r\n", id="simple string"),
    pytest.param(b"$5\r\na\r\nbc\r\n", id="bulk string with CRLF inside"),
    pytest.param(b"$-1\r\n", id="null bulk string"),
    pytest.param(b"*-1\r\n", id="null array"),
    pytest.param(b"*2\r\n*1\r\n:1\r\n$0\r\n\r\n", id="nested array"),
    pytest.param(b"%1\r\n+a\r\n~2\r\n#t\r\n,1.5\r\n", id="map and set"),
    pytest.param(b"|1\r\n+ttl\r\n:1\r\n$1\r\nx\r\n", id="attribute before a reply"),
    pytest.param(b">2\r\n+message\r\n_\r\n", id="push"),
    pytest.param(b"=7\r\ntxt:abc\r\n", id="verbatim string"),
    pytest.param(b"!5\r\nERR x\r\n", id="bulk error"),
]


@pytest.mark.parametrize("reply", REPLIES)
def test_find_end_finds_the_end_only_when_the_whole_reply_is_there(reply):
    cuts = [wire.find_end(reply[:cut]) for cut in range(len(reply))]

    assert wire.find_end(reply + b"+next\r\n") == len(reply)
    assert cuts == [None] * len(reply)


@pytest.fixture
def witnesses(running):
    """The witness compared with itself: so the harness is what is tested."""
    return Parity(lambda: running("valkey"), running, lambda server: None)


def test_parity_passes_when_servers_agree(witnesses):
    witnesses(
        [
            "SET k v",
            ["GET", "k"],
            ["SADD", "s", 3, 1, 2],
            "SMEMBERS s",
            raw(b'SET inline "a b"\r\n'),
            ["GET"],
            "SUBSCRIBE a b",
            at("other", "PUBLISH", "a", b"\x00\xff"),
            receive("main"),
            send("blocked", "BLPOP", "q", 0),
            at("other", "RPUSH", "q", "job"),
            receive("blocked"),
        ]
    )


def test_parity_reports_command_and_both_replies_when_they_differ(witnesses):
    with pytest.raises(pytest.fail.Exception) as caught:
        witnesses(["SET k v", "DEBUG JMAP", ["CLIENT", "ID"]])

    assert "RESP2, step 2: CLIENT ID" in str(caught.value)
    assert "RESP3, step 2: CLIENT ID" in str(caught.value)
    assert "step 0" not in str(caught.value)


def test_parity_accepts_a_difference_that_loose_or_known_covers(witnesses):
    witnesses([["CLIENT", "ID"]], loose=nearly(100))
    witnesses([["CLIENT", "ID"]], known={"CLIENT ID": "ids are counted"})


def test_parity_fails_when_a_known_difference_is_gone(witnesses):
    with pytest.raises(pytest.fail.Exception, match="differs no longer"):
        witnesses(["PING"], known={"PING": "no reason"})


def test_same_scan_compares_items_and_whether_the_iteration_is_over():
    page = b"*2\r\n$1\r\n%b\r\n*2\r\n$1\r\n%b\r\n$1\r\n%b\r\n"
    over = wire.parse(page % (b"0", b"a", b"b"))

    assert same_scan(None, over, wire.parse(page % (b"0", b"b", b"a")))
    assert not same_scan(None, over, wire.parse(page % (b"7", b"b", b"a")))
    assert not same_scan(None, over, wire.parse(page % (b"0", b"b", b"c")))
