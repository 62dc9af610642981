"""Rekeyer: a thread that has files put under the first key while there are several.

The child is `replay rekey`, niced; it runs at once, and each minute as long as the key
file has more than one key: a process that was started with another may still write.
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
from joblog.actors.messages import KeyStatus, Rekey, Watch
from joblog.app import clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

_AGAIN_MS: Final = 60_000
_FAILED_CODE: Final = 3


class Rekeyer(pykka.ThreadingActor):
    """Runs one child at a time, and reports what is left."""

    use_daemon_thread = True

    def __init__(
        self,
        folder: Path,
        report: Callable[[Any], None],
        environment: Callable[[], dict[str, str]],
        steady_ms: Callable[[], int] = clock.steady_ms,
    ) -> None:
        """Make the rekeyer of a data folder.

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
        self._children = Children()
        self._retries = Retries(steady_ms)
        self._order = Rekey(0, "")
        self._done: Rekey | None = None
        self._done_ms = self._changed = 0
        self._told: dict[str, Any] = {}

    def on_receive(self, message: Any) -> None:
        """Begin where files may be under other keys, or look after the child."""
        try:
            if isinstance(message, Rekey):
                self._order = message
                if self._is_due():
                    self._begin()
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

    def _is_due(self) -> bool:
        if self._order.keys < 2 or self._children or not self._retries.is_due():  # noqa: PLR2004 - one is no change
            return False
        is_new = self._done != self._order
        return is_new or self._steady_ms() - self._done_ms >= _AGAIN_MS

    def _begin(self) -> None:
        words = [sys.executable, "-c", NICED_REPLAY, "rekey", str(self._folder)]
        self._children.start(
            [*words, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=self._children.open_words(),
            stderr=subprocess.STDOUT,
            env=self._environment(),
        )
        self._running = self._order
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
        if code:
            self._fail(words or f"replay rekey ended with exit code {code}")
            return
        changed = json.loads(words.splitlines()[0])["changed"]
        if changed:
            logger.info("%d files are under the first key now", changed)
        self._changed += changed
        self._done, self._done_ms = self._running, self._steady_ms()
        self._retries.succeed()

    def _fail(self, text: str) -> None:
        """Say what went wrong, and try again later."""
        say = partial(logger.warning, "files stay under their keys: %s")
        self._retries.fail(text, say)

    def _tell(self) -> None:
        order = self._order
        fields = {
            "log_encryption_key": order.first,
            "log_encryption_keys": order.keys,
            "log_encryption_rekeying": int(order.keys > 1 and self._done != order),
            "log_encryption_rekeyed_files": self._changed,
            "log_encryption_error": self._retries.line,
        }
        if not order.keys or fields == self._told:
            return
        self._told = fields
        with contextlib.suppress(pykka.ActorDeadError):  # the server is stopping
            self._report(KeyStatus(fields))
