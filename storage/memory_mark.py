"""The mark of a server that keeps memory only: a file in its data folder.

    DIR/memory-only      a line: who keeps nothing there, and since when

Such a server writes no log, so `replay` would have nothing to say of its folder but
that it is none. The mark goes when a server with a log starts there. It is a courtesy:
where it cannot be written the server starts all the same.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "memory-only"
_BYTES_MAX = 1000


def write_mark(folder: Path, text: str) -> None:
    """Leave the mark in a data folder, which is made where it is missing.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / NAME).write_text(f"{text}\n")


def read_mark(folder: Path) -> str:
    """Return the text of the mark, "" where there is none."""
    try:
        with (folder / NAME).open(errors="replace") as file:
            return file.read(_BYTES_MAX).strip()
    except OSError:
        return ""


def remove_mark(folder: Path) -> None:
    """Take the mark away, if there is one and it can be."""
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
