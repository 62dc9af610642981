"""Where a dataset for replicas lies: in the data folder, or in memory.

Beside a log that is encrypted it has to be on no disk, so it gets memory that has a
descriptor of this process, which the child that fills it opens by its number.
"""

from __future__ import annotations

import os
from pathlib import Path


def make_place(folder: Path, name: str, key_file: str) -> Path:
    """Return the path of a file that is to be written.

    Args:
        folder: the data folder.
        name: of a file in it.
        key_file: what the log is encrypted with; "" for nothing.

    Raises:
        OSError: there is no memory of that kind.
    """
    if not key_file:
        return folder / name
    if not hasattr(os, "memfd_create"):
        raise OSError("beside an encrypted log, replicas are served on Linux alone")
    return _fds() / str(os.memfd_create(name))


def let_go(path: Path) -> None:
    """Remove a file that was made here; who has it open still reads it."""
    if path.parent == _fds():
        os.close(int(path.name))
    else:
        path.unlink(missing_ok=True)


def _fds() -> Path:
    # Not once for all: a server in the background is another process.
    return Path(f"/proc/{os.getpid()}/fd")
