"""Numbers: what is read, what is refused, what is printed."""

import math
import re
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.numbers import (
    format_double,
    format_double_17,
    is_int64,
    parse_double,
    parse_int64,
    parse_score_bound,
)

INTEGERS = [
    (b"0", 0),
    (b"-1", -1),
    (b"9223372036854775807", 2**63 - 1),
    (b"-9223372036854775808", -(2**63)),
    (b"9223372036854775808", None),
    (b"-9223372036854775809", None),
    (b"", None),
    (b"-", None),
    (b"-0", None),
    (b"+1", None),
    (b"01", None),
    (b" 1", None),
    (b"1 ", None),
    (b"1_0", None),
    (b"1.0", None),
    (b"\xd9\xa1", None),
    (b"1" * 5000, None),
]


@pytest.mark.parametrize(("text", "value"), INTEGERS)
def test_parse_int64_takes_canonical_decimals_only(text, value):
    assert parse_int64(text) == value


@settings(max_examples=300, deadline=None)
@given(
    st.integers(-(2**64), 2**64).map(lambda number: b"%d" % number)
    | st.text("0123456789-+ _.", max_size=21).map(str.encode)
    | st.binary(max_size=20)
)
def test_parse_int64_agrees_with_a_pattern(text):
    is_canonical = re.fullmatch(rb"0|-?[1-9][0-9]*", text)
    number = int(text) if is_canonical else None
    if number is not None and not -(2**63) <= number < 2**63:
        number = None

    assert parse_int64(text) == number


@pytest.mark.parametrize("number", [0, 2**61, -(2**61), 2**63 - 1, -(2**63)])
def test_an_int64_has_64_bits(number):
    assert is_int64(number)
    assert not is_int64(number + 2**64)
    assert not is_int64(number - 2**64)


DOUBLES = [
    (b"0", 0.0),
    (b"1712345678123", 1712345678123.0),
    (b"-1.5", -1.5),
    (b"+1", 1.0),
    (b".5", 0.5),
    (b"5.", 5.0),
    (b"1e5", 1e5),
    (b"1E-5", 1e-5),
    (b"inf", math.inf),
    (b"+Inf", math.inf),
    (b"-INFINITY", -math.inf),
    (b"0x10", 16.0),
    (b"-0x1.8p1", -3.0),
    (b"0x.8", 0.5),
    (b"4.9e-324", 5e-324),
    (b"0e999", 0.0),
    (b"0x0p99999", 0.0),
    (b"", None),
    (b".", None),
    (b"1e", None),
    (b"1_0", None),
    (b" 1", None),
    (b"1 ", None),
    (b"1\0", None),
    (b"nan", None),
    (b"-nan", None),
    (b"infi", None),
    (b"0x", None),
    (b"0x1p", None),
    (b"1e400", None),
    (b"-1e400", None),
    (b"9" * 400, None),
    (b"1e-400", None),
    (b"0x1p99999", None),
    (b"0x1p-99999", None),
]


@pytest.mark.parametrize(("text", "value"), DOUBLES)
def test_parse_double_takes_what_strtod_takes_whole(text, value):
    assert parse_double(text) == value


BOUNDS = [
    (b"5", (5.0, False)),
    (b"(5", (5.0, True)),
    (b"-inf", (-math.inf, False)),
    (b"(+inf", (math.inf, True)),
    (b"", (0.0, False)),
    (b"(", (0.0, True)),
    (b" 1", (1.0, False)),
    (b"( \t1", (1.0, True)),
    (b"1\0rubbish", (1.0, False)),
    (b"1e400", (math.inf, False)),
    (b"-1e400", (-math.inf, False)),
    (b"1e-400", (0.0, False)),
    (b"0x1p-99999", (0.0, False)),
    (b"-0x1p99999", (-math.inf, False)),
    (b" inf", (math.inf, False)),
    (b"1 ", None),
    (b" ", None),
    (b"((1", None),
    (b"[1", None),
    (b"nan", None),
    (b"(nan", None),
]


@pytest.mark.parametrize(("text", "bound"), BOUNDS)
def test_parse_score_bound_is_lax_as_redis_is(text, bound):
    assert parse_score_bound(text) == bound


# What Valkey 9.1 answers to ZSCORE; the last ones are no shortest digits.
PRINTED = [
    (0.0, b"0"),
    (-0.0, b"-0"),
    (3.0, b"3"),
    (-17.0, b"-17"),
    (0.1, b"0.1"),
    (1e-5, b"0.00001"),
    (1.5e-9, b"1.5e-9"),
    (1e19, b"1e+19"),
    (4611686018427387904.0, b"4611686018427387904"),
    (9223372036854775808.0, b"9223372036854776000"),
    (1e18, b"1000000000000000000"),
    (1e300, b"1e+300"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"),
    (5e-324, b"5e-324"),
    (math.inf, b"inf"),
    (-math.inf, b"-inf"),
    (math.nan, b"nan"),
    (900719925474099.2, b"900719925474099.3"),
    (1.23e22, b"12300000000000001000000"),
]


@pytest.mark.parametrize(("value", "text"), PRINTED)
def test_format_double_prints_as_redis_prints(value, text):
    assert format_double(value) == text


@settings(max_examples=300)
@given(st.binary(min_size=8, max_size=8))
def test_format_double_reads_back_as_the_same_double(data):
    (value,) = struct.unpack("<d", data)

    if not math.isnan(value):
        assert float(format_double(value)) == value
        assert float(format_double_17(value)) == value


# What Redis 7.0.15 answers to SET f A, INCRBYFLOAT f B; None is an error.
