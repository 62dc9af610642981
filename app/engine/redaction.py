"""What MONITOR, SLOWLOG and the log must not show: passwords.

Source: Redis 7.0.15; see tests/app/engine/test_redaction.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.config import Config
from app.config.kinds import Secret

if TYPE_CHECKING:
    from app.commands.context import Argv

_REDACTED: Final = b"(redacted)"
_SECRETS: Final = frozenset(
    name.encode().lower()
    for name, setting in Config.BY_NAME.items()
    if isinstance(setting, Secret)
)
_AFTER_SUBCOMMAND: Final = 2
_MIGRATE_OPTIONS: Final = 6
_MIGRATE_SECRETS: Final = {b"AUTH": 1, b"AUTH2": 2}


def without_secret(argv: Argv) -> Argv:
    """Return a command that writes as the log may keep it: only MIGRATE has secrets."""
    if len(argv) > _MIGRATE_OPTIONS + 1 and argv[0].upper() == b"MIGRATE":
        return _redact_migrate(argv)
    return argv


def redact(argv: Argv) -> Argv:
    """Return a command with its passwords blotted out; itself where it has none."""
    name = argv[0].upper()
    if name == b"AUTH":
        return [argv[0], *[_REDACTED] * (len(argv) - 1)]
    if name == b"HELLO":
        return _redact_hello(argv)
    if name == b"MIGRATE":
        return _redact_migrate(argv)
    subcommand = argv[1].upper() if len(argv) > 1 else b""
    if name == b"CONFIG" and subcommand == b"SET":
        return _redact_settings(argv)
    if name == b"ACL" and subcommand in (b"SETUSER", b"DELUSER", b"GETUSER"):
        hidden = len(argv) - _AFTER_SUBCOMMAND
        return [*argv[:_AFTER_SUBCOMMAND], *[_REDACTED] * hidden]
    return argv


def _redact_hello(argv: Argv) -> Argv:
    shown = list(argv)
    for at in range(2, len(argv) - 2):
        if argv[at].upper() == b"AUTH":
            shown[at + 1] = shown[at + 2] = _REDACTED
            break
    return shown


def _redact_migrate(argv: Argv) -> Argv:
    shown = list(argv)
    at = _MIGRATE_OPTIONS
    while at < len(argv) and argv[at].upper() != b"KEYS":
        hidden = _MIGRATE_SECRETS.get(argv[at].upper(), 0)
        for place in range(at + 1, min(at + 1 + hidden, len(argv))):
            shown[place] = _REDACTED
        at += 1 + hidden
    return shown


def _redact_settings(argv: Argv) -> Argv:
    shown = list(argv)
    for at in range(_AFTER_SUBCOMMAND, len(argv) - 1, 2):
        if argv[at].lower() in _SECRETS:
            shown[at + 1] = _REDACTED
    return shown
