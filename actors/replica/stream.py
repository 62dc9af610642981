r"""The stream of a master: commands, and the offset behind each.

    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n

Every byte counts, those of pings and of bare line feeds too. Commands between MULTI and
EXEC are one unit. A master sends arrays of bulk strings and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.actors.replica.mail import Stretch

if TYPE_CHECKING:
    from joblog.app.words import Argv

_WORDS_MAX: Final = 1024 * 1024
_HEAD_BYTES_MAX: Final = 32
_STAR: Final = 0x2A
_DOLLAR: Final = 0x24
_LINE_FEED: Final = 0x0A
_RETURN: Final = 0x0D
_ZERO: Final = 0x30
_NINE: Final = 0x39


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
        self._tail = bytearray()
        self._needed = 0  # the tail is looked at when it has so many bytes
        self._words: list[bytes] = []
        self._words_left = 0
        self._length = -1
        self._begun: list[Argv] | None = None
        self.offset = offset
        self.asks = False
        self.error: StreamError | None = None

    def close(self) -> None:
        """Have done with it; there is nothing to close."""

    def mail(self, number: int, data: bytes) -> Stretch | None:
        """Take bytes of a connection; return what the keyspace is to be mailed."""
        units = self.feed(data)
        return Stretch(number, units) if units else None

    def feed(self, data: bytes) -> list[tuple[list[Argv], int]]:
        """Take bytes.

        Returns:
            (the commands of a unit, the offset behind it), in order; no commands where
            it says nothing about the data.

        Raises:
            StreamError: they are no commands.
        """
        units: list[tuple[list[Argv], int]] = []
        if self._tail:
            self._tail += data
            if len(self._tail) < self._needed:
                return units
            data = bytes(self._tail)
        self._needed = 0
        begun = self.offset
        try:
            self._cut(data, units)
        except StreamError as error:
            if not units:
                raise
            self.error = error
        self._tail = bytearray(data[self.offset - begun :])
        return units

    def _cut(self, data: bytes, units: list[tuple[list[Argv], int]]) -> None:
        at, size = 0, len(data)
        while at < size:
            if data[at] == _LINE_FEED and not self._words_left:
                at += 1
                self.offset += 1
            else:
                end = self._read(data, at)
                self.offset += end - at
                at = end
                if self._words_left or not self._words:
                    return
            argv, self._words = self._words, []
            unit = self._take(argv)
            if unit is not None:
                units.append((unit, self.offset))

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

    def _read(self, data: bytes, at: int) -> int:
        """Read on in a command; return the place behind the words that are whole."""
        if not self._words_left:
            count, end = self._number(data, at, _STAR)
            if end < 0:
                return at
            if not 0 < count <= _WORDS_MAX:
                raise StreamError(f"a command of {count} words at {self.offset}")
            self._words_left, at = count, end
        words = self._words
        while self._words_left:
            length = self._length
            if length < 0:
                length, end = self._number(data, at, _DOLLAR)
                if end < 0:
                    return at
                if length > self._bulk_bytes_max:
                    raise StreamError(f"a word of {length} bytes at {self.offset}")
                at = end
            end = at + length
            if len(data) < end + 2:
                self._length, self._needed = length, length + 2
                return at
            if data[end] != _RETURN or data[end + 1] != _LINE_FEED:
                raise StreamError(f"a word without an end at {self.offset}")
            words.append(data[at:end])
            self._length = -1
            self._words_left -= 1
            at = end + 2
        return at

    def _number(self, data: bytes, at: int, kind: int) -> tuple[int, int]:
        """Return the number in a head of a kind, and the place behind it.

        The place is -1 where the head is not whole yet.
        """
        size = len(data)
        if at == size:
            return 0, -1
        place, number = at + 1, 0
        is_sound = data[at] == kind
        while is_sound and place < size:
            digit = data[place]
            place += 1
            if _ZERO <= digit <= _NINE:
                number = number * 10 + digit - _ZERO
                is_sound = place - at < _HEAD_BYTES_MAX
            elif digit != _RETURN or place - at <= 2:  # noqa: PLR2004 - no digit
                is_sound = False
            elif place == size:
                break
            elif data[place] == _LINE_FEED:
                return number, place + 1
            else:
                is_sound = False
        if not is_sound:
            raise StreamError(f"no command at {self.offset}: {data[at : at + 20]!r}")
        return 0, -1
