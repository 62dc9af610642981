"""How commands are shown: shortened in SLOWLOG, quoted in MONITOR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.words import Argv

_SLOW_ARGUMENTS_MAX: Final = 32
_SLOW_ARGUMENT_BYTES_MAX: Final = 128


def abbreviate(argv: Argv) -> Argv:
    """Return a command as SLOWLOG keeps it: few words, none of them long."""
    shown = [_abbreviate_one(argument) for argument in argv[:_SLOW_ARGUMENTS_MAX]]
    if len(argv) > _SLOW_ARGUMENTS_MAX:
        more = len(argv) - _SLOW_ARGUMENTS_MAX + 1
        shown[-1] = b"... (%d more arguments)" % more
    return shown


def _abbreviate_one(argument: bytes) -> bytes:
    more = len(argument) - _SLOW_ARGUMENT_BYTES_MAX
    if more <= 0:
        return argument
    return argument[:_SLOW_ARGUMENT_BYTES_MAX] + b"... (%d more bytes)" % more


_ESCAPED = {
    byte: bytes([byte]) if ord(" ") <= byte <= ord("~") else b"\\x%02x" % byte
    for byte in range(256)
} | {
    ord("\\"): b"\\\\",
    ord('"'): b'\\"',
    ord("\n"): b"\\n",
    ord("\r"): b"\\r",
    ord("\t"): b"\\t",
    ord("\a"): b"\\a",
    ord("\b"): b"\\b",
}


def quote(argument: bytes) -> bytes:
    """Return a word as MONITOR shows it, with quotes around it."""
    return b'"' + b"".join([_ESCAPED[byte] for byte in argument]) + b'"'
