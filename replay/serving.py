"""A moment of the past as a server in a process of its own, for programs to look at."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "REDIS_URL"
SOCKET = "REDIS_SOCKET"


class ServeError(Exception):
    """The server did not start; the text says why."""


def program_condition(folder: Path, command: str) -> Callable[[int], bool]:
    """Return the condition that a program ends with exit code 0.

    It finds a read-only server of the moment at the Unix socket that REDIS_SOCKET
    names, and as REDIS_URL; JOBLOG_SEQ is the moment's number.

    Args:
        folder: the data folder.
        command: for the shell.
    """

    def holds(seq: int) -> bool:
        with tempfile.TemporaryDirectory() as home:
            socket = Path(home) / "replay.sock"
            server = _start(folder, seq, socket)
            try:
                known = {
                    SOCKET: str(socket),
                    URL: f"unix://{socket}",
                    "JOBLOG_SEQ": str(seq),
                }
                ended = subprocess.run(  # noqa: S602 - the user wrote it, for the shell
                    command,
                    shell=True,
                    check=False,
                    env={**os.environ, **known},
                    stdout=sys.stderr.fileno(),
                )
                return ended.returncode == 0
            finally:
                server.terminate()
                server.communicate()

    return holds


def _start(folder: Path, seq: int, socket: Path) -> subprocess.Popen[str]:
    """Start a server of a moment; return when clients may come.

    Raises:
        ServeError: it did not start.
    """
    words = ["serve", str(folder), "--at", f"@{seq}", "--port", "0", "--json"]
    server = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "joblog.replay", *words, "--unixsocket", str(socket)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    if not server.stdout.readline():
        _, problem = server.communicate()
        raise ServeError(problem.strip() or "the server of the moment did not start")
    return server
