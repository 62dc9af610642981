"""Long doubles are read, added and printed as Redis does on amd64."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.long_doubles import (
    INFINITE,
    add_long_doubles,
    format_long_double,
    parse_long_double,
)

SUMS = [
    (b"10.5", b"0.1", b"10.6"),
    (b"3.0e3", b"200", b"3200"),
    (b"5.0e3", b"2.0e2", b"5200"),
    (b"0", b"-1e-18", b"0"),
    (b"0x1p-2", b"0", b"0.25"),
    (b"1", b"1e-17", b"1.00000000000000001"),
    (b"0.1", b"0.2", b"0.3"),
    (b"18446744073709551616", b"1", b"18446744073709551616"),
    (b"18446744073709551616", b"3", b"18446744073709551620"),
    (b"1e19", b"-0.5", b"10000000000000000000"),
    (b"1.1e4932", b"1.1e4932", None),
    (b"inf", b"1", None),
    (b"inf", b"-inf", None),
]


@pytest.mark.parametrize(("left", "right", "text"), SUMS)
def test_long_doubles_add_with_a_64_bit_mantissa(left, right, text):
    total = add_long_doubles(parse_long_double(left), parse_long_double(right))

    assert (total and format_long_double(total)) == text


@pytest.mark.parametrize(
    "text",
    [b"", b" 1", b"1 ", b"nan", b"1e", b"1.2e4932", b"1e-4960", b"1e999999999", b"0x"],
)
def test_parse_long_double_refuses_what_is_no_number_or_out_of_range(text):
    assert parse_long_double(text) is None


def test_parse_long_double_keeps_numbers_that_no_double_can_hold():
    tiny, huge = parse_long_double(b"4e-4951"), parse_long_double(b"1e4932")

    assert (tiny.mantissa, tiny.exponent) == (1, -16445)
    assert len(format_long_double(huge)) == 4933
    assert parse_long_double(b"-Infinity") == INFINITE


@settings(max_examples=200)
@given(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)
)
def test_long_doubles_hold_every_double_exactly(value):
    parsed = parse_long_double(repr(value).encode())

    assert float(format_long_double(parsed)) == pytest.approx(value, abs=1e-17)
