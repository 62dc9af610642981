"""Words of a line, quoted as Redis quotes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.config.kinds import decode, quote
from joblog.app.words import split_words

LINES = [
    pytest.param(b"", [], id="empty"),
    pytest.param(b"  GET\t k  ", [b"GET", b"k"], id="white space"),
    pytest.param(b'SET k "a b"', [b"SET", b"k", b"a b"], id="double quotes"),
    pytest.param(b"SET k 'a \"b'", [b"SET", b"k", b'a "b'], id="single quotes"),
    pytest.param(rb'"\x41\n\r\t\b\a\"\\\q"', [b'A\n\r\t\b\a"\\q'], id="escapes"),
    pytest.param(rb'"\xZ1"', [b"xZ1"], id="escape that is no hexadecimal"),
    pytest.param(rb"'\n\''", [rb"\n'"], id="only a quote is escaped in single quotes"),
    pytest.param(b'""', [b""], id="empty word"),
    pytest.param(b"\va\vb\f c", [b"a\vb\f", b"c"], id="vertical tab and form feed"),
    pytest.param(b'ab"c d"', [b"abc d"], id="quotes within a word"),
    pytest.param(b'"a"b', None, id="no space after a closing quote"),
    pytest.param(b'"a', None, id="unbalanced double quotes"),
    pytest.param(b"'a", None, id="unbalanced single quotes"),
    pytest.param(b'"a\\', None, id="backslash at the end"),
]


@pytest.mark.parametrize(("line", "words"), LINES)
def test_split_words_splits_as_redis_does(line, words):
    assert split_words(line) == words


@given(st.lists(st.binary()))
def test_split_words_reads_back_what_quote_wrote(words):
    line = " ".join(quote(decode(word)) for word in words)

    assert split_words(line.encode()) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"\0", []),
        (b"a\0b", [b"a"]),
        (b"a \0 b", [b"a"]),
        (b'"a"\0b', [b"a"]),
        (b"\xff\xfe\0\n", [b"\xff\xfe"]),
    ],
)
def test_nul_ends_a_line_as_it_ends_a_c_string(line, words):
    assert split_words(line) == words
