"""Reading the parts of a serialized value: bytes, numbers, lengths, strings.

Whatever comes from a client may be damaged or made up, so every step is checked, and
every failure is a ValueError; nothing is trusted to be as long as it says.
"""

from __future__ import annotations

import struct
from typing import Final

from joblog.app.types.rdb_strings import decode_length, decode_rdb_string

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
