"""Kinds of settings that only one or two directives have.

Source: Redis 7.0.15; see tests/app/test_config.py.
"""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app.config.kinds import (
    LONG_MAX,
    Integer,
    Memory,
    Setting,
    SettingError,
    Text,
    Words,
    read_memory,
    show_memory,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


_STAYS: Final = "the log stays in its folder while the server runs"


class SavePoint(NamedTuple):
    """Save after some seconds if some number of keys changed."""

    seconds: int
    changes: int


class SavePoints(Setting[tuple[SavePoint, ...]]):
    """Pairs of seconds and changes; `""` clears them, and each line adds to them."""

    starts_over = True
    may_be_bare = True
    expects = "pairs of seconds and changes"

    def parse(
        self, words: Sequence[str], current: tuple[SavePoint, ...]
    ) -> tuple[SavePoint, ...]:
        """Read pairs; the configuration decides whether they add or replace."""
        if len(words) == 1:
            words = words[0].split()
            if not words:
                return ()
        if len(words) % 2 or not all(re.match(r"[0-9]+\Z", word) for word in words):
            raise SettingError("Invalid save parameters")
        numbers = [int(word) for word in words]
        if any(seconds < 1 for seconds in numbers[::2]):
            raise SettingError("Invalid save parameters")
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return current + tuple(SavePoint(*pair) for pair in pairs)

    def show(self, value: tuple[SavePoint, ...]) -> str:
        """Show all pairs in one line."""
        return " ".join(f"{point.seconds} {point.changes}" for point in value)

    def lines(self, value: tuple[SavePoint, ...]) -> list[str]:
        """Show a line for each pair."""
        if not value:
            return [f'{self.name} ""']
        return [f"{self.name} {point.seconds} {point.changes}" for point in value]


class BufferLimit(NamedTuple):
    """How many bytes of unsent replies end a connection; 0 is no limit.

    Attributes:
        hard: the bytes above which it is closed at once.
        soft: the bytes above which it is closed after `soft_seconds` on end.
    """

    hard: int
    soft: int
    soft_seconds: int


_INTEGER = re.compile("[+-]?[0-9]+")

BufferLimits = dict[str, BufferLimit]


class OutputBufferLimits(Setting[BufferLimits]):
    """A `BufferLimit` for each class of client: normal, slave, pubsub."""

    adds_up = True
    may_be_bare = True
    expects = "class, hard and soft limit, seconds; repeated"

    def parse(self, words: Sequence[str], current: BufferLimits) -> BufferLimits:
        """Change the classes that are named and leave the rest."""
        # Redis splits what CONFIG SET gives at each space, and takes nothing for none.
        is_nothing = list(words) == [""]
        if is_nothing:
            words = []
        elif len(words) == 1:
            words = words[0].split(" ")
        if len(words) % 4 or not (words or is_nothing):
            raise SettingError(
                "Wrong number of arguments in buffer limit configuration."
            )
        limits = dict(current)
        for at in range(0, len(words), 4):
            kind = words[at].lower()
            kind = "slave" if kind == "replica" else kind
            if kind not in limits:
                raise SettingError(
                    "Invalid client class specified in buffer limit configuration."
                )
            # Nothing between two spaces is zero.
            limits[kind] = _read_limit([word or "0" for word in words[at + 1 : at + 4]])
        return limits

    def show(self, value: BufferLimits) -> str:
        """Show all classes in one line."""
        return " ".join(
            f"{kind} {limit.hard} {limit.soft} {limit.soft_seconds}"
            for kind, limit in value.items()
        )

    def lines(self, value: BufferLimits) -> list[str]:
        """Show the classes whose limit is not the default."""
        return [
            f"{self.name} {'replica' if kind == 'slave' else kind} "
            f"{show_memory(limit.hard)} {show_memory(limit.soft)} {limit.soft_seconds}"
            for kind, limit in value.items()
            if limit != self.default[kind]
        ]


def _read_limit(words: Sequence[str]) -> BufferLimit:
    try:
        hard, soft = read_memory(words[0]), read_memory(words[1])
        seconds = int(words[2]) if _INTEGER.fullmatch(words[2]) else -1
        limit = BufferLimit(hard, soft, seconds)
    except SettingError:
        limit = BufferLimit(-1, 0, 0)
    if min(limit) < 0 or limit.soft_seconds > LONG_MAX:
        raise SettingError(
            "Error in hard, soft or soft_seconds setting in buffer limit configuration."
        )
    return limit


_ADDRESSES_MAX = 16
EVENT_CLASSES = "g$lshzxetd"
"""The classes of keyspace events that `A` stands for."""

_EVENT_LETTERS = frozenset(EVENT_CLASSES + "KEmn")


class EventClasses(Setting[frozenset[str]]):
    """Classes of keyspace events, as a set of letters in which `A` is spelled out."""

    expects = "letters of Ag$lshzxeKEtmdn"

    def read(self, word: str) -> frozenset[str]:
        """Read letters in any order."""
        letters = frozenset(word.replace("A", EVENT_CLASSES))
        if not letters <= _EVENT_LETTERS:
            raise SettingError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
        return letters

    def show(self, value: frozenset[str]) -> str:
        """Show the letters in Redis's order, `A` for all classes."""
        if value.issuperset(EVENT_CLASSES):
            classes = "A"
        else:
            classes = "".join(x for x in EVENT_CLASSES + "n" if x in value)
        return classes + "".join(letter for letter in "KEm" if letter in value)

    def lines(self, value: frozenset[str]) -> list[str]:
        """Quote the letters."""
        return [f'{self.name} "{self.show(value)}"']


class Percentiles(Setting[tuple[float, ...]]):
    """Percentiles between 0 and 100."""

    expects = "numbers from 0 to 100"

    def parse(
        self, words: Sequence[str], current: tuple[float, ...]
    ) -> tuple[float, ...]:
        """Read any number of them; one empty word is none."""
        del current
        if len(words) == 1:
            words = words[0].split()
        try:
            values = tuple(float(word) for word in words)
        except ValueError:
            raise SettingError(f"Invalid {self.name} parameters") from None
        if any(math.isnan(x) or not 0 <= x <= 100 for x in values):  # noqa: PLR2004
            raise SettingError(f"{self.name} parameters should sit between [0.0,100.0]")
        return values

    def show(self, value: tuple[float, ...]) -> str:
        """Show them with the digits that they need."""
        return " ".join(f"{x:f}".rstrip("0").rstrip(".") for x in value)

    def lines(self, value: tuple[float, ...]) -> list[str]:
        """Show them; none is an empty word."""
        return [f"{self.name} {self.show(value)}" if value else f'{self.name} ""']


class Frequency(Integer):
    """A rate between 1 and 500 a second; what is beyond is brought inside."""

    def read(self, word: str) -> int:
        """Read a number and bring it between the bounds."""
        return min(max(super().read(word), 1), 500)


class Folder(Text):
    """The path of a folder, shown as an absolute one."""

    expects = "a path"

    def read(self, word: str) -> str:
        """Read anything but nothing."""
        if not word:
            raise SettingError("No such file or directory")
        return word

    def show(self, value: str) -> str:
        """Show where the folder is."""
        return os.path.abspath(value)  # noqa: PTH100 - `absolute` keeps `..`

    def is_same(self, value: str, present: str) -> bool:
        """Say whether a path leads to the folder, seen from there: Redis is in it."""
        try:
            return (Path(present) / value).samefile(present)
        except (OSError, ValueError):  # the latter for a NUL in it
            return False

    def why_settled(self, value: str) -> str:
        """Say what is wrong with the path, if anything, as Redis would on its way."""
        try:
            os.stat(value + "/.")  # noqa: PTH116 - a path drops the dot
        except OSError as error:
            return error.strerror or _STAYS
        except ValueError:  # a NUL in it
            pass
        return _STAYS


class FileName(Text):
    """The name of a file, without a path."""

    expects = "a file's name"

    def read(self, word: str) -> str:
        """Read anything without a slash."""
        if not word:
            raise SettingError(f"{self.name} can't be empty")
        if "/" in word:
            raise SettingError(f"{self.name} can't be a path, just a filename")
        return word


class Addresses(Words):
    """Addresses to listen on; none listens on none."""

    expects = "addresses, 16 at most"

    def check(self, value: tuple[str, ...]) -> None:
        """Refuse more than Redis takes."""
        if len(value) > _ADDRESSES_MAX:
            raise SettingError("Too many bind addresses specified.")


class OomScores(Words):
    """Three numbers; this server never changes its own score."""

    expects = "three numbers from -2000 to 2000"

    def parse(self, words: Sequence[str], current: tuple[str, ...]) -> tuple[str, ...]:
        """Read exactly three."""
        value = super().parse(words, current)
        if len(value) != 3:  # noqa: PLR2004 - master, replica and child
            raise SettingError("wrong number of arguments")
        for word in value:
            if not re.match(r"-?[0-9]+\Z", word) or not -2000 <= int(word) <= 2000:  # noqa: PLR2004
                raise SettingError(
                    "Invalid oom-score-adj-values, "
                    "elements must be between -2000 and 2000."
                )
        return value


class MemoryOrPercent(Memory):
    """Bytes, or a share of maxmemory as a percentage, which is kept as negative."""

    expects = "bytes, or a percentage"

    def read(self, word: str) -> int:
        """Read either."""
        if re.match(r"[0-9]+%\Z", word):
            percent = int(word[:-1])
            if percent > 100:  # noqa: PLR2004 - a percentage
                raise SettingError("percentage argument must be less or equal to 100")
            return -percent
        try:
            return super().read(word)
        except SettingError:
            raise SettingError("argument must be a memory or percent value") from None

    def show(self, value: int) -> str:
        """Show a percentage with its sign."""
        return f"{-value}%" if value < 0 else str(value)

    def lines(self, value: int) -> list[str]:
        """Show a percentage with its sign, or bytes."""
        return [f"{self.name} {self.show(value)}"]


class RawLines(Setting[tuple[tuple[str, ...], ...]]):
    """A directive that may be repeated, each line a tuple of words.

    It is not a CONFIG parameter: only files and the command line know it.
    """

    expects = "words; repeated"

    def __init__(
        self, summary: str, least: int, most: int, name: str, **more: object
    ) -> None:
        super().__init__((), summary, live=False, name=name, **more)  # type: ignore[arg-type]  # Setting's
        self._least, self._most = least, most

    def parse(
        self, words: Sequence[str], current: tuple[tuple[str, ...], ...]
    ) -> tuple[tuple[str, ...], ...]:
        """Add one line."""
        if not self._least <= len(words) <= self._most:
            raise SettingError("Bad directive or wrong number of arguments")
        value = (*current, tuple(words))
        self.check(value)
        return value
