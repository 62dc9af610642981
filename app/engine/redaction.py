"""What MONITOR, SLOWLOG and the log must not show: passwords.

A command is blotted out by its grammar: what stands where a password may stand goes,
and so does whatever is not understood, since it may be a password in a wrong place.
What a script gives to such a command (they fail in scripts, but for MIGRATE) is noted
while it runs, and blotted out of the record of the script.

Source: Redis 7.0.15; see tests/app/engine/test_redaction.py.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from joblog.app.config import Config
from joblog.app.config.kinds import Secret
from joblog.app.config.particular import RawLines
from joblog.app.table.table import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.state.units import Unit
    from joblog.app.words import Argv

REDACTED: Final = b"(redacted)"
_SECRETS: Final = frozenset(
    alias.encode()
    for alias, setting in Config.BY_NAME.items()
    if isinstance(setting, Secret) or setting.name == "masteruser"
)
_SHOWN: Final = frozenset(
    alias.encode()
    for alias, setting in Config.BY_NAME.items()
    if not isinstance(setting, RawLines)
).difference(_SECRETS)
_AFTER_SUBCOMMAND: Final = 2
_MIGRATE_OPTIONS: Final = 6
_MIGRATE_SECRETS: Final = {b"AUTH": 1, b"AUTH2": 2, b"COPY": 0, b"REPLACE": 0}
_OPEN_CONFIG: Final = frozenset({b"GET", b"REWRITE", b"RESETSTAT", b"HELP"})
_OPEN_ACL: Final = frozenset(
    {b"CAT", b"GENPASS", b"HELP", b"LIST", b"LOG", b"USERS", b"WHOAMI"}
)
_SCRIPT_CALL: Final = re.compile(rb"""call\s*\(\s*(?:'|"|\[\[)(\w+)""")
_NEARNESS: Final = 0.7
_SHORT: Final = 3


def redact(argv: Argv) -> Argv:
    """Return a command with its passwords blotted out; itself where it has none."""
    reader = _READERS.get(argv[0].upper())
    return argv if reader is None else reader(argv)


def carries_secrets(name: bytes) -> bool:
    """Say whether a command, by its name in capitals, may have a password in it."""
    return name in _CARRIERS


def is_like_carrier(name: bytes) -> bool:
    """Say whether a name that is no command's may be a misspelt one of those."""
    word = name[:16].decode("latin-1").upper()
    return bool(difflib.get_close_matches(word, _CARRIER_WORDS, 1, _NEARNESS))


@lru_cache(maxsize=64)
def gives_secrets(source: bytes) -> bool:
    """Say whether the text of a script calls a command that may have a password."""
    return any(
        carries_secrets(name) or (name not in COMMANDS and is_like_carrier(name))
        for name in {found[1].upper() for found in _SCRIPT_CALL.finditer(source)}
    )


def hide_arguments(argv: Argv, first: int) -> Argv:
    """Return a command with all words blotted out from a place on."""
    return [*argv[:first], *[REDACTED] * (len(argv) - first)]


class Secrets:
    """The passwords that scripts have given to commands, of the last unit that did.

    Attributes:
        unit: that unit, or None.
    """

    def __init__(self) -> None:
        """Know none."""
        self.unit: Unit | None = None
        self._words: list[bytes] = []

    def note(self, unit: Unit | None, argv: Argv, *, is_known: bool) -> None:
        """Remember the passwords in a command that a script calls.

        Args:
            unit: what is under way.
            argv: the command.
            is_known: whether there is such a command; of others, all is remembered.
        """
        shown = redact(argv) if is_known else hide_arguments(argv, 1)
        found = [
            word
            for word, other in zip(argv, shown, strict=True)
            if word and other is REDACTED
        ]
        if not found:
            return
        if unit is not self.unit:
            self.unit, self._words = unit, []
        self._words += found

    def blot(self, unit: Unit, value: Any) -> Any:
        """Return what a record says of a unit, without the passwords of its scripts."""
        return _blot(value, self._words) if unit is self.unit else value


def _blot(value: Any, words: list[bytes]) -> Any:
    if isinstance(value, bytes):
        for word in words:
            if value == word:
                return REDACTED
            # In a longer text a short one only in quotes: "1" is in every number.
            if len(word) > _SHORT:
                value = value.replace(word, REDACTED)
            for quote in (b'"', b"'"):
                value = value.replace(quote + word + quote, quote + REDACTED + quote)
        return value
    if isinstance(value, (list, tuple)):
        return [_blot(item, words) for item in value]
    if isinstance(value, dict):
        return {name: _blot(item, words) for name, item in value.items()}
    return value


# --- by command ------------------------------------------------------------------


def _redact_auth(argv: Argv) -> Argv:
    return hide_arguments(argv, 1)


def _redact_hello(argv: Argv) -> Argv:
    if len(argv) > 1 and not argv[1].isdigit():
        return hide_arguments(argv, 1)
    shown = list(argv)
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        if word == b"AUTH":
            for place in range(at + 1, min(at + 3, len(argv))):
                shown[place] = REDACTED
            at += 3
        elif word == b"SETNAME":
            at += 2
        else:
            return hide_arguments(shown, at)
    return shown


def _redact_migrate(argv: Argv) -> Argv:
    shown = list(argv)
    at = _MIGRATE_OPTIONS
    if len(argv) < at:
        words = [word.upper() for word in argv]
        found = [words.index(word) for word in (b"AUTH", b"AUTH2") if word in words]
        return hide_arguments(argv, min(found) + 1) if found else argv
    while at < len(argv) and argv[at].upper() != b"KEYS":
        hidden = _MIGRATE_SECRETS.get(argv[at].upper())
        if hidden is None:
            return hide_arguments(shown, at)
        for place in range(at + 1, min(at + 1 + hidden, len(argv))):
            shown[place] = REDACTED
        at += 1 + hidden
    return shown


def _redact_config(argv: Argv) -> Argv:
    subcommand = argv[1].upper() if len(argv) > 1 else b""
    if subcommand in _OPEN_CONFIG:
        return argv
    if subcommand != b"SET":
        return hide_arguments(argv, _AFTER_SUBCOMMAND)
    shown = list(argv)
    for at in range(_AFTER_SUBCOMMAND, len(argv), 2):
        name = argv[at].lower()
        if name in _SHOWN:
            continue
        if name not in _SECRETS:
            shown[at] = REDACTED
        if at + 1 < len(argv):
            shown[at + 1] = REDACTED
    return shown


def _redact_acl(argv: Argv) -> Argv:
    if len(argv) > 1 and argv[1].upper() in _OPEN_ACL:
        return argv
    return hide_arguments(argv, _AFTER_SUBCOMMAND)


def _redact_script(argv: Argv) -> Argv:
    """Hide text and arguments of a script that calls what may have a password."""
    if len(argv) > 1 and gives_secrets(argv[1]):
        return hide_arguments(argv, 1)
    return argv


def _redact_load(argv: Argv) -> Argv:
    if any(gives_secrets(word) for word in argv[_AFTER_SUBCOMMAND:]):
        return hide_arguments(argv, _AFTER_SUBCOMMAND)
    return argv


_CARRIERS: Final[dict[bytes, Callable[[Argv], Argv]]] = {
    b"AUTH": _redact_auth,
    b"HELLO": _redact_hello,
    b"MIGRATE": _redact_migrate,
    b"CONFIG": _redact_config,
    b"ACL": _redact_acl,
}
_CARRIER_WORDS: Final = [name.decode() for name in _CARRIERS]
_READERS: Final[dict[bytes, Callable[[Argv], Argv]]] = _CARRIERS | {
    b"EVAL": _redact_script,
    b"EVAL_RO": _redact_script,
    b"SCRIPT": _redact_load,
    b"FUNCTION": _redact_load,
}
