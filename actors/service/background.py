"""`daemonize`: going on in the background once there is something to go on with.

The process forks, and the parent waits until the child serves clients. Until then the
child has the terminal: what keeps it from starting is read there, and the parent's exit
code is the child's. Then the child lets go of the terminal, and the parent returns 0.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from pathlib import Path
from typing import Final

_STANDARD_STREAMS: Final = (0, 1, 2)
_KILLED: Final = 1


class _Terminal(logging.Handler):
    """Shows an operator what goes wrong before the server is ready."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line as it is, without a time."""
        with contextlib.suppress(OSError):  # it is closed: nobody reads it
            os.write(2, f"{record.getMessage()}\n".encode(errors="replace"))


class Background:
    """The child's side of a fork whose parent waits."""

    def __init__(self, *, shows_lines: bool) -> None:
        """Fork; only the child returns.

        Args:
            shows_lines: show warnings on the terminal too, until it is let go: the log
                goes elsewhere.

        Raises:
            OSError: the system has no room for another process.
        """
        waiting, self._ready = os.pipe()
        child = os.fork()
        if child:
            os.close(self._ready)
            os._exit(_wait(waiting, child))
        os.close(waiting)
        os.setsid()
        self._terminal = _Terminal(logging.WARNING)
        if shows_lines:
            logging.getLogger().addHandler(self._terminal)

    def let_go(self) -> None:
        """Let the parent return: clients are served. Nothing more reaches it."""
        logging.getLogger().removeHandler(self._terminal)
        with Path(os.devnull).open("r+b") as null:
            for stream in _STANDARD_STREAMS:
                os.dup2(null.fileno(), stream)
        os.write(self._ready, b"\0")
        os.close(self._ready)


def _wait(waiting: int, child: int) -> int:
    """Return what the parent is to end with: 0 where the child serves."""
    try:
        if os.read(waiting, 1):
            return 0
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code > 0 else _KILLED
