"""Replies to bytes, in RESP2 and RESP3.

`encode(reply, resp)` dispatches on the exact type of the reply through one table for
each protocol. What nearly all replies are (OK, a bulk string, an integer) goes before
the table: the look-up and the call through it cost more than the encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import (
    LONG,
    NULL_ARRAY,
    OK,
    RESP2,
    BigNumber,
    BulkList,
    DoubleText,
    Encoded,
    Entries,
    Keyed,
    LateBulks,
    NoReplyType,
    NullArrayType,
    Pairs,
    Push,
    Replies,
    SetReply,
    SimpleString,
    Verbatim,
)
from joblog.app.types.numbers import format_double

Encoder = Callable[[Any], bytes]

OK_BYTES: Final = b"+OK\r\n"
_SMALL: Final = 1024
_MANY: Final = 1000
_LOOKS: Final = 32
_LARGE: Final = 64 * 1024
_PART_FIRST: Final = 256
_PART_BYTES: Final = 128 * 1024
NO_MEMORY_BYTES: Final = b"-" + errors.NO_MEMORY + b"\r\n"
INTEGERS: Final = [b":%d\r\n" % number for number in range(_SMALL)]
_LENGTHS: Final = [b"$%d" % length for length in range(_SMALL)]
"""Small integers as replies, and lengths of bulk strings without their line's end."""


def encode(reply: Any, resp: int) -> bytes:
    """Encode one reply.

    Args:
        reply: a value that a handler may return (see `joblog.app.reply`).
        resp: the client's protocol, 2 or 3.

    Returns:
        The bytes to send; empty for NO_REPLY. An error where there is no memory for
        them: the command has run, and that is told by other means than its reply.
    """
    kind = type(reply)
    try:
        if kind is bytes:
            return encode_bulk(reply)
        if kind is int:
            return encode_integer(reply)
        if reply is OK:
            return OK_BYTES
        return _BY_TYPE_2[kind](reply) if resp == RESP2 else _BY_TYPE_3[kind](reply)
    except MemoryError:
        return NO_MEMORY_BYTES


def encode_in_parts(reply: list[Any], resp: int) -> Iterator[bytes]:
    """Yield the bytes of a long array: its head, then parts of some 100 KiB.

    Args:
        reply: any list that a handler may return.
        resp: the client's protocol, 2 or 3.
    """
    kind = type(reply)
    if kind is Replies:
        yield encode(reply, resp)
        return
    if kind is LateBulks:
        yield from _late_parts(*reply)
        return
    encode_part = _BY_TYPE_2[kind] if resp == RESP2 else _BY_TYPE_3[kind]
    at = 0
    count = _PART_FIRST
    while at < len(reply):
        part = kind(reply[at : at + count])
        head, _, body = encode_part(part).partition(b"\r\n")
        if at == 0:
            # Of pairs some protocols count each half.
            size = int(head[1:]) // len(part) * len(reply)
            yield b"%b%d\r\n" % (head[:1], size)
        yield body
        at += count
        count = _next_count(count, len(body))


def _late_parts(size: int, elements: Iterator[bytes]) -> Iterator[bytes]:
    yield b"*%d\r\n" % size
    count = _PART_FIRST
    while part := list(islice(elements, count)):
        body = _elements(part)
        yield body
        count = _next_count(count, len(body))


