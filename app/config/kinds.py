"""What a setting can be: its type, its bounds, how it is read and how it is shown.

A `Setting` is declared as an attribute of a class of settings. It has a `__get__`, so
the type checker knows what `config.port` is; it has no `__set__`, so that a value in
the instance's own dictionary goes before it, and reading a setting costs what reading
any attribute costs.

Error texts are Redis's own. Source: Redis 7.0.15; see tests/app/test_config.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, Literal, Self, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.config.stops import Stop

T = TypeVar("T")

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1
ULONG_MAX = 2**64 - 1
IMMUTABLE = "can't set immutable config"

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_MEMORY = re.compile(r"([0-9]+)([a-z]*)\Z", re.IGNORECASE)
_MEMORY_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1024,
    "m": 1000**2,
    "mb": 1024**2,
    "g": 1000**3,
    "gb": 1024**3,
}


class SettingError(Exception):
    """A value is refused; the text says what was expected."""


class Setting(Generic[T]):
    """One setting: everything that is known of it.

    Attributes:
        name: Redis's name, with dashes.
        attribute: the name of the attribute, with underscores.
        default: the value where nothing was said.
        unit: what a number counts (`ms`, `s`, `bytes`), or empty.
        is_live: CONFIG SET may change it.
        is_settled: not live, but CONFIG SET may give it the value that it has: Redis
            changes it live.
        is_hidden: CONFIG GET shows it to those only who know its name.
        is_protected: CONFIG SET may change it only where enable-protected-configs says.
        has_effect: False for what is accepted and reported, but changes nothing here.
        stop: which values stop the start, or None where all are accepted.
        aliases: older names, which CONFIG GET shows too.
        summary: one line.
        starts_over: the first line of a configuration, and CONFIG SET, replace the
            default; further lines add to it.
        adds_up: each line changes a part of the value.
        may_be_bare: a line of a configuration may name it and say nothing more, which
            changes nothing, as in Redis.
    """

    starts_over = False
    adds_up = False
    may_be_bare = False
    expects = "text"

    def __init__(
        self,
        default: T,
        summary: str,
        *,
        unit: str = "",
        live: bool | Literal["same"] = True,
        hidden: bool = False,
        protected: bool = False,
        effect: bool = True,
        aliases: tuple[str, ...] = (),
        name: str = "",
        stop: Stop | None = None,
    ) -> None:
        self.default = default
        self.summary = summary
        self.unit = unit
        self.is_live = live is True
        self.is_settled = live == "same"
        self.is_hidden = hidden
        self.is_protected = protected
        self.has_effect = effect
        self.aliases = aliases
        self.name = name
        self.attribute = ""
        self.stop = stop

    def __set_name__(self, owner: type, attribute: str) -> None:
        self.attribute = attribute
        self.name = self.name or attribute.replace("_", "-")

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Self | T:
        """Return the setting itself; a configuration always has a value of its own."""
        return self if instance is None else self.default

    def is_same(self, value: T, present: T) -> bool:
        """Say whether a value is the present one, however it is written."""
        return self.show(value) == self.show(present)

    def why_settled(self, value: T) -> str:  # noqa: ARG002 - others look at it
        """Return why CONFIG SET does not give it a value, where it is settled."""
        return IMMUTABLE

    def parse(self, words: Sequence[str], current: T) -> T:
        """Return the value that the words of a line, or of CONFIG SET, mean.

        Args:
            words: all words after the directive; of CONFIG SET, its one value.
            current: the present value, for those that a line only adds to.

        Raises:
            SettingError: the words mean no value of this setting.
        """
        del current
        if len(words) != 1:
            raise SettingError("wrong number of arguments")
        value = self.read(words[0])
        self.check(value)
        return value

    def check(self, value: T) -> None:
        """Refuse a well-formed value that this server cannot honour.

        Raises:
            SettingError: with the reason.
        """
        if self.stop is not None and self.stop.when(value):
            raise SettingError(self.stop.reason)

    def read(self, word: str) -> T:
        """Return the value of one word.

        Raises:
            SettingError: it is no value of this setting.
        """
        raise AssertionError(f"{type(self).__name__} reads {word!r} in parse()")

    def show(self, value: T) -> str:
        """Return a value as CONFIG GET shows it."""
        return str(value)

    def lines(self, value: T) -> list[str]:
        """Return a value as the lines of a configuration file."""
        return [f"{self.name} {self.show(value)}"]


class Integer(Setting[int]):
    """A whole number between two bounds."""

    def __init__(
        self,
        default: int,
        summary: str,
        low: int = 0,
        high: int = INT_MAX,
        **more: object,
    ) -> None:
        super().__init__(default, summary, **more)  # type: ignore[arg-type]  # Setting's
        self.low, self.high = low, high

    @property
    def expects(self) -> str:  # type: ignore[override]  # a constant elsewhere
        """What docs/configuration.md says may be given."""
        high = {INT_MAX: "2^31-1", LONG_MAX: "2^63-1", ULONG_MAX: "2^64-1"}.get(
            self.high, str(self.high)
        )
        return f"{self.low} to {high}"

    def read(self, word: str) -> int:
        """Read a decimal number."""
        if not _INTEGER.match(word) or not -(2**63) <= int(word) < 2**63:
            raise SettingError("argument couldn't be parsed into an integer")
        return self._require_between(int(word))

    def _require_between(self, value: int) -> int:
        if not self.low <= value <= self.high:
            raise SettingError(
                f"argument must be between {self.low} and {self.high} inclusive"
            )
        return value


class Memory(Integer):
    """A number of bytes, with an optional unit: 1k is 1000 bytes, 1kb is 1024."""

    expects = "bytes (k, kb, m, mb, g, gb)"

    def __init__(
        self,
        default: int,
        summary: str,
        low: int = 0,
        high: int = LONG_MAX,
        **more: object,
    ) -> None:
        super().__init__(default, summary, low, high, unit="bytes", **more)

    def read(self, word: str) -> int:
        """Read a number and its unit."""
        return self._require_between(read_memory(word))

    def lines(self, value: int) -> list[str]:
        """Show the largest unit that divides the value."""
        return [f"{self.name} {show_memory(value)}"]


class Octal(Setting[int]):
    """File permissions, such as 700."""

    expects = "octal"

    def read(self, word: str) -> int:
        """Read up to 777."""
        if not re.match(r"0*[0-7]{1,3}\Z", word):
            raise SettingError("argument couldn't be parsed as an octal number")
        return int(word, 8)

    def show(self, value: int) -> str:
        """Show it in octal."""
        return f"{value:o}"


class Boolean(Setting[bool]):
    """`yes` or `no`."""

    expects = "yes, no"

    def __init__(self, default: str, summary: str, **more: object) -> None:
        super().__init__(default == "yes", summary, **more)  # type: ignore[arg-type]  # Setting's

    def read(self, word: str) -> bool:
        """Read either, in any case."""
        answer = {"yes": True, "no": False}.get(word.lower())
        if answer is None:
            raise SettingError("argument must be 'yes' or 'no'")
        return answer

    def show(self, value: bool) -> str:  # noqa: FBT001 - the value is what it is about
        """Show the word."""
        return "yes" if value else "no"


class Choice(Setting[str]):
    """One of several words."""

    def __init__(
        self, default: str, summary: str, choices: tuple[str, ...], **more: object
    ) -> None:
        super().__init__(default, summary, **more)  # type: ignore[arg-type]  # Setting's
        self.choices = choices

    @property
    def expects(self) -> str:  # type: ignore[override]  # a constant elsewhere
        """What docs/configuration.md says may be given."""
        return ", ".join(self.choices)

    def read(self, word: str) -> str:
        """Read one of the words, in any case."""
        if word.lower() not in self.choices:
            raise SettingError(
                "argument(s) must be one of the following: " + ", ".join(self.choices)
            )
        return word.lower()


class Text(Setting[str]):
    """Any text."""

    def read(self, word: str) -> str:
        """Return the word."""
        return word

    def lines(self, value: str) -> list[str]:
        """Quote it."""
        return [f"{self.name} {quote(value)}"]


class Secret(Setting[bytes]):
    """A password: bytes, compared as bytes."""

    expects = "text"

    def read(self, word: str) -> bytes:
        """Return the bytes of the word."""
        return encode(word)

    def show(self, value: bytes) -> str:
        """Show it; CONFIG GET does so in Redis as well."""
        return decode(value)

    def lines(self, value: bytes) -> list[str]:
        """Quote it."""
        return [f"{self.name} {quote(decode(value))}"]


class Words(Setting[tuple[str, ...]]):
    """Several words, such as addresses."""

    expects = "words"

    def parse(self, words: Sequence[str], current: tuple[str, ...]) -> tuple[str, ...]:
        """Take all words; one word is split at its spaces, and may be empty."""
        del current
        value = tuple(words[0].split() if len(words) == 1 else words)
        self.check(value)
        return value

    def show(self, value: tuple[str, ...]) -> str:
        """Join them with spaces."""
        return " ".join(value)

    def lines(self, value: tuple[str, ...]) -> list[str]:
        """Show them; none is an empty word."""
        return [f"{self.name} {self.show(value)}" if value else f'{self.name} ""']


def read_memory(word: str) -> int:
    """Return the number of bytes that `10mb` means.

    Raises:
        SettingError: it is no number of bytes.
    """
    if not word:
        return 0
    found = _MEMORY.match(word)
    scale = _MEMORY_UNITS.get(found[2].lower()) if found else None
    if found is None or scale is None:
        raise SettingError("argument must be a memory value")
    # Redis counts in 64 bits, and takes more for as many as they hold.
    return min(int(found[1]) * scale, ULONG_MAX)


def show_memory(value: int) -> str:
    """Return a number of bytes in the largest unit that divides it."""
    for unit in ("gb", "mb", "kb"):
        if value and value % _MEMORY_UNITS[unit] == 0:
            return f"{value // _MEMORY_UNITS[unit]}{unit}"
    return str(value)


def quote(value: str) -> str:
    """Return a value in double quotes, as a configuration line holds it."""
    shown = []
    for byte in encode(value):
        character = chr(byte)
        if character in '\\"':
            shown.append("\\" + character)
        elif character in _QUOTED:
            shown.append(_QUOTED[character])
        elif character.isascii() and character.isprintable():
            shown.append(character)
        else:
            shown.append(f"\\x{byte:02x}")
    return '"' + "".join(shown) + '"'


_QUOTED = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\a": "\\a", "\b": "\\b"}


def encode(text: str) -> bytes:
    """Return the bytes of a text that `decode` made, whatever they were."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """Return any bytes as text that `encode` turns back."""
    return data.decode("utf-8", "surrogateescape")
