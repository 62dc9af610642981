import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joblog.app.keyspace.glob import _translate, compile_glob, filter_glob, matches_glob

CASES = [
    pytest.param(b"h?llo", b"hello", True, id="any one byte"),
    pytest.param(b"h?llo", b"hllo", False, id="no byte for a question mark"),
    pytest.param(b"h*llo", b"hllo", True, id="star for nothing"),
    pytest.param(b"h*llo", b"heeeello", True, id="star for several bytes"),
    pytest.param(b"*", b"", False, id="star alone, empty text"),
    pytest.param(b"**", b"x", True, id="two stars"),
    pytest.param(b"", b"", True, id="both empty"),
    pytest.param(b"", b"x", False, id="empty pattern"),
    pytest.param(b"a*", b"a", True, id="star at the end for nothing"),
    pytest.param(b"bull:q:*", b"bull:q:1", True, id="prefix"),
    pytest.param(b"bull:q:*", b"bull:p:1", False, id="other prefix"),
    pytest.param(b"*:q", b"bull:q", True, id="suffix"),
    pytest.param(b"*ul*", b"bull", True, id="in the middle"),
    pytest.param(b"h[ae]llo", b"hallo", True, id="class"),
    pytest.param(b"h[ae]llo", b"hillo", False, id="not in the class"),
    pytest.param(b"h[^e]llo", b"hallo", True, id="negated class"),
    pytest.param(b"h[^e]llo", b"hello", False, id="in the negated class"),
    pytest.param(b"h[a-c]llo", b"hbllo", True, id="range"),
    pytest.param(b"h[c-a]llo", b"hbllo", True, id="range backwards"),
    pytest.param(b"h[a-]llo", b"h]llo", False, id="bracket as the end of a range"),
    pytest.param(b"[a-]", b"]", True, id="the same, never closed"),
    pytest.param(b"[abc", b"b", True, id="class that is never closed"),
    pytest.param(b"[]a", b"a", False, id="empty class"),
    pytest.param(b"[^]", b"a", True, id="negated empty class"),
    pytest.param(rb"[\]]", b"]", True, id="escape in a class"),
    pytest.param(rb"h\*llo", b"h*llo", True, id="escaped star"),
    pytest.param(rb"h\*llo", b"hello", False, id="escaped star is no star"),
    pytest.param(rb"\[a", b"[a", True, id="escaped bracket"),
    pytest.param(b"a\\", b"a\\", True, id="backslash at the end"),
    pytest.param(b"a.c", b"abc", False, id="a dot is a dot"),
    pytest.param(b"?", b"\n", True, id="newline is a byte"),
    pytest.param(b"[\x80-\xff]*", b"\xe9\x00", True, id="bytes above ASCII"),
    pytest.param(b"*a*b", b"xaxab", True, id="two stars, text twice"),
    pytest.param(b"*ab?d*", b"abxabcd", True, id="star, question mark"),
]


@pytest.mark.parametrize(("pattern", "text", "expected"), CASES)
def test_glob_matches_as_redis_does(pattern, text, expected):
    assert matches_glob(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "text"), [(b"HEL*", b"hello"), (b"h[E]llo", b"Hello"), (b"**", b"x")]
)
def test_glob_ignores_case_where_asked(pattern, text):
    assert matches_glob(pattern, text, ignore_case=True)
    assert matches_glob(pattern, text) is (pattern == b"**")


def naive(pattern, text):
    """Match stars and question marks by trying everything."""
    if not pattern:
        return not text
    if pattern[:1] == b"*":
        return any(naive(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return (
        text != b""
        and pattern[0] in (text[0], ord("?"))
        and naive(pattern[1:], text[1:])
    )


SMALL = st.binary(max_size=8).map(lambda b: bytes(b"ab"[x % 2] for x in b))


@given(st.lists(st.sampled_from([b"*", b"?", b"a", b"b"]), max_size=8), SMALL)
def test_glob_agrees_with_trying_everything(pieces, text):
    pattern = b"".join(pieces)

    expected = naive(pattern, text) if text else not pattern

    assert matches_glob(pattern, text) is expected


ATOMIC_STAR = re.compile(rb"\(\?>\.\*\?[^*?()]+\)")


@given(st.lists(st.sampled_from([b"*", b"?", b"a", b"[ab]"]), max_size=8))
def test_no_star_is_ever_tried_again(pieces):
    # One that is costs a time that grows by a power for each: CVE-2022-36021.
    pattern = b"a?" + b"".join(pieces)

    expression = _translate(pattern)

    assert ATOMIC_STAR.sub(b"", expression).count(b"*") == (b"*" in pieces)


def test_filter_glob_keeps_order_and_takes_a_star_for_all():
    texts = [b"", b"b1", b"a1", b"b2"]

    assert filter_glob(b"b*", texts) == [b"b1", b"b2"]
    assert filter_glob(b"*", texts) == texts


def test_compile_glob_returns_the_same_matcher_again():
    assert compile_glob(b"a[b]*") is compile_glob(b"a[b]*")
