"""Anchorer: a thread that has `log-anchor-command` keep the log's digest elsewhere.

A child process, niced, works out the digest at the last durable record and writes it as
a line (`replay anchor`), and the operator's command reads that from its standard input:
after each seal, and after so many seconds in which the log has grown. What the command
refuses is tried again, with the digest of then, after a second, two, four, up to a
minute. Who checks the lines is `replay verify --anchors`.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from functools import partial
from typing import Any, Final

from joblog.actors.children import NICED_REPLAY
from joblog.actors.errand import Errand
from joblog.actors.messages import AnchorLog, AnchorStatus, Watch
from joblog.app import clock

logger = logging.getLogger(__name__)

_OFF: Final = AnchorLog("", "", 0, 0, 0)


class Anchorer(Errand):
    """Runs the command for one digest at a time, and reports."""

    STATUS = AnchorStatus

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the anchorer of a data folder; see `Errand` for the arguments."""
        super().__init__(*args, **kwargs)
        self._order = self._running = self._done = _OFF
        self._began_at_ms = self._taken = self._last_ms = 0

    def on_start(self) -> None:
        """Say that nothing is anchored yet."""
        self._tell()

    def _take(self, order: AnchorLog) -> None:
        self._order = order
        if not self._children and self._is_due():
            self._begin()

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

    def _note_end(self, codes: list[int], words: str) -> None:
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

    def _fields(self) -> dict[str, Any]:
        return {
            "log_anchor_enabled": int(bool(self._order.command)),
            "log_anchor_status": "err" if self._retries.error else "ok",
            "log_anchor_seq": self._done.synced_seq,
            "log_anchor_taken": self._taken,
            "log_anchor_failures": self._retries.failures,
            "log_anchor_last_time": self._last_ms // 1000,
            "log_anchor_error": self._retries.line,
        }
