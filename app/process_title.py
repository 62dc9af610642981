"""Passwords on the command line: taken from what `ps` shows of this process.

Linux shows the memory between two addresses, which /proc/self/stat tells, as the
command line. It is this process's own memory, and /proc/self/mem writes it without a
library; a write that is not possible is an error there and no crash. What is hidden was
visible for the third of a second that a start takes: a file is the better place.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from app.config import Config
from app.config.kinds import Secret

_OPTIONS: Final = frozenset(
    f"--{alias}".encode()
    for alias, setting in Config.BY_NAME.items()
    if isinstance(setting, Secret) or alias == "user"
)
_START, _END = 45, 46
"""Fields of /proc/self/stat behind the name of the program: arg_start and arg_end."""

_PROC: Final = Path("/proc/self")


def hide_passwords() -> None:
    """Blot out the passwords in this process's command line, where the system can."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        shown = (_PROC / "cmdline").read_bytes()
        words = shown.split(b"\0")
        hidden = b"\0".join(without_passwords(words))
        if hidden == shown:
            return
        fields = (_PROC / "stat").read_bytes().rsplit(b")", 1)[1].split()
        start, end = int(fields[_START]), int(fields[_END])
        with (_PROC / "mem").open("r+b", buffering=0) as memory:
            memory.seek(start)
            if memory.read(end - start) == shown:
                memory.seek(start)
                memory.write(hidden.ljust(end - start, b"\0"))


def without_passwords(words: list[bytes]) -> list[bytes]:
    """Return the words of a command line with stars for each password.

    No word gets longer, since what is written must fit where it stood.
    """
    result: list[bytes] = []
    is_secret = is_value_due = False
    for word in words:
        if word.startswith(b"--") and not is_value_due:
            name, space, _ = word.partition(b" ")
            is_secret = name.lower() in _OPTIONS
            is_value_due = is_secret and not space
            result.append(
                name + b" ***"[: len(word) - len(name)] if is_secret else word
            )
        else:
            result.append(b"***"[: len(word)] if is_secret else word)
            is_value_due = False
    return result
