"""Anchorer: a thread that has `log-anchor-command` keep the log's digest elsewhere.

A child process, niced, works out the digest at the last durable record and writes it as
a line (`replay anchor`), and the operator's command reads that from its standard input:
after each seal, and after so many seconds in which the log has grown. What the command
refuses is tried again, with the digest of then, after a second, two, four, up to a
minute. Who checks the lines is `replay verify --anchors`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

import pykka

from joblog.actors.messages import AnchorLog, AnchorStatus, Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

RETRY_SECONDS_MAX: Final = 60.0
_WAIT_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 2.0
_WORDS_MAX: Final = 500
_NICED: Final = (
    "import os; os.nice(10); "
    "from joblog.replay.cli import main; main(prog_name='replay')"
)
_OFF: Final = AnchorLog("", "", 0, 0, 0)


class Anchorer(pykka.ThreadingActor):
    """Runs the command for one digest at a time, and reports."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the anchorer of a data folder.

        Args:
            folder: the data folder.
            report: takes what is to be told to the keyspace; called in this thread.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = folder.resolve()
        self._report = report
        self._steady_ms = steady_ms
        self._order = self._running = self._done = _OFF
        self._children: tuple[subprocess.Popen[bytes], ...] = ()
        self._words: Any = None
        self._began_at_ms = self._retry_at_ms = 0
        self._retry_seconds = 0.0
        self._failures = self._taken = self._last_ms = 0
        self._error = ""
        self._told: dict[str, Any] = {}

    def on_start(self) -> None:
        """Say that nothing is anchored yet."""
        self._tell()

    def on_receive(self, message: Any) -> None:
        """Begin where a digest is due, or look after the command that runs."""
        try:
            if isinstance(message, AnchorLog):
                self._order = message
                if not self._children and self._is_due():
                    self._begin()
            else:
                assert isinstance(message, Watch)
                self._watch()
        except OSError as error:
            self._end_all()
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the command that runs."""
        self._end_all()

    def _is_due(self) -> bool:
        """Tell whether the log has grown, and was sealed or is old enough."""
        order, done = self._order, self._done
        if not order.command:
            self._error, self._done = "", _OFF
            return False
        now_ms = self._steady_ms()
        if order.synced_seq <= done.synced_seq or now_ms < self._retry_at_ms:
            return False
        # A seal counts once what was before it is durable.
        is_sealed = order.open_first_seq > max(done.open_first_seq, 1)
        is_sealed = is_sealed and order.synced_seq >= order.open_first_seq - 1
        is_old = order.seconds and now_ms - self._began_at_ms >= order.seconds * 1000
        return is_sealed or bool(is_old) or bool(self._error)

    def _begin(self) -> None:
        """Start the child that works out the digest, and the command that takes it."""
        order = self._order
        words = [sys.executable, "-c", _NICED, "anchor", str(self._folder)]
        words += ["--at", f"@{order.synced_seq}"]
        words += ["--sign", order.key] if order.key else []
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - until both have ended
        maker = subprocess.Popen(  # noqa: S603 - our own program
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env={**os.environ, "REPLAY_INDEX": "off"},
            start_new_session=True,
        )
        self._children = (maker,)
        assert maker.stdout is not None
        taker = subprocess.Popen(  # noqa: S602 - the operator's own command line
            order.command,
            shell=True,
            cwd=self._folder,
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=self._words,
            start_new_session=True,
        )
        maker.stdout.close()  # the command alone has it now
        self._children = (maker, taker)
        self._running, self._began_at_ms = order, self._steady_ms()
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Wait a moment for both to end."""
        if not self._children:
            return
        for child in self._children:
            try:
                child.wait(_WAIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.actor_ref.tell(Watch())
                return
        codes = [child.returncode for child in self._children]
        words = self._read_words()
        self._children = ()
        if any(codes):
            whose = "log-anchor-command" if codes[1] else "working out the digest"
            self._fail(
                f"{whose} ended with exit code {codes[1] or codes[0]}, so seq "
                f"{self._running.synced_seq} is not anchored yet: {words}"
            )
            return
        if self._error:
            logger.warning("the log is anchored, after %d failures", self._failures)
        self._done, self._last_ms = self._running, clock.now_ms()
        self._taken += 1
        self._error, self._retry_seconds, self._retry_at_ms = "", 0.0, 0

    def _read_words(self) -> str:
        """Return the end of what both have said of themselves."""
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(size - _WORDS_MAX, 0))
        words: bytes = self._words.read()
        self._words.close()
        return words.decode(errors="replace").strip()

    def _end_all(self) -> None:
        """End what still runs, and what that has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for child in self._children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, number)
            for child in self._children:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_STOP_SECONDS)
        if self._children:
            self._words.close()
        self._children = ()

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        self._failures += 1
        self._retry_seconds = min(self._retry_seconds * 2 or 1.0, RETRY_SECONDS_MAX)
        self._retry_at_ms = self._steady_ms() + int(self._retry_seconds * 1000)
        # The first failure, and then what a retry in a minute says again.
        if not self._error or self._retry_seconds == RETRY_SECONDS_MAX:
            logger.error("%s", text)
        self._error = text

    def _tell(self) -> None:
        fields = {
            "log_anchor_enabled": int(bool(self._order.command)),
            "log_anchor_status": "err" if self._error else "ok",
            "log_anchor_seq": self._done.synced_seq,
            "log_anchor_taken": self._taken,
            "log_anchor_failures": self._failures,
            "log_anchor_last_time": self._last_ms // 1000,
            "log_anchor_error": " ".join(self._error.split()),
        }
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(AnchorStatus(fields))
