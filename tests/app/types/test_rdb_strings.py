import pytest

from joblog.app.types.rdb_strings import (
    decode_length,
    decode_rdb_string,
    encode_length,
    encode_rdb_string,
)


@pytest.mark.parametrize("size", [0, 63, 64, 16383, 16384, 2**32 - 1, 2**32, 2**64 - 1])
def test_a_length_comes_out_as_it_went_in(size):
    encoded = encode_length(size)

    assert decode_length(b"x" + encoded + b"y", 1) == (size, 1 + len(encoded))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 20000])
def test_a_string_comes_out_as_it_went_in(size):
    text = b"t" * size

    assert decode_rdb_string(encode_rdb_string(text) + b"rest", 0)[0] == text


INTEGERS = [
    pytest.param(b"\xc0\x80", b"-128", id="1 byte"),
    pytest.param(b"\xc1\x00\x01", b"256", id="2 bytes"),
    pytest.param(b"\xc2\xff\xff\xff\xff", b"-1", id="4 bytes"),
]


@pytest.mark.parametrize(("data", "text"), INTEGERS)
def test_an_integer_is_read_as_it_is_printed(data, text):
    assert decode_rdb_string(data, 0) == (text, len(data))


PACKED = [
    pytest.param(b"\x01ab", b"ab", id="literals"),
    pytest.param(b"\x00a\x20\x00", b"aaaa", id="a copy of the last byte"),
    pytest.param(b"\x01ab\x40\x01", b"ababab", id="a copy that overlaps"),
    pytest.param(b"\x02abc\x20\x02", b"abcabc", id="a copy that does not"),
    pytest.param(b"\x00a\xe0\x03\x00", b"a" * 13, id="a long copy"),
]


@pytest.mark.parametrize(("packed", "text"), PACKED)
def test_lzf_is_undone(packed, text):
    data = b"\xc3" + encode_length(len(packed)) + encode_length(len(text)) + packed

    assert decode_rdb_string(data, 0) == (text, len(data))


DAMAGED = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\x05abc", id="too short"),
    pytest.param(b"\x40", id="half a length"),
    pytest.param(b"\x82", id="no length"),
    pytest.param(b"\xc1\x00", id="half an integer"),
    pytest.param(b"\xc4", id="no encoding"),
    pytest.param(b"\xc3\x03\x05\x01ab", id="LZF of another size"),
    pytest.param(b"\xc3\x04\x04\x00a\x20\x01", id="LZF that copies from before"),
    pytest.param(b"\xc3\x04\x03\x00a\x20\x00", id="LZF that copies too much"),
    pytest.param(b"\xc3\x02\x05\x05a", id="LZF with literals missing"),
]


@pytest.mark.parametrize("data", DAMAGED)
def test_damage_is_a_value_error(data):
    with pytest.raises(ValueError, match=r"."):
        decode_rdb_string(data, 0)
