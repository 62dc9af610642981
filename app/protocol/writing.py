"""Replies one behind the other in one buffer: those of a row of commands.

An object for each reply would be made, joined with the others and freed. A
`BytesWriter` is a buffer that compiled code writes to without a call of Python's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.protocol.encoder import INTEGERS, NO_MEMORY_BYTES, OK_BYTES, encode
from joblog.app.reply import OK

if TYPE_CHECKING:
    from librt.strings import BytesWriter

_OK: Final = OK  # what is Final is found without a look at a table
_CRLF: Final = b"\r\n"
_COPIED_MOST: Final = 4096
_SMALL: Final = 1024
_HEADS: Final = [b"$%d\r\n" % length for length in range(_SMALL)]
"""What stands before short bulk strings."""

_THOUSAND: Final = 1000
_THOUSANDS: Final = [b":%d" % number for number in range(_THOUSAND)]
_THREE_DIGITS: Final = [b"%03d\r\n" % number for number in range(_THOUSAND)]
"""The halves of integers below a million."""


def write_reply(into: BytesWriter, reply: Any, resp: int) -> bytes:
    """Write one reply behind others, where it is short enough to be copied.

    Args:
        into: gets the bytes that `encode` returns.
        reply: a value that a handler may return.
        resp: the client's protocol, 2 or 3.

    Returns:
        The bytes where they are many, and not written; else none.
    """
    kind = type(reply)
    at = len(into)
    try:
        if kind is bytes and len(reply) < _SMALL:
            _write_bulk(into, reply)
        elif kind is int:
            _write_integer(into, reply)
        elif reply is _OK:
            into.write(OK_BYTES)
        else:
            data = encode(reply, resp)
            if len(data) > _COPIED_MOST:
                return data
            into.write(data)
    except MemoryError:
        into.truncate(at)
        return NO_MEMORY_BYTES
    return b""


def _write_bulk(into: BytesWriter, value: bytes) -> None:
    into.write(_HEADS[len(value)])
    into.write(value)
    into.write(_CRLF)


def _write_integer(into: BytesWriter, value: int) -> None:
    if 0 <= value < len(INTEGERS):
        into.write(INTEGERS[value])
    elif 0 <= value < _THOUSAND * _THOUSAND:
        into.write(_THOUSANDS[value // _THOUSAND])
        into.write(_THREE_DIGITS[value % _THOUSAND])
    else:
        into.write(b":%d\r\n" % value)
