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
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pykka

from joblog.actors.children import NICED_REPLAY, Children, Retries
from joblog.actors.messages import IndexLog, IndexStatus, Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

_NOTHING_CODE: Final = 1
_OFF: Final = IndexLog(0, 0, is_wanted=False)


class Indexer(pykka.ThreadingActor):
    """Runs one child at a time, and reports how far the index goes."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the indexer of a data folder.

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
        self._order = self._running = _OFF
        self._done_seq = self._seq = self._last_ms = 0
        self._children = Children()
        self._retries = Retries(steady_ms)
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
            self._children.end()
            self._fail(str(error))
        self._tell()

    def on_stop(self) -> None:
        """End the child that runs."""
        self._children.end()

    def _take(self, order: IndexLog) -> None:
        self._order = order
        if not order.is_wanted:
            self._children.end()
            self._retries.error, self._done_seq = "", 0
            return
        is_sealed = order.open_first_seq > max(self._done_seq, 1)
        if not self._children and is_sealed and self._retries.is_due():
            self._begin()

    def _begin(self) -> None:
        order = self._order
        words = [
            sys.executable,
            "-c",
            NICED_REPLAY,
            "index",
            str(self._folder),
            "--json",
        ]
        words += ["--reserve", str(order.reserve_bytes)]
        self._children.start(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self._children.open_words(),
            stderr=subprocess.STDOUT,
            env=self._environment(),
        )
        self._running = order
        self.actor_ref.tell(Watch())

    def _watch(self) -> None:
        """Wait a moment for the child to end."""
        if not self._children:
            return
        ended = self._children.take_codes()
        if ended is None:
            self.actor_ref.tell(Watch())
            return
        (code,), words = ended
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
        self._retries.succeed()

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        self._retries.fail(text, partial(logger.warning, "the log is not indexed: %s"))

    def _tell(self) -> None:
        fields = {
            "log_index_enabled": int(self._order.is_wanted),
            "log_index_status": "err" if self._retries.error else "ok",
            "log_index_in_progress": int(bool(self._children)),
            "log_index_seq": self._seq,
            "log_index_failures": self._retries.failures,
            "log_index_last_time": self._last_ms // 1000,
            "log_index_error": self._retries.line,
        }
        if fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(IndexStatus(fields))
