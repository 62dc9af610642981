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
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pykka

from joblog.actors.children import NICED_REPLAY, Children, Retries
from joblog.actors.messages import AnchorLog, AnchorStatus, Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

_OFF: Final = AnchorLog("", "", 0, 0, 0)


class Anchorer(pykka.ThreadingActor):
    """Runs the command for one digest at a time, and reports."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the anchorer of a data folder.

        Args:
            folder: the data folder.
            report: takes what is to be told to the keyspace; called in this thread.
            environment: gives the child's.
            steady_ms: the clock that nobody sets.
        """
        super().__init__()
        self._folder = folder.resolve()
        self._report = report
        self._environment = environment
        self._steady_ms = steady_ms
        self._order = self._running = self._done = _OFF
        self._children = Children()
        self._retries = Retries(steady_ms)
        self._began_at_ms = self._taken = self._last_ms = 0
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
            self._children.end()
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the command that runs."""
        self._children.end()

    def _is_due(self) -> bool:
        """Tell whether the log has grown, and was sealed or is old enough."""
        order, done = self._order, self._done
        if not order.command:
            self._retries.error, self._done = "", _OFF
            return False
        now_ms = self._steady_ms()
        if order.synced_seq <= done.synced_seq or not self._retries.is_due():
            return False
        # A seal counts once what was before it is durable.
        is_sealed = order.open_first_seq > max(done.open_first_seq, 1)
        is_sealed = is_sealed and order.synced_seq >= order.open_first_seq - 1
        is_old = order.seconds and now_ms - self._began_at_ms >= order.seconds * 1000
        return is_sealed or bool(is_old) or bool(self._retries.error)

    def _begin(self) -> None:
        """Start the child that works out the digest, and the command that takes it."""
        order = self._order
        words = [sys.executable, "-c", NICED_REPLAY, "anchor", str(self._folder)]
        words += ["--at", f"@{order.synced_seq}"]
        words += ["--sign", order.key] if order.key else []
        said = self._children.open_words()
        maker = self._children.start(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**self._environment(), "REPLAY_INDEX": "off"},
        )
        assert maker.stdout is not None
        self._children.start(  # noqa: S604 - the operator's own command line
            order.command,
            shell=True,
            cwd=self._folder,
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        maker.stdout.close()  # the command alone has it now
        self._running, self._began_at_ms = order, self._steady_ms()
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Wait a moment for both to end."""
        if not self._children:
            return
        ended = self._children.take_codes()
        if ended is None:
            self.actor_ref.tell(Watch())
            return
        codes, words = ended
        if any(codes):
            whose = "log-anchor-command" if codes[1] else "working out the digest"
            self._fail(
                f"{whose} ended with exit code {codes[1] or codes[0]}, so seq "
                f"{self._running.synced_seq} is not anchored yet: {words}"
            )
            return
        if self._retries.error:
            count = self._retries.failures
            logger.warning("the log is anchored, after %d failures", count)
        self._done, self._last_ms = self._running, clock.now_ms()
        self._taken += 1
        self._retries.succeed()

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        self._retries.fail(text, partial(logger.error, "%s"))

    def _tell(self) -> None:
        fields = {
            "log_anchor_enabled": int(bool(self._order.command)),
            "log_anchor_status": "err" if self._retries.error else "ok",
            "log_anchor_seq": self._done.synced_seq,
            "log_anchor_taken": self._taken,
            "log_anchor_failures": self._retries.failures,
            "log_anchor_last_time": self._last_ms // 1000,
            "log_anchor_error": self._retries.line,
        }
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(AnchorStatus(fields))
