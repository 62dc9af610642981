"""Kinds of settings that change nothing here, and of which Redis refuses some values.

Source: Redis 7.0.15, and 8.2 for what came later; see tests/parity/test_config.py.
"""

from __future__ import annotations

import locale
import re
from typing import TYPE_CHECKING, Final

from joblog.app.config.kinds import Setting, SettingError, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_VARIABLE: Final = re.compile(r"\{(\{|[^}]*\}|.*)", re.DOTALL)
_SHOWN: Final = {
    **dict.fromkeys(("listen-addr}", "port}", "tls-port}"), "x"),
    **dict.fromkeys(("unixsocket}", "config-file}"), "x"),
    **dict.fromkeys(("title}", "server-mode}"), ""),
    "{": "{",
}
_HOST: Final = re.compile(r"[A-Za-z0-9.-]*\Z")
_DEFAULT: Final = "default"
_SHUTDOWN: Final = ("save", "nosave", "now", "force")


class TitleTemplate(Text):
    """The form of a process's title, in which some names stand for what they tell."""

    def read(self, word: str) -> str:
        """Refuse names that mean nothing, and a form that shows nothing."""
        try:
            shown = _VARIABLE.sub(lambda found: _SHOWN[found[1]], word)
        except KeyError:
            shown = ""
        if not shown.strip():
            raise SettingError(
                "template format is invalid or contains unknown variables"
            )
        return word


class LocaleName(Text):
    """The name of a locale that the system has; an empty one is the environment's."""

    def read(self, word: str) -> str:
        """Refuse the names of others."""
        before = locale.setlocale(locale.LC_COLLATE)
        try:
            if word:
                locale.setlocale(locale.LC_COLLATE, word)
        except (locale.Error, ValueError):
            raise SettingError("Invalid locale name") from None
        finally:
            locale.setlocale(locale.LC_COLLATE, before)
        return word


class HostName(Text):
    """The name of a host."""

    def read(self, word: str) -> str:
        """Refuse characters that no such name has."""
        if not _HOST.match(word):
            raise SettingError(
                "Hostnames may only contain alphanumeric characters, hyphens or dots"
            )
        return word


class ShutdownWords(Setting[tuple[str, ...]]):
    """How a signal ends the server: words of SHUTDOWN, or `default` for none."""

    expects = ", ".join((_DEFAULT, *_SHUTDOWN))

    def parse(self, words: Sequence[str], current: tuple[str, ...]) -> tuple[str, ...]:
        """Take any of the words, but not both of two that contradict each other."""
        del current
        given = {each.lower() for word in words for each in word.split()}
        if not given or not given <= {_DEFAULT, *_SHUTDOWN}:
            raise SettingError(
                f"argument(s) must be one of the following: {self.expects}"
            )
        if {"save", "nosave"} <= given:
            raise SettingError(
                "shutdown options SAVE and NOSAVE can't be used simultaneously"
            )
        return tuple(word for word in _SHUTDOWN if word in given)

    def show(self, value: tuple[str, ...]) -> str:
        """Show them in Redis's order."""
        return " ".join(value) or _DEFAULT
