"""A pager as git's: long answers on a terminal are shown a screen at a time.

The program is REPLAY_PAGER, else PAGER, else `less`, whose options are -FRX where LESS
says no others: an answer that fits the screen is just written. It gets standard output,
and standard error where that is the terminal too. Whoever leaves it has seen enough:
what is left is not written.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import ClassVar

_DEFAULT = "less"
_LESS = "FRX"
_NONE = {"", "cat"}


def find_pager() -> str:
    """Return the command line of the pager; "" for none."""
    for name in ("REPLAY_PAGER", "PAGER"):
        if name in os.environ:
            command = os.environ[name].strip()
            break
    else:
        command = _DEFAULT
    if command in _NONE or os.environ.get("TERM", "dumb") == "dumb":
        return ""
    return command if shutil.which(command.split()[0]) else ""


def forget_output() -> None:
    """Write what is still to be written to nowhere: nobody reads it any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    sys.stdout.flush()


class Pager:
    """A pager that runs, and reads what is written to standard output."""

    _running: ClassVar[Pager | None] = None
    _is_forbidden: ClassVar[bool] = False

    @classmethod
    def forbid(cls) -> None:
        """Let there be none."""
        cls._is_forbidden = True

    @classmethod
    def begin(cls) -> None:
        """Start the user's pager for standard output, a terminal; if there is one."""
        command = find_pager()
        if command and cls._running is None and not cls._is_forbidden:
            with suppress(OSError):
                cls._running = cls(command)

    @classmethod
    def end(cls) -> None:
        """Wait until the pager is left, if one runs."""
        running, cls._running = cls._running, None
        if running is not None:
            running.finish()

    def __init__(self, command: str) -> None:
        """Start it, and let standard output go to it.

        Raises:
            OSError: it cannot be started.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        environment = {"LESS": _LESS, "LV": "-c"} | os.environ
        self._process = subprocess.Popen(  # noqa: S603 - the user's own program
            ["/bin/sh", "-c", command],
            stdin=subprocess.PIPE,
            env=environment,
        )
        assert self._process.stdin is not None
        self._saved = {1: os.dup(1)}
        if sys.stderr.isatty():
            self._saved[2] = os.dup(2)
        for number in self._saved:
            os.dup2(self._process.stdin.fileno(), number)
        self._process.stdin.close()

    def finish(self) -> None:
        """Give standard output back, and wait until the pager is left."""
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            forget_output()
        for number, saved in self._saved.items():
            os.dup2(saved, number)
            os.close(saved)
        # Ctrl-C is the pager's, and ends no more than what it shows.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
