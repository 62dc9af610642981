"""Child processes that do a piece of work for a thread, and when it is tried again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY_SECONDS_MAX: Final = 60.0
_WAIT_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 2.0
_WORDS_MAX: Final = 500

NICED_REPLAY: Final = (
    "import os; os.nice(10); "
    "from joblog.replay.cli import main; main(prog_name='replay')"
)
"""What Python runs as `replay`, out of the way of the server."""


class Children:
    """The children that do one piece of work together, each in a session of its own.

    Attributes:
        words: a file for what they say of themselves, while there are any.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._all: list[subprocess.Popen[bytes]] = []
        self.words: Any = None

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return bool(self._all)

    def start(self, command: Any, **options: Any) -> subprocess.Popen[bytes]:
        """Start one more; the options are those of `subprocess.Popen`."""
        child = subprocess.Popen(  # noqa: S603 - ours, and the operator's own
            command, start_new_session=True, **options
        )
        self._all.append(child)
        return child

    def open_words(self) -> Any:
        """Return the file for what the children say."""
        self.words = tempfile.TemporaryFile()  # noqa: SIM115 - until all have ended
        return self.words

    def take_codes(self) -> tuple[list[int], str] | None:
        """Wait a moment; return exit codes and last words, or None while one runs."""
        for child in self._all:
            try:
                child.wait(_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                return None
        codes = [child.returncode for child in self._all]
        size = self.words.seek(0, os.SEEK_END)
        self.words.seek(max(size - _WORDS_MAX, 0))
        words: bytes = self.words.read()
        self._forget()
        return codes, words.decode(errors="replace").strip()

    def end(self) -> None:
        """End what still runs, and what that has started."""
        if not self._all:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            for child in self._all:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, number)
            for child in self._all:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_STOP_SECONDS)
        self._forget()

    def _forget(self) -> None:
        self.words.close()
        self._all = []


class Retries:
    """When what failed is tried again: after a second, two, four, up to a minute.

    Attributes:
        failures: how often it has failed.
        error: why it failed the last time; "" once it went well.
    """

    def __init__(self, steady_ms: Callable[[], int]) -> None:
        """Begin with no failure, by a clock that nobody sets."""
        self._steady_ms = steady_ms
        self.failures = 0
        self.error = ""
        self._seconds = 0.0
        self._at_ms = 0

    def is_due(self) -> bool:
        """Say whether it may be tried now."""
        return self._steady_ms() >= self._at_ms

    def fail(self, text: str, log: Callable[[str], None]) -> None:
        """Note a failure; the first is logged, and what a retry in a minute says."""
        self.failures += 1
        self._seconds = min(self._seconds * 2 or 1.0, RETRY_SECONDS_MAX)
        self._at_ms = self._steady_ms() + int(self._seconds * 1000)
        if not self.error or self._seconds == RETRY_SECONDS_MAX:
            log(text)
        self.error = text

    def succeed(self) -> None:
        """Note that it went well."""
        self.error, self._seconds, self._at_ms = "", 0.0, 0

    @property
    def line(self) -> str:
        """The error in one line."""
        return " ".join(self.error.split())
