from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.bitfields import FieldType, parse_field_type
from joblog.app.types.bits import combine, count_ones, find_bit, get_bit, with_bit

TEXTS = st.binary(min_size=1, max_size=6)


def digits(value):
    return "".join(f"{byte:08b}" for byte in value)


@settings(max_examples=60)
@given(TEXTS, st.data())
def test_bits_agree_with_those_written_out(value, data):
    written = digits(value)
    first = data.draw(st.integers(0, len(written) - 1))
    last = data.draw(st.integers(first, len(written) - 1))
    part = written[first : last + 1]

    assert str(get_bit(value, first)) == written[first]
    assert count_ones(value, first, last) == part.count("1")
    for bit in (0, 1):
        found = part.find(str(bit))
        expected = first + found if found >= 0 else -1
        assert find_bit(value, bit, first, last) == expected
        changed = written[:first] + str(bit) + written[first + 1 :]
        assert digits(with_bit(value, first, bit)) == changed


@settings(max_examples=60)
@given(st.integers(1, 63), st.booleans(), st.integers(0, 30), st.data())
def test_a_field_is_read_as_it_was_written(bits, is_signed, offset, data):
    field = FieldType(bits, is_signed)
    number = data.draw(st.integers(field.least, field.most))
    value = bytearray(b"\xa5" * 12)
    before = digits(value)

    field.write(value, offset, number)

    assert field.read(value, offset) == number
    after = digits(value)
    assert after[:offset] + after[offset + bits :] == (
        before[:offset] + before[offset + bits :]
    )


def test_a_number_that_does_not_fit_wraps_saturates_or_fails():
    field = FieldType(3, is_signed=True)

    assert [field.fit(5, how) for how in (b"WRAP", b"SAT", b"FAIL")] == [-3, 3, None]
    assert [field.fit(-5, how) for how in (b"WRAP", b"SAT", b"FAIL")] == [3, -4, None]


def test_field_types_have_up_to_64_bits_but_unsigned_ones_63():
    assert parse_field_type(b"i64") == FieldType(64, is_signed=True)
    assert parse_field_type(b"u63") == FieldType(63, is_signed=False)
    for text in (b"u64", b"i65", b"i0", b"8", b"", b"i", b"u01", b"I8"):
        assert parse_field_type(text) is None


def test_combined_strings_are_as_long_as_the_longest():
    assert combine(b"AND", [b"\xff\xff", b"\x0f"]) == b"\x0f\x00"
    assert combine(b"NOT", [b"\x0f"]) == b"\xf0"
    assert combine(b"XOR", [b"", b""]) == b""
