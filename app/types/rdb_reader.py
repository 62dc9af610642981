"""Reading the parts of a serialized value: bytes, numbers, lengths, strings.

Whatever comes from a client may be damaged or made up, so every step is checked, and
every failure is a ValueError; nothing is trusted to be as long as it says.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from joblog.app.types.rdb_strings import (
    decode_length,
    decode_rdb_string,
    decode_string_in_steps,
)
from joblog.app.types.steps import A_STEP

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_DOUBLE: Final = struct.Struct("<d")


class Reader:
    """Bytes, and how far they have been read.

    Attributes:
        data: all bytes.
        at: where the next part begins.
    """

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        """Begin to read at a place."""
        self.data = data
        self.at = at

    def is_at_end(self) -> bool:
        """Say whether nothing is left."""
        return self.at >= len(self.data)

    def take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ValueError: there are not as many; as from all methods below.
        """
        end = self.at + size
        if end > len(self.data):
            raise ValueError(f"{size} bytes expected at {self.at} of {len(self.data)}")
        part = self.data[self.at : end]
        self.at = end
        return part

    def number(self, size: int, *, is_signed: bool = False) -> int:
        """Return the integer in the next bytes, the lowest first."""
        return int.from_bytes(self.take(size), "little", signed=is_signed)

    def double(self) -> float:
        """Return the binary double in the next eight bytes."""
        value: float = _DOUBLE.unpack(self.take(8))[0]
        return value

    def length(self) -> int:
        """Return a length as RDB files hold it: a count, or an unsigned integer."""
        value, self.at = decode_length(self.data, self.at)
        return value

    def string(self) -> bytes:
        """Return a string as RDB files hold it."""
        value, self.at = decode_rdb_string(self.data, self.at)
        return value

    def string_in_steps(self) -> Generator[None, None, bytes]:
        """Return a string that may be long and compressed."""
        value, self.at = yield from decode_string_in_steps(self.data, self.at)
        return value

    def strings(self, each: int = 1) -> Iterator[list[bytes]]:
        """Yield as many strings as a count in front says, times `each`, in portions."""
        left = self.length() * each
        while left:
            size = min(left, A_STEP * each)
            yield [self.string() for _ in range(size)]
            left -= size
