"""Passwords on the command line: taken from what `ps` shows of this process.

Linux shows the memory between two addresses, which /proc/self/stat tells, as the
command line. It is this process's own memory, and /proc/self/mem writes it without a
library; a write that is not possible is an error there and no crash.
`joblog.actors.service.program` does this before all else, so this module imports
nothing that takes time. What is hidden was visible while Python itself started: a file
is the better place.
"""

from __future__ import annotations

import os

SECRET_OPTIONS = frozenset(
    {
        b"--requirepass",
        b"--log-store-password",
        b"--masterauth",
        b"--primaryauth",
        b"--tls-key-file-pass",
        b"--tls-client-key-file-pass",
        b"--user",
    }
)
"""Options that hold a password; `joblog.app.config` has them, but imports slowly."""

_START, _END = 45, 46
"""Fields of /proc/self/stat behind the name of the program: arg_start and arg_end."""

_PROC = "/proc/self"


def hide_passwords() -> None:
    """Blot out the passwords in this process's command line, where the system can."""
    try:
        shown = _read(f"{_PROC}/cmdline")
        hidden = b"\0".join(without_passwords(shown.split(b"\0")))
        if hidden != shown:
            _show(hidden, instead_of=shown)
    except (OSError, ValueError, IndexError):
        return  # another system, or one that lets no process do this


def _read(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes long to import
        return file.read()


def _show(hidden: bytes, *, instead_of: bytes) -> None:
    fields = _read(f"{_PROC}/stat").rsplit(b")", 1)[1].split()
    start, end = int(fields[_START]), int(fields[_END])
    memory = os.open(f"{_PROC}/mem", os.O_RDWR)
    try:
        if os.pread(memory, end - start, start) == instead_of:
            os.pwrite(memory, hidden.ljust(end - start, b"\0"), start)
    finally:
        os.close(memory)


def without_passwords(words: list[bytes]) -> list[bytes]:
    """Return the words of a command line with stars for each password.

    No word gets longer, since what is written must fit where it stood.
    """
    result: list[bytes] = []
    is_secret = is_value_due = False
    for word in words:
        if word.startswith(b"--") and not is_value_due:
            name, space, _ = word.partition(b" ")
            is_secret = name.lower() in SECRET_OPTIONS
            is_value_due = is_secret and not space
            result.append(
                name + b" ***"[: len(word) - len(name)] if is_secret else word
            )
        else:
            result.append(b"***"[: len(word)] if is_secret else word)
            is_value_due = False
    return result
