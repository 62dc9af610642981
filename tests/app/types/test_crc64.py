import random

import pytest

from joblog.app.types.crc64 import crc64

CHECKS = [
    pytest.param(b"", 0, id="nothing"),
    pytest.param(b"123456789", 0xE9C6D914C4B8D9CA, id="the check value"),
]


@pytest.mark.parametrize(("data", "expected"), CHECKS)
def test_the_checksum_is_redis_s(data, expected):
    assert crc64(data) == expected


def test_a_checksum_goes_on_from_another():
    assert crc64(b"456789", crc64(b"123")) == crc64(b"123456789")


@pytest.mark.parametrize("length", [*range(20), 1000, 4099])
def test_words_of_eight_bytes_come_to_what_single_bytes_do(length):
    data = bytes(number * 37 & 255 for number in range(length))
    expected = 5
    for byte in data:
        expected = crc64(bytes([byte]), expected)

    assert crc64(data, 5) == expected


@pytest.mark.parametrize("length", [1 << 17, (1 << 17) + 13, 3 << 17])
def test_blocks_come_to_what_short_pieces_do(length):
    data = random.Random(length).randbytes(length)
    expected = 5
    for at in range(0, length, 1000):
        expected = crc64(data[at : at + 1000], expected)

    assert crc64(data, 5) == expected


@pytest.mark.parametrize("longer", [0, 77, 8 << 20, (8 << 20) + 5000])
def test_long_data_comes_to_what_blocks_do(longer):
    length = 4 * 115 * 1024 + longer
    data = random.Random(length).randbytes(length)
    expected = 5
    for at in range(0, length, 400_000):
        expected = crc64(data[at : at + 400_000], expected)

    assert crc64(data, 5) == expected
