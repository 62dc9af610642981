"""Indexer: a thread that has `replay index` run behind each seal, if that is asked for.

A child process, niced, indexes what was sealed (`log-index`): so questions about a long
log are answered at once, and nothing of it is on the road of a command. What the child
has written stays, whatever ends it: the next one goes on there. It writes nothing where
the disk gets full, and is tried again after a second, two, four, up to a minute.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

import pykka

from joblog.actors.messages import IndexLog, IndexStatus, Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

RETRY_SECONDS_MAX: Final = 60.0
_WAIT_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 2.0
_WORDS_MAX: Final = 500
_NOTHING_CODE: Final = 1
_NICED: Final = (
    "import os; os.nice(10); "
    "from joblog.replay.cli import main; main(prog_name='replay')"
)
_OFF: Final = IndexLog(0, 0, is_wanted=False)


class Indexer(pykka.ThreadingActor):
    """Runs one child at a time, and reports how far the index goes."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the indexer of a data folder.

        Args:
            folder: the data folder.
            report: takes what is to be told to the keyspace; called in this thread.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = folder.resolve()
        self._report = report
        self._steady_ms = steady_ms
        self._order = self._running = _OFF
        self._done_seq = self._seq = self._last_ms = self._failures = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._words: Any = None
        self._retry_at_ms = 0
        self._retry_seconds = 0.0
        self._error = ""
        self._told: dict[str, Any] = {}

    def on_start(self) -> None:
        """Say that nothing is indexed yet."""
        self._tell()

    def on_receive(self, message: Any) -> None:
        """Begin where something was sealed, or look after the child that runs."""
        try:
            if isinstance(message, IndexLog):
                self._take(message)
            else:
                assert isinstance(message, Watch)
                self._watch()
        except OSError as error:
            self._end()
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the child that runs."""
        self._end()

    def _take(self, order: IndexLog) -> None:
        self._order = order
        if not order.is_wanted:
            self._end()
            self._error, self._done_seq = "", 0
            return
        is_sealed = order.open_first_seq > max(self._done_seq, 1)
        if self._child is None and is_sealed and self._steady_ms() >= self._retry_at_ms:
            self._begin()

    def _begin(self) -> None:
        order = self._order
        words = [sys.executable, "-c", _NICED, "index", str(self._folder), "--json"]
        words += ["--reserve", str(order.reserve_bytes)]
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - until the child has ended
        self._child = subprocess.Popen(  # noqa: S603 - our own program
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._words,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._running = order
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Wait a moment for the child to end."""
        if self._child is None:
            return
        try:
            code = self._child.wait(_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.actor_ref.tell(Watch())
            return
        self._child = None
        words = self._read_words()
        if code == _NOTHING_CODE:
            self._fail(words.removeprefix("replay: "))
        elif code:
            self._fail(f"replay index ended with exit code {code}: {words}")
        else:
            self._note(words)

    def _note(self, words: str) -> None:
        """Note down how far the index goes now."""
        try:
            self._seq = json.loads(words.splitlines()[-1])["indexed_seq"]
        except (ValueError, KeyError, IndexError):
            self._fail(f"replay index said {words!r}")
            return
        self._done_seq, self._last_ms = self._running.open_first_seq, clock.now_ms()
        self._error, self._retry_seconds, self._retry_at_ms = "", 0.0, 0

    def _read_words(self) -> str:
        """Return the end of what the child has said."""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(size - _WORDS_MAX, 0))
        words: bytes = self._words.read()
        self._words.close()
        return words.decode(errors="replace").strip()

    def _end(self) -> None:
        """End the child that runs."""
        if self._child is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_STOP_SECONDS)
        self._words.close()
        self._child = None

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        self._failures += 1
        self._retry_seconds = min(self._retry_seconds * 2 or 1.0, RETRY_SECONDS_MAX)
        self._retry_at_ms = self._steady_ms() + int(self._retry_seconds * 1000)
        if not self._error or self._retry_seconds == RETRY_SECONDS_MAX:
            logger.warning("the log is not indexed: %s", text)
        self._error = text

    def _tell(self) -> None:
        fields = {
            "log_index_enabled": int(self._order.is_wanted),
            "log_index_status": "err" if self._error else "ok",
            "log_index_in_progress": int(self._child is not None),
            "log_index_seq": self._seq,
            "log_index_failures": self._failures,
            "log_index_last_time": self._last_ms // 1000,
            "log_index_error": " ".join(self._error.split()),
        }
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(IndexStatus(fields))
