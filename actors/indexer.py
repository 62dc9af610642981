"""Indexer: a thread that has `replay index` run behind each seal, if that is asked for.

A child process, niced, indexes what was sealed (`log-index`): so questions about a long
log are answered at once, and nothing of it is on the road of a command. What the child
has written stays, whatever ends it: the next one goes on there. It writes nothing where
the disk gets full, and is tried again after a second, two, four, up to a minute.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any, Final

from joblog.actors.errand import Errand
from joblog.actors.messages import IndexLog, IndexStatus
from joblog.app import clock

logger = logging.getLogger(__name__)

_NOTHING_CODE: Final = 1
_OFF: Final = IndexLog(0, 0, is_wanted=False)


class Indexer(Errand):
    """Runs one child at a time, and reports how far the index goes."""

    STATUS = IndexStatus

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the indexer of a data folder; see `Errand` for the arguments."""
        super().__init__(*args, **kwargs)
        self._order = self._running = _OFF
        self._done_seq = self._seq = self._last_ms = 0

    def on_start(self) -> None:
        """Say that nothing is indexed yet."""
        self._tell()

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
        order = self._running = self._order
        self._run_replay("index", "--json", "--reserve", str(order.reserve_bytes))

    def _note_end(self, codes: list[int], words: str) -> None:
        (code,) = codes
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

    def _fields(self) -> dict[str, Any]:
        return {
            "log_index_enabled": int(self._order.is_wanted),
            "log_index_status": "err" if self._retries.error else "ok",
            "log_index_in_progress": int(bool(self._children)),
            "log_index_seq": self._seq,
            "log_index_failures": self._retries.failures,
            "log_index_last_time": self._last_ms // 1000,
            "log_index_error": self._retries.line,
        }
