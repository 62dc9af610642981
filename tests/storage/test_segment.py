import hashlib
from pathlib import Path

import pytest

from joblog.storage.errors import CorruptLogError
from joblog.storage.frame import split_frames
from joblog.storage.segment import (
    CHUNK_BYTES,
    FOOTER_BYTES,
    HEADER_BYTES,
    NO_DIGEST,
    SegmentFooter,
    SegmentHeader,
    SegmentReader,
    decode_footer,
    decode_header,
    encode_footer,
    encode_header,
)
from tests.storage.logs import FIRST, append, make_log, open_log
from tests.support.fakes import FaultyFileSystem

HEADER = SegmentHeader(7, 1_700_000_000_000, 1, b"i" * 16, b"d" * 32)
FOOTER = SegmentFooter(9, 1_700_000_000_500, b"h" * 32, b"k" * 20)


def test_a_header_comes_back_with_its_checksum_as_salt():
    data = encode_header(HEADER)

    assert len(data) == HEADER_BYTES
    salt = int.from_bytes(data[-4:], "little")
    assert decode_header(data + b"frames", Path("x")) == HEADER._replace(salt=salt)


@pytest.mark.parametrize("size", range(HEADER_BYTES))
def test_a_header_that_is_cut_or_changed_is_refused(size):
    data = encode_header(HEADER)

    with pytest.raises(CorruptLogError):
        decode_header(data[:size], Path("/d/log/x"))
    with pytest.raises(CorruptLogError):
        decode_header(
            data[:size] + bytes([data[size] ^ 1]) + data[size + 1 :], Path("/d/log/x")
        )


@pytest.mark.parametrize("footer", [FOOTER, FOOTER._replace(keyspace_digest=b"")])
def test_a_footer_comes_back(footer):
    data = encode_footer(footer, 5)

    assert len(data) == FOOTER_BYTES
    assert decode_footer(data, 5) == footer
    assert decode_footer(data + b"more", 5) == footer


def test_a_footer_that_is_cut_changed_or_foreign_is_none():
    data = encode_footer(FOOTER, 5)

    assert decode_footer(data, 6) is None
    for offset in range(len(data)):
        assert decode_footer(data[:offset], 5) is None
        changed = data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]
        assert decode_footer(changed, 5) is None


def test_a_keyspace_digest_has_twenty_bytes_or_none():
    with pytest.raises(ValueError, match="20 bytes"):
        encode_footer(FOOTER._replace(keyspace_digest=b"short"), 5)


def test_a_footer_can_never_be_taken_for_a_frame():
    data = encode_footer(FOOTER, 5)

    for salt in range(50):
        assert split_frames(data + bytes(100), _heads(salt)) == ([], 0)


def _heads(salt):
    from joblog.storage.frame import FrameHeads  # noqa: PLC0415 - one user

    return FrameHeads(salt)


def test_a_reader_gives_all_frames_of_a_segment_of_many_chunks():
    filesystem = FaultyFileSystem()
    log = open_log(filesystem, 1 << 30)
    values = [b"x" * (CHUNK_BYTES // 3), b"y" * (3 * CHUNK_BYTES), b"z"] * 3
    append(log, *values)
    log.close()

    reader = SegmentReader(filesystem, FIRST, with_digest=True)
    payloads = []
    while batch := reader.read_payloads():
        payloads += batch

    assert [len(payload) > len(v) for payload, v in zip(payloads, values, strict=True)]
    assert reader.offset == reader.size()
    data = filesystem.read_file(FIRST)
    assert reader.digest.hexdigest() == hashlib.sha256(data).hexdigest()
    assert reader.digest_after(9) == hashlib.sha256(data).hexdigest()
    reader.close()


def test_the_digest_after_a_record_is_that_of_the_bytes_up_to_its_end():
    filesystem = make_log([b"a", b"b", b"c"])
    data = filesystem.read_file(FIRST)
    reader = SegmentReader(filesystem, FIRST)
    frame_bytes = (len(data) - HEADER_BYTES) // 3

    for records in range(4):
        start = data[: HEADER_BYTES + records * frame_bytes]
        assert reader.digest_after(records) == hashlib.sha256(start).hexdigest()
    with pytest.raises(CorruptLogError):
        reader.digest_after(4)
    assert reader.header.previous_digest == NO_DIGEST


def test_a_reader_of_a_file_that_is_no_segment_leaves_nothing_open():
    filesystem = FaultyFileSystem()
    filesystem.write_file("/x", b"no segment")

    with pytest.raises(CorruptLogError):
        SegmentReader(filesystem, Path("/x"))

    assert filesystem.open_files == 0
