"""The checksum is zlib's, wherever it comes from."""

import zlib

from hypothesis import given
from hypothesis import strategies as st

from joblog.storage.checksums import crc32


@given(st.binary(max_size=20_000), st.integers(0, 2**32 - 1))
def test_checksum_is_zlibs(data, start):
    assert crc32(data, start) == zlib.crc32(data, start)
    assert crc32(memoryview(data)) == zlib.crc32(data)


def test_checksum_goes_on_over_every_cut():
    data = bytes(range(256)) * 3

    for cut in range(len(data)):
        assert crc32(data[cut:], crc32(data[:cut], 7)) == zlib.crc32(data, 7)