def _next_count(count: int, size: int) -> int:
    """Return how many elements make the next part, where so many made so many bytes."""
    if size <= _PART_BYTES // 4:
        return min(count * 4, LONG)
    return max(count // 4, 1) if size > _PART_BYTES else count


def join(replies: list[bytes]) -> bytes:
    """Join encoded replies; those that there is no memory for are errors instead."""
    try:
        return b"".join(replies)
    except MemoryError:
        return b"".join([r if len(r) < _LARGE else NO_MEMORY_BYTES for r in replies])


def encode_integer(value: int) -> bytes:
    """Encode an integer, the same in both protocols."""
    return INTEGERS[value] if 0 <= value < _SMALL else b":%d\r\n" % value


def encode_bulk(value: bytes) -> bytes:
    """Encode a bulk string, the same in both protocols."""
    size = len(value)
    head = _LENGTHS[size] if size < _SMALL else b"$%d" % size
    return b"%b\r\n%b\r\n" % (head, value)


def _simple(value: SimpleString) -> bytes:
    return b"+" + value + b"\r\n"


def _error(error: CommandError) -> bytes:
    return b"-" + error.text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\r\n"


def _bulk_list(values: BulkList) -> bytes:
    return encode_bulks(values)


def _late_bulks(reply: LateBulks) -> bytes:
    return b"".join(_late_parts(*reply))


def encode_bulks(values: Sequence[bytes]) -> bytes:
    """Encode an array of bulk strings, the same in both protocols.

    Measured for 100 elements of 3 bytes: 3.3 us, where hiredis's packer takes 8.
    """
    count = len(values)
    if count <= LONG:
        return b"*%d\r\n%b" % (count, _elements(values))
    # A part at a time: its elements stay in the processor's cache meanwhile.
    parts = [b"*%d\r\n" % count]
    parts += [_elements(values[at : at + LONG]) for at in range(0, count, LONG)]
    return b"".join(parts)


def _elements(values: Sequence[bytes]) -> bytes:
    """Encode bulk strings, one behind the other."""
    count = len(values)
    if count >= _MANY and _has_runs(values, count):
        return _encode_runs(values)
    pieces = [b""] * (2 * count + 1)
    pieces[1::2] = values
    pieces[:-1:2] = [
        _LENGTHS[len(value)] if len(value) < _SMALL else b"$%d" % len(value)
        for value in values
    ]
    return b"\r\n".join(pieces)


def _has_runs(values: Sequence[bytes], count: int) -> bool:
    """Say whether most values are as long as the next, by a few of them."""
    step = count // _LOOKS
    places = [look * step for look in range(_LOOKS)]
    alike = [len(values[at]) == len(values[at + 1]) for at in places]
    return sum(alike) > _LOOKS * 3 // 4


def _encode_runs(values: Sequence[bytes]) -> bytes:
    """Encode values that come in runs of one length: a join for each run."""
    pieces = []
    for length, run in groupby(values, len):
        head = b"$%d\r\n" % length
        pieces.append(head + (b"\r\n" + head).join(run))
    pieces.append(b"")
    return b"\r\n".join(pieces)


def _entries(values: Entries) -> bytes:
    return b"*%d\r\n" % len(values) + b"".join(
        [
            b"*2\r\n$%d\r\n%b\r\n%b" % (len(entry_id), entry_id, encode_bulks(fields))
            for entry_id, fields in values
        ]
    )


def _no_reply(_: NoReplyType) -> bytes:
    return b""


def _encoded(value: Encoded) -> bytes:
    return bytes(value)


def _null_2(_: None) -> bytes:
    return b"$-1\r\n"


def _null_3(_: Any) -> bytes:
    return b"_\r\n"


def _null_array_2(_: NullArrayType) -> bytes:
    return b"*-1\r\n"


def _bool_2(value: Any) -> bytes:
    return b":1\r\n" if value else b":0\r\n"


def _bool_3(value: Any) -> bytes:
    return b"#t\r\n" if value else b"#f\r\n"


def _double_2(value: float) -> bytes:
    return encode_bulk(format_double(value))


def _double_3(value: float) -> bytes:
    return b"," + format_double(value) + b"\r\n"


def _double_text_3(value: DoubleText) -> bytes:
    return b"," + value + b"\r\n"


def _array_2(values: Sequence[Any]) -> bytes:
    return b"*%d\r\n" % len(values) + b"".join([_BY_TYPE_2[type(v)](v) for v in values])


def _array_3(values: Sequence[Any]) -> bytes:
    return b"*%d\r\n" % len(values) + b"".join([_BY_TYPE_3[type(v)](v) for v in values])


def _set_3(values: SetReply) -> bytes:
    return b"~" + _array_3(values)[1:]


def _push_3(values: Push) -> bytes:
    return b">" + _array_3(values)[1:]


def _map_2(values: Mapping[Any, Any]) -> bytes:
    return _array_2([item for pair in values.items() for item in pair])


def _map_3(values: Mapping[Any, Any]) -> bytes:
    items = [_BY_TYPE_3[type(item)](item) for pair in values.items() for item in pair]
    return b"%%%d\r\n" % len(values) + b"".join(items)


def _pairs_2(values: Pairs) -> bytes:
    return _array_2([item for pair in values for item in pair])


def _keyed_3(values: Keyed) -> bytes:
    items = [_BY_TYPE_3[type(item)](item) for pair in values for item in pair]
    return b"%%%d\r\n" % len(values) + b"".join(items)


def _replies_2(values: Replies) -> bytes:
    return b"".join([_BY_TYPE_2[type(v)](v) for v in values])


def _replies_3(values: Replies) -> bytes:
    return b"".join([_BY_TYPE_3[type(v)](v) for v in values])


def _verbatim_2(value: Verbatim) -> bytes:
    return encode_bulk(value.text)


def _verbatim_3(value: Verbatim) -> bytes:
    return b"=%d\r\n%b:%b\r\n" % (len(value.text) + 4, value.format, value.text)


def _big_number_2(value: BigNumber) -> bytes:
    return encode_bulk(b"%d" % value.value)


def _big_number_3(value: BigNumber) -> bytes:
    return b"(%d\r\n" % value.value


_BOTH: dict[type, Encoder] = {
    int: encode_integer,
    bytes: encode_bulk,
    SimpleString: _simple,
    CommandError: _error,
    BulkList: _bulk_list,
    LateBulks: _late_bulks,
    Entries: _entries,
    Encoded: _encoded,
    NoReplyType: _no_reply,
}
_BY_TYPE_2: dict[type, Encoder] = {
    **_BOTH,
    type(None): _null_2,
    NullArrayType: _null_array_2,
    bool: _bool_2,
    float: _double_2,
    DoubleText: encode_bulk,
    list: _array_2,
    tuple: _array_2,
    SetReply: _array_2,
    Push: _array_2,
    dict: _map_2,
    Pairs: _pairs_2,
    Keyed: _array_2,
    Replies: _replies_2,
    Verbatim: _verbatim_2,
    BigNumber: _big_number_2,
}
_BY_TYPE_3: dict[type, Encoder] = {
    **_BOTH,
    type(None): _null_3,
    type(NULL_ARRAY): _null_3,
    bool: _bool_3,
    float: _double_3,
    DoubleText: _double_text_3,
    list: _array_3,
    tuple: _array_3,
    SetReply: _set_3,
    Push: _push_3,
    dict: _map_3,
    Pairs: _array_3,
    Keyed: _keyed_3,
    Replies: _replies_3,
    Verbatim: _verbatim_3,
    BigNumber: _big_number_3,
}
"""One encoder for each type of reply."""
