"""Frames: how one record lies in a segment.

    0        4        8               8 + length
    +--------+--------+---------------+
    | length | crc32  | payload       |
    +--------+--------+---------------+

Both numbers are unsigned 32-bit, little-endian. The checksum covers the length and
the payload. It does not start from zero but from the *salt*, the checksum of the
segment's header: so neither a stale block of another segment nor a frame that a
client stored as a value can pass for a frame of this one.

A length is 1 to `PAYLOAD_BYTES_MAX`: a run of zeroes is no frame, and what starts
with 0xffffffff (a segment's footer) is none either.

A frame that is cut short or fails its checksum is a *torn tail* where it ends the
last segment, else corruption. `find_synced_frame` finds the proof of the latter: a
later frame that says the damaged one was durable already.
"""

from __future__ import annotations

from struct import Struct

from joblog.storage.checksums import crc32
from joblog.storage.errors import RecordTooLargeError

FRAME_HEAD_BYTES = 8
PAYLOAD_BYTES_MAX = 2**31 - 1

_HEADS_KEPT_MAX = 65_536
_ARRAY_OF_SIX = b"\x96"
_FIXINT_MAX = 0x7F
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}

_unpack_head = Struct("<II").unpack_from


class FrameHeads(dict[int, tuple[bytes, int]]):
    """For each payload length: its four bytes, and the checksum so far.

    Lengths repeat, so both are computed once; unusually long ones are not kept.
    """

    def __init__(self, salt: int) -> None:
        super().__init__()
        self._salt = salt

    def __missing__(self, length: int) -> tuple[bytes, int]:
        if length > PAYLOAD_BYTES_MAX:
            raise RecordTooLargeError(
                f"a record of {length} bytes does not fit into a frame, which holds "
                f"{PAYLOAD_BYTES_MAX}; nothing of its batch was written"
            )
        encoded = length.to_bytes(4, "little")
        head = encoded, crc32(encoded, self._salt)
        if length < _HEADS_KEPT_MAX:
            self[length] = head
        return head


def encode_frame(payload: bytes, heads: FrameHeads) -> bytes:
    """Return the frame around one payload, which is never empty."""
    assert payload
    length, seed = heads[len(payload)]
    return b"".join((length, crc32(payload, seed).to_bytes(4, "little"), payload))


def split_frames(
    chunk: bytes, heads: FrameHeads, *, verify: bool = True
) -> tuple[list[bytes], int]:
    """Take the whole, sound frames off the front of a chunk.

    Args:
        chunk: bytes that start where a frame starts.
        heads: made with the salt of the segment.
        verify: whether checksums are compared; lengths always are.

    Returns:
        The payloads, and where in the chunk the first byte is that is no part of
        them: the chunk's end, a frame that goes on behind it, damage, or a footer.
    """
    payloads: list[bytes] = []
    add = payloads.append
    offset = 0
    last_start = len(chunk) - FRAME_HEAD_BYTES
    while offset <= last_start:
        length, checksum = _unpack_head(chunk, offset)
        start = offset + FRAME_HEAD_BYTES
        end = start + length
        payload = chunk[start:end]
        if len(payload) != length or not length:
            break
        if verify and crc32(payload, heads[length][1]) != checksum:
            break
        add(payload)
        offset = end
    return payloads, offset


def frame_bytes_at(chunk: bytes) -> int:
    """Return how long the frame at the front of a chunk says that it is.

    Returns:
        Head and payload in bytes; 0 where no frame starts so.
    """
    if len(chunk) < FRAME_HEAD_BYTES:
        return 0
    length: int = _unpack_head(chunk, 0)[0]
    if not 1 <= length <= PAYLOAD_BYTES_MAX:
        return 0
    return FRAME_HEAD_BYTES + length


def find_synced_frame(
    rest: bytes, bad_seq: int, heads: FrameHeads
) -> tuple[int, int] | None:
    """Find proof that a damaged frame had been durable.

    Args:
        rest: the segment's bytes from the damaged frame to the end.
        bad_seq: the number of the record that was in the damaged frame.
        heads: made with the salt of the segment.

    Returns:
        Where in `rest` a later sound frame lies that was written when `bad_seq` was
        known to be durable, and that frame's number; None where there is none, so
        that the damage may be a torn tail.
    """
    offset = find_frame(rest, 1, bad_seq, heads)
    while offset is not None:
        payloads, used = split_frames(rest[offset:], heads)
        seq, synced_seq = leading_uints(payloads[-1])
        if synced_seq >= bad_seq:
            # The mark never goes down, so the last frame of the run tells best.
            return offset, seq
        offset = find_frame(rest, offset + used, bad_seq, heads)
    return None


def find_frame(
    data: bytes,
    start: int,
    low_seq: int,
    heads: FrameHeads,
    high_seq: int | None = None,
) -> int | None:
    """Find the first sound frame of a record numbered above `low_seq`.

    Args:
        data: bytes of a segment.
        start: the first offset to look at.
        low_seq: the record's number is higher.
        heads: made with the salt of the segment.
        high_seq: the record's number is no higher; by default, no higher than it can
            be when `data` starts with the frame of `low_seq`.

    Returns:
        Where the frame starts in `data`, or None.

    Every byte may be the start of one. That a payload starts as an array of six,
    whose first item is a number in reach, is asked first: it is cheap and leaves
    next to nothing for the checksum to refuse.
    """
    if high_seq is None:
        high_seq = low_seq + len(data)
    payload_start = data.find(_ARRAY_OF_SIX, start + FRAME_HEAD_BYTES)
    while payload_start != -1:
        offset = payload_start - FRAME_HEAD_BYTES
        length, checksum = _unpack_head(data, offset)
        if (
            0 < length <= len(data) - payload_start
            and low_seq < _uint_at(data, payload_start + 1)[0] <= high_seq
        ):
            payload = data[payload_start : payload_start + length]
            if crc32(payload, heads[length][1]) == checksum:
                return offset
        payload_start = data.find(_ARRAY_OF_SIX, payload_start + 1)
    return None


def count_in_sequence(payloads: list[bytes], last_seq: int) -> int:
    """Return how many of the first payloads hold the records after `last_seq`."""
    for place, payload in enumerate(payloads):
        if _uint_at(payload, 1)[0] != last_seq + place + 1:
            return place
    return len(payloads)


def leading_uints(payload: bytes, offset: int = 1) -> tuple[int, int]:
    """Return the first two numbers of a record's payload, without decoding the rest.

    Args:
        payload: bytes that hold a payload.
        offset: where its first item lies; 1 where the payload is all there is.

    Returns:
        seq and synced_seq; -1 for what is no unsigned integer.
    """
    seq, end = _uint_at(payload, offset)
    return seq, _uint_at(payload, end)[0]


def _uint_at(data: bytes, offset: int) -> tuple[int, int]:
    """Return the msgpack unsigned integer at an offset (or -1), and its end."""
    first = data[offset] if offset < len(data) else 0xFF
    if first <= _FIXINT_MAX:
        return first, offset + 1
    width = _UINT_BYTES.get(first)
    if width is None:
        return -1, offset
    end = offset + 1 + width
    return int.from_bytes(data[offset + 1 : end], "big"), end
