"""Rekeyer: a thread that has files put under the first key while there are several.

The child is `replay rekey`, niced; it runs at once, and each minute as long as the key
file has more than one key: a process that was started with another may still write.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any, Final

from joblog.actors.errand import Errand
from joblog.actors.messages import KeyStatus, Rekey

logger = logging.getLogger(__name__)

_AGAIN_MS: Final = 60_000


class Rekeyer(Errand):
    """Runs one child at a time, and reports what is left."""

    STATUS = KeyStatus

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the rekeyer of a data folder; see `Errand` for the arguments."""
        super().__init__(*args, **kwargs)
        self._order = Rekey(0, "")
        self._done: Rekey | None = None
        self._done_ms = self._changed = 0

    def _take(self, order: Rekey) -> None:
        self._order = order
        if self._is_due():
            self._begin()

    def _is_due(self) -> bool:
        if self._order.keys < 2 or self._children or not self._retries.is_due():  # noqa: PLR2004 - one is no change
            return False
        is_new = self._done != self._order
        return is_new or self._steady_ms() - self._done_ms >= _AGAIN_MS

    def _begin(self) -> None:
        self._running = self._order
        self._run_replay("rekey", "--json")

    def _note_end(self, codes: list[int], words: str) -> None:
        (code,) = codes
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

    def _fields(self) -> dict[str, Any]:
        order = self._order
        if not order.keys:
            return {}
        return {
            "log_encryption_key": order.first,
            "log_encryption_keys": order.keys,
            "log_encryption_rekeying": int(order.keys > 1 and self._done != order),
            "log_encryption_rekeyed_files": self._changed,
            "log_encryption_error": self._retries.line,
        }
