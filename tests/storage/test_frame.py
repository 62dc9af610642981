import zlib

import pytest

from joblog.storage import frame
from joblog.storage.errors import RecordTooLargeError
from joblog.storage.frame import (
    FRAME_HEAD_BYTES,
    FrameHeads,
    encode_frame,
    find_frame,
    find_synced_frame,
    frame_bytes_at,
    leading_uints,
    split_frames,
)
from joblog.storage.record import Origin, Record
from tests.storage.logs import encode_record

SALT = 0xC0FFEE


@pytest.fixture
def heads():
    return FrameHeads(SALT)


def payload_of(seq, synced_seq=0, value=b"v"):
    return encode_record(Record(seq, synced_seq, 0, 0, [[b"SET", value]], Origin(1)))


def test_a_frame_is_length_checksum_and_payload(heads):
    data = encode_frame(b"payload", heads)

    length = (7).to_bytes(4, "little")
    checksum = zlib.crc32(length + b"payload", SALT).to_bytes(4, "little")
    assert data == length + checksum + b"payload"


def test_frames_come_off_the_front_until_one_is_not_whole(heads):
    frames = [encode_frame(payload, heads) for payload in (b"a", b"bb", b"ccc")]
    data = b"".join(frames)

    for size in range(len(data) + 1):
        payloads, used = split_frames(data[:size], heads)
        assert payloads == [b"a", b"bb", b"ccc"][: len(payloads)]
        assert used == len(b"".join(frames[: len(payloads)]))
        assert used <= size
    assert split_frames(data, heads) == ([b"a", b"bb", b"ccc"], len(data))


def test_a_flipped_bit_anywhere_in_a_frame_is_noticed(heads):
    data = encode_frame(b"payload", heads)

    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert split_frames(bytes(damaged), heads) == ([], 0)


def test_checksums_are_not_compared_where_nobody_asks(heads):
    data = encode_frame(b"payload", heads)[:-1] + b"?"

    assert split_frames(data, heads, verify=False) == ([b"payloa?"], len(data))


def test_a_frame_of_another_segment_is_none(heads):
    assert split_frames(encode_frame(b"x", FrameHeads(1)), heads) == ([], 0)


@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
def test_a_run_of_one_byte_is_no_frame(heads, byte):
    assert split_frames(byte * 100, heads) == ([], 0)
    assert frame_bytes_at(byte * 100) == 0


def test_a_frame_says_how_long_it_is(heads):
    data = encode_frame(b"x" * 1000, heads)

    assert frame_bytes_at(data[:FRAME_HEAD_BYTES]) == len(data)
    assert frame_bytes_at(data[: FRAME_HEAD_BYTES - 1]) == 0


def test_a_payload_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(frame, "PAYLOAD_BYTES_MAX", 5)

    with pytest.raises(RecordTooLargeError, match="a record of 6 bytes"):
        encode_frame(b"123456", FrameHeads(SALT))


def test_heads_of_huge_payloads_are_not_kept(heads):
    assert heads[10] == heads[10]
    assert heads[1_000_000] == heads[1_000_000]
    assert list(heads) == [10]


@pytest.mark.parametrize("junk", [0, 1, 5, 96, 200])
def test_a_frame_is_found_behind_any_junk(heads, junk):
    data = b"\x96\x05" * junk + encode_frame(payload_of(5), heads)

    assert find_frame(data, 0, 4, heads) == 2 * junk


@pytest.mark.parametrize("seq", [1, 127, 128, 300, 70_000, 2**33])
def test_a_frame_is_found_whatever_the_width_of_its_number(heads, seq):
    data = b"junk" + encode_frame(payload_of(seq, seq - 1), heads)

    assert find_frame(data, 0, seq - 1, heads) == 4
    assert leading_uints(payload_of(seq, seq - 1)) == (seq, seq - 1)


def test_only_frames_of_records_in_reach_are_found(heads):
    data = b"junk" + encode_frame(payload_of(5), heads)

    assert find_frame(data, 0, 5, heads) is None
    assert find_frame(data, 5, 4, heads) is None
    assert find_frame(encode_frame(payload_of(5000), heads), 0, 1, heads) is None


def test_what_is_no_number_is_minus_one():
    assert leading_uints(b"\x96\xa1a") == (-1, -1)
    assert leading_uints(b"") == (-1, -1)


def test_proof_of_rot_is_a_later_frame_that_knew_the_bad_one_synced(heads):
    bad = b"?" * 30
    later = [
        encode_frame(payload_of(6, 4), heads),
        encode_frame(payload_of(7, 5), heads),
    ]

    assert find_synced_frame(bad + later[0], 5, heads) is None
    assert find_synced_frame(bad + later[1], 5, heads) == (30, 7)
    assert find_synced_frame(bad + b"".join(later), 5, heads) == (30, 7)
    assert find_synced_frame(bad + later[0] + bad + later[1], 5, heads) is not None
