"""Building the index behind the back of a reader, in a process of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from joblog.replay.index.sidecar import is_off

if TYPE_CHECKING:
    from joblog.replay.index.finder import LogIndex

WORTH_IT_BYTES = 8 * 1024 * 1024
"""Of so much of a log jobs are followed within two seconds or so: it may wait."""


def index_later(index: LogIndex) -> bool:
    """Start to build the index where much of a log lacks it; don't wait.

    Nobody asked for it, so it takes nothing of a disk that gets full.

    Returns:
        Whether a process was started. It ends at once where another is at it.
    """
    if is_off():
        return False
    if not index.followed_by and index.count_unindexed_bytes() < WORTH_IT_BYTES:
        return False
    if index.filesystem.room(index.folder).is_low(0):
        return False
    argv = [sys.executable, "-m", "joblog.replay", "index", str(index.folder)]
    for schema in index.followed_by:
        argv += ["--schema", schema]
    _start([*argv, "--quiet"])
    return True


def _start(argv: list[str]) -> int:
    """Start a program that says nothing, and return its process id."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        return os.posix_spawn(
            argv[0],
            argv,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, number) for number in range(3)],
            setpgroup=0,
        )
    finally:
        os.close(null)
