"""Reply values that plain Python lacks.

A handler returns `int`, `bytes`, `None`, `bool`, `float`, `list`, `tuple`, `dict`, or
one of these. `joblog.app.protocol.encoder` turns them into RESP2 or RESP3.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

RESP2: Final = 2
RESP3: Final = 3
"""The protocols: a client speaks the one or the other (HELLO)."""


class SimpleString(bytes):
    """A status line, such as `+OK`."""

    __slots__ = ()


class BulkList(list[bytes]):
    """An array whose every item is `bytes`; it is encoded by one call."""

    __slots__ = ()


LONG: Final = 8000
"""How many elements make an array long: what encodes it takes so many at a time."""


class LateBulks(list[Any]):
    """A long array of bulk strings that are made while it is encoded, once.

    It holds how many there are, and an iterator over them.
    """

    __slots__ = ()


class SetReply(list[Any]):
    """A set in RESP3, an array in RESP2."""

    __slots__ = ()


class Pairs(list[tuple[Any, Any]]):
    """An array of pairs in RESP3, a flat array of twice the length in RESP2."""

    __slots__ = ()


class Keyed(list[tuple[bytes, Any]]):
    """Replies by key: a map in RESP3, an array of pairs in RESP2 (XREAD)."""

    __slots__ = ()


class Entries(list[tuple[bytes, tuple[bytes, ...]]]):
    """Entries of a stream: for each an array of its ID and an array of its fields."""

    __slots__ = ()


class Push(list[Any]):
    """An out-of-band push in RESP3, an array in RESP2."""

    __slots__ = ()


class Replies(list[Any]):
    """Several replies to one command, one after the other (SUBSCRIBE a b)."""

    __slots__ = ()


class Verbatim(NamedTuple):
    """Text with a three-letter format: a verbatim string in RESP3, a bulk in RESP2."""

    format: bytes
    text: bytes


class BigNumber(NamedTuple):
    """An integer of any size: `(` in RESP3, a bulk string in RESP2."""

    value: int


class DoubleText(bytes):
    """A double that is printed already: `,` in RESP3, a bulk string in RESP2."""

    __slots__ = ()


class Encoded(bytes):
    """Bytes that are RESP already, in the protocol of the client who asked."""

    __slots__ = ()


class _Constant:
    """A reply with no content of its own."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


class NullArrayType(_Constant):
    """The type of NULL_ARRAY."""

    __slots__ = ()


class NoReplyType(_Constant):
    """The type of NO_REPLY."""

    __slots__ = ()


OK = SimpleString(b"OK")
PONG = SimpleString(b"PONG")
QUEUED = SimpleString(b"QUEUED")
RESET = SimpleString(b"RESET")
NULL_ARRAY = NullArrayType("NULL_ARRAY")
NO_REPLY = NoReplyType("NO_REPLY")
POSTPONED = _Constant("POSTPONED")
"""No reply yet: the command is to be run again later. It never reaches an encoder."""
BLOCKED = _Constant("BLOCKED")
"""No reply yet: the client waits for a key. It never reaches an encoder either."""


def is_long(reply: list[Any]) -> bool:
    """Say whether an array is so long that it is encoded a part at a time."""
    return len(reply) > LONG or type(reply) is LateBulks
