"""The request parser: the same commands however the bytes are cut."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.errors import ProtocolError
from joblog.app.protocol.parser import MANY_ITEMS, RequestParser
from tests.parity.wire import encode

REQUESTS = [
    pytest.param(b"*1\r\n$4\r\nPING\r\n", [[b"PING"]], id="array"),
    pytest.param(b"*0\r\n", [], id="empty array"),
    pytest.param(b"*-1\r\n*1\r\n$1\r\nx\r\n", [[b"x"]], id="null array"),
    pytest.param(b"PING\r\n", [[b"PING"]], id="inline command"),
    pytest.param(b'SET k "a b"\r\n', [[b"SET", b"k", b"a b"]], id="inline, quoted"),
    pytest.param(
        b"*1\r\n$4\r\na\r\nb\r\n*1\r\n$1\r\nc\r\n",
        [[b"a\r\nb"], [b"c"]],
        id="line's end in a value",
    ),
    pytest.param(
        b"*2\r\n$4\r\n$1\r\n\r\n$0\r\n\r\n", [[b"$1\r\n", b""]], id="header as a value"
    ),
    pytest.param(b"*1\r\n$1\r\nabc*1\r\n$1\r\nd\r\n", [[b"a"], [b"d"]], id="no CRLF"),
    pytest.param(
        encode([b"x" * 5, b"y" * 1500] * 700),
        [[b"x" * 5, b"y" * 1500] * 700],
        id="more words, and longer, than usual",
    ),
]

PIECES = (
    *(b"*1\r\n", b"*2\r\n", b"*0\r\n", b"*-1\r\n", b"*01\r\n", b"*", b"PING\r\n"),
    *(b"$1\r\n", b"$3\r\n", b"$0\r\n", b"$-1\r\n", b"$01\r\n", b"$", b":1\r\n"),
    *(b"a\r\n", b"abc\r\n", b"a\r\n\r\n", b"\r\n", b"\r", b"\n", b"a", b"\0"),
    *(encode([b"GET", b"k"]), encode([b"SET", b"k", b"\r\n"])),
)
"""What requests are made of, and what spoils them."""


@pytest.mark.parametrize(("wire", "commands"), REQUESTS)
def test_parser_reads_the_same_however_the_bytes_are_cut(wire, commands):
    whole, dripped = RequestParser(), RequestParser()

    assert list(whole.feed(wire)) == commands
    assert [c for byte in wire for c in dripped.feed(bytes([byte]))] == commands


@given(
    st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=8),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_any_pipeline_cut_anywhere_is_read_back(commands, cuts):
    wire = b"".join(encode(argv) for argv in commands)
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    parser = RequestParser()

    found = [
        argv
        for start, end in itertools.pairwise(edges)
        if start < end
        for argv in parser.feed(wire[start:end])
    ]

    assert found == commands
    assert parser.error is None
    assert parser.buffered_bytes == 0


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=4), st.sampled_from([b"\r\n", b"$1\r\n", b"x" * 99])
        ),
        min_size=MANY_ITEMS,
        max_size=6 * MANY_ITEMS,
    ),
    st.lists(st.integers(0, 800), max_size=6),
    st.sampled_from([b"", b"*20\r\n$1\r\nx\r\n:1\r\n", b"*20\r\n$1\r\nx\r\n$-1\r\n"]),
)
def test_many_arguments_cut_anywhere_are_read_back(words, cuts, broken):
    wire = encode(words) + broken
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    parser = RequestParser()

    found = [
        argv
        for start, end in itertools.pairwise(edges)
        if start < end
        for argv in parser.feed(wire[start:end])
    ]

    assert found == [words]
    assert (parser.error is not None) == bool(broken)
    assert parser.error is not None or parser.buffered_bytes == 0


@pytest.mark.parametrize("word", [b"x", b"\r\n", b"x" * 300], ids=["x", "CRLF", "long"])
def test_many_arguments_cost_the_same_each_whatever_they_are(word):
    wire = encode([word] * 100_000)
    parser = RequestParser()
    started = time.process_time()

    found = [
        argv
        for start in range(0, len(wire), 65536)
        for argv in parser.feed(wire[start : start + 65536])
    ]

    assert found == [[word] * 100_000]
    # 50 us each; a look at all that came for each of them would take 200.
    assert time.process_time() - started < 5.0


LONG = [b"x" * 16384, b"\r\n" * 8192, bytes(range(256)) * 64, b"{}\n" * 5000]


@pytest.mark.parametrize("value", LONG, ids=["x", "CRLF", "bytes", "lines"])
def test_long_values_may_stand_anywhere_among_short_ones(value):
    short = [[b"SET", b"key", b"%d" % number] for number in range(300)]
    long = [b"SET", b"long", value]
    for argvs in (
        [long],
        [long, *short],
        [*short, long],
        [*short, long, *short],
        [long, *short, long],
    ):
        parser = RequestParser()
        wire = b"".join(map(encode, argvs))
        assert parser.feed(wire) == argvs
        assert parser.feed(wire[:-1]) == argvs[:-1]
        assert parser.feed(wire[-1:]) == argvs[-1:]
        assert (parser.error, parser.buffered_bytes) == (None, 0)


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(b"".join))
def test_quick_way_and_exact_way_agree_on_anything(wire):
    whole, dripped = RequestParser(), RequestParser()

    commands = whole.feed(wire)

    # A byte at a time nothing is ever whole when it comes: all goes the exact way.
    assert commands == [c for byte in wire for c in dripped.feed(bytes([byte]))]
    assert getattr(whole.error, "text", None) == getattr(dripped.error, "text", None)
    assert whole.buffered_bytes == dripped.buffered_bytes or whole.error is not None


@pytest.mark.parametrize("more", [0, 1, 2, 9, 20])
def test_command_that_begins_as_the_one_before_is_read_as_any_other(more):
    # Names of every length around those that are compared; others differ at their end.
    words = [b"", b"x", b"value", b"$1\r\nx", b"y" * 300]
    names = [b"N" * size + last for size in range(12) for last in (b"A", b"B", b"A")]
    argvs = [
        [name, *(words[(at + nth) % len(words)] for nth in range(more))]
        for at, name in enumerate(names)
    ]
    argvs += [[*argv, b"one more"] for argv in argvs]
    wire = b"".join(map(encode, argvs))

    assert RequestParser().feed(wire) == argvs
    for last in (argvs[0], [b"NA"], [b"NB", b""]):
        parser = RequestParser()
        cut = encode(argvs[0]) + encode(last)
        assert parser.feed(cut[:-1]) == argvs[:1]
        assert parser.feed(cut[-1:]) == [last]


@pytest.mark.parametrize("line", [b"$:\r\n", b"$1:\r\n", b"$0/\r\n", b"$+1\r\n"])
def test_what_is_no_digit_in_a_short_header_is_refused(line):
    parser = RequestParser()

    assert parser.feed(encode([b"GET", b"k"]) + b"*2\r\n" + line + b"0123456789") == [
        [b"GET", b"k"]
    ]
    assert parser.error is not None


@given(st.binary(min_size=1, max_size=200))
def test_no_input_breaks_the_parser_itself(data):
    parser = RequestParser()

    commands = parser.feed(b"*2\r\n" + data)

    assert all(type(word) is bytes for argv in commands for word in argv)
    assert parser.error is None or isinstance(parser.error, ProtocolError)


@pytest.mark.parametrize(
    "data",
    [
        b"*2147483647\r\n",
        b"*1\r\n$1\r\na\r\n*2147483647\r\n",
        b"*1\r\n*2147483647\r\n",
        b"*1\r\n~2147483647\r\n",
        b"*1\r\n%2147483647\r\n",
        b"*1\r\n>2147483647\r\n",
        b"*1\r\n|2147483647\r\n",
    ],
)
def test_announcing_many_items_costs_nothing(data):
    parser = RequestParser()
    started = time.process_time()

    parser.feed(data)

    # Room for them all would be 16 GiB, and seconds to give back.
    assert time.process_time() - started < 0.5
