"""DUMP payloads: a serialized value, the version of its format, and a checksum.

    kind (1) | value | version (2) | CRC-64 of all before (8)

Version and checksum have their low byte first. The version written is the lowest that
knows the value, so that older servers take it too. Valkey counts versions from 80 on,
so all up to its own are read: a kind that is unknown is refused by itself.

Source: Redis 7.2; see tests/parity/test_dump.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.types.crc64 import crc64
from joblog.app.types.rdb_reader import Reader
from joblog.app.types.rdb_streams import encode_stream_in_steps
from joblog.app.types.rdb_values import decode_value, encode_value
from joblog.app.types.steps import finish
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Generator

_VERSION_MAX: Final = 80
_FOOTER_BYTES: Final = 10
_CHECKED_AT_ONCE: Final = 1 << 17


class WrongFooterError(ValueError):
    """The version of a payload is too high, or its checksum is wrong."""


def encode_payload(value: Any) -> bytes:
    """Return the payload that DUMP answers for a value of any type."""
    return finish(encode_payload_in_steps(value))


def encode_payload_in_steps(value: Any) -> Generator[None, None, bytes]:
    """Return what `encode_payload` does; a stream a step at a time."""
    if type(value) is Stream:
        body, version = yield from encode_stream_in_steps(value)
    else:
        body, version = encode_value(value)
    body += version.to_bytes(2, "little")
    crc = 0
    for at in range(0, len(body), _CHECKED_AT_ONCE):
        crc = crc64(body[at : at + _CHECKED_AT_ONCE], crc)
        yield
    return body + crc.to_bytes(8, "little")


def with_checksum(payload: bytes) -> bytes:
    """Return a payload with the checksum that it should have."""
    body = payload[:-8]
    return body + crc64(body).to_bytes(8, "little")


def decode_payload(payload: bytes) -> Any:
    """Return the value in a payload.

    Raises:
        WrongFooterError: version or checksum are wrong.
        ValueError: the value is damaged, in spite of a right checksum.
    """
    body, footer = payload[:-8], payload[-_FOOTER_BYTES:]
    version = int.from_bytes(footer[:2], "little")
    if len(payload) < _FOOTER_BYTES or version > _VERSION_MAX:
        raise WrongFooterError(f"no payload, or one of version {version}")
    if crc64(body) != int.from_bytes(footer[2:], "little"):
        raise WrongFooterError("the checksum is wrong")
    return decode_value(Reader(body[:-2]))
