r"""The stream of a master: commands, and the offset behind each.

    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n

Every byte counts, those of pings and of bare line feeds too. Commands between MULTI and
EXEC are one unit. A master sends arrays of bulk strings and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.words import Argv

_WORDS_MAX: Final = 1024 * 1024
_HEAD_BYTES_MAX: Final = 32
_STAR, _DOLLAR, _LINE_FEED = b"*$\n"


class StreamError(Exception):
    """The bytes are no stream of commands; the text says why and where."""


class Stream:
    """Cuts a stream into units.

    Attributes:
        offset: how many bytes of the history were cut off.
        asks: whether the master has asked for an answer at once (GETACK).
        error: what is wrong behind the units that were last cut off, or None.
    """

    def __init__(self, offset: int, bulk_bytes_max: int) -> None:
        """Begin behind an offset; no word may be longer than the number given."""
        self._bulk_bytes_max = bulk_bytes_max
        self._buffer = bytearray()
        self._at = 0
        self._words: list[bytes] = []
        self._words_left = 0
        self._length = -1
        self._begun: list[Argv] | None = None
        self.offset = offset
        self.asks = False
        self.error: StreamError | None = None

    def feed(self, data: bytes) -> list[tuple[list[Argv], int]]:
        """Take bytes.

        Returns:
            (the commands of a unit, the offset behind it), in order; no commands where
            it says nothing about the data.

        Raises:
            StreamError: they are no commands.
        """
        self._buffer += data
        units: list[tuple[list[Argv], int]] = []
        try:
            self._cut(units)
        except StreamError as error:
            if not units:
                raise
            self.error = error
        del self._buffer[: self._at]
        self._at = 0
        return units

    def _cut(self, units: list[tuple[list[Argv], int]]) -> None:
        start = self._at
        while (argv := self._next()) is not None:
            self.offset += self._at - start
            start = self._at
            unit = self._take(argv)
            if unit is not None:
                units.append((unit, self.offset))
        self.offset += self._at - start

    def _take(self, argv: Argv) -> list[Argv] | None:
        """Return the commands of the unit that ends with a command, if one does."""
        name = argv[0].upper() if argv else b"PING"
        begun = self._begun
        if name == b"MULTI":
            if begun is not None:
                raise StreamError(f"a MULTI within a MULTI before {self.offset}")
            self._begun = []
            return None
        if name == b"EXEC":
            if begun is None:
                raise StreamError(f"an EXEC without a MULTI before {self.offset}")
            self._begun = None
            return begun
        if name == b"REPLCONF":
            self.asks |= len(argv) > 1 and argv[1].upper() == b"GETACK"
            argv = []
        elif name == b"PING":
            argv = []
        if begun is None:
            return [argv] if argv else []
        if argv:
            begun.append(argv)
        return None

    def _next(self) -> Argv | None:
        """Return the next command; [] for a line feed, None for nothing yet."""
        if not self._words_left:
            if self._buffer[self._at : self._at + 1] == b"\n":
                self._at += 1
                return []
            count = self._number(_STAR)
            if count is None:
                return None
            if not 0 < count <= _WORDS_MAX:
                raise StreamError(f"a command of {count} words at {self.offset}")
            self._words_left = count
            self._words = []
        while self._words_left:
            if self._length < 0:
                length = self._number(_DOLLAR)
                if length is None:
                    return None
                if length > self._bulk_bytes_max:
                    raise StreamError(f"a word of {length} bytes at {self.offset}")
                self._length = length
            end = self._at + self._length
            if len(self._buffer) < end + 2:
                return None
            if self._buffer[end : end + 2] != b"\r\n":
                raise StreamError(f"a word without an end at {self.offset}")
            self._words.append(bytes(self._buffer[self._at : end]))
            self._at = end + 2
            self._length = -1
            self._words_left -= 1
        return self._words

    def _number(self, kind: int) -> int | None:
        """Return the number in a head of a kind; None where it is not whole yet."""
        buffer, at = self._buffer, self._at
        if at >= len(buffer):
            return None
        end = buffer.find(b"\r\n", at, at + _HEAD_BYTES_MAX)
        digits = bytes(buffer[at + 1 : end if end >= 0 else len(buffer)])
        is_sound = buffer[at] == kind and (digits.isdigit() or end < 0)
        if not is_sound or (end < 0 and len(buffer) - at >= _HEAD_BYTES_MAX):
            found = bytes(buffer[at : at + 20])
            raise StreamError(f"no command at {self.offset}: {found!r}")
        if end < 0:
            return None
        self._at = end + 2
        return int(digits)
