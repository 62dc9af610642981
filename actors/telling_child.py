"""A child process that tells what it does: a line of JSON each time, on its output."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import joblog

_WAIT_MS: Final = 50
_READ_BYTES: Final = 65536
_PACKAGES: Final = Path(joblog.__file__).resolve().parent.parent


class TellingChild:
    """One child; the thread that minds it waits for its lines a moment at a time."""

    def __init__(
        self, module: str, words: list[str], environment: dict[str, str]
    ) -> None:
        """Start a module of ours, in a session of its own.

        Args:
            module: its name.
            words: what stands behind it on the command line.
            environment: the child's.

        Raises:
            OSError: it cannot be started.
        """
        self._child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", module, *words],
            cwd=_PACKAGES,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )
        self._rest = b""

    def hear(self) -> list[dict[str, Any]] | None:
        """Return what it has told within a moment; None once it tells no more."""
        assert self._child.stdout is not None
        output = self._child.stdout.fileno()
        # Not select.select, which knows no file descriptor beyond 1023.
        poll = select.poll()
        poll.register(output, select.POLLIN)
        if not poll.poll(_WAIT_MS):
            return []
        data = os.read(output, _READ_BYTES)
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        told: list[dict[str, Any]] = []
        for line in lines:
            with contextlib.suppress(ValueError):
                told.append(json.loads(line))
        return told

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self._child.kill()
        self.reap()

    def reap(self) -> int:
        """Wait until it has ended; return its exit code."""
        code = self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        return code
