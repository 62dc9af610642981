"""Strings: ranges, encodings, and the longest common subsequence against a model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.strings import (
    CommonSubsequence,
    Match,
    encoding,
    get_range,
    set_range,
)

RANGES = [
    (0, -1, b"joblog"),
    (0, 2, b"job"),
    (-3, -1, b"log"),
    (-100, 1, b"jo"),
    (4, 100, b"og"),
    (5, 4, b""),
    (-1, -3, b""),
    (6, 10, b""),
    (0, -100, b"j"),
]


@pytest.mark.parametrize(("start", "end", "part"), RANGES)
def test_get_range_includes_both_ends(start, end, part):
    assert get_range(b"joblog", start, end) == part


@pytest.mark.parametrize(
    ("value", "offset", "part", "result"),
    [
        (b"", 0, b"ab", b"ab"),
        (b"", 2, b"ab", b"\0\0ab"),
        (b"joblog", 0, b"JOB", b"JOBlog"),
        (b"joblog", 5, b"XY", b"jobloXY"),
        (b"joblog", 8, b"X", b"joblog\0\0X"),
    ],
)
def test_set_range_fills_a_gap_with_zero_bytes(value, offset, part, result):
    assert set_range(value, offset, part) == result


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b"0", b"int"),
        (b"-9223372036854775808", b"int"),
        (b"9223372036854775808", b"embstr"),
        (b"01", b"embstr"),
        (b"", b"embstr"),
        (b"x" * 44, b"embstr"),
        (b"x" * 45, b"raw"),
    ],
)
def test_encoding_is_what_redis_would_have_chosen(value, name):
    assert encoding(value) == name


def test_common_subsequence_lists_its_runs_from_the_last():
    common = CommonSubsequence(b"ohmytext", b"mynewtext")

    assert common.text() == b"mytext"
    assert common.length == 6
    assert common.matches() == [Match(4, 7, 5, 8), Match(2, 3, 0, 1)]
    assert [match.length for match in common.matches()] == [4, 2]


def test_common_subsequence_of_long_strings_is_quick():
    common = CommonSubsequence(b"abcdefghij" * 300, b"jihgfedcba" * 300)

    assert common.length == len(common.text())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.integers(2, 5))
def test_common_subsequence_agrees_with_the_textbook_table(left, right, letters):
    left = bytes(byte % letters for byte in left)
    right = bytes(byte % letters for byte in right)

    common = CommonSubsequence(left, right)

    text, length = _textbook(left, right)
    assert common.length == length
    assert common.text() == text


def _textbook(left, right):
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            above, before = table[i][j + 1], table[i + 1][j]
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(above, before)
    text, i, j = b"", len(left), len(right)
    while i and j:
        if left[i - 1] == right[j - 1]:
            text = left[i - 1 : i] + text
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return text, table[-1][-1]
