"""When a link that is down is tried again, and how often that is told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from joblog.app import clock

if TYPE_CHECKING:
    from joblog.app.state.replication import Address

logger = logging.getLogger(__name__)

_TICKS_MAX: Final = 30
_DOUBLED_MAX: Final = 10
_TOLD_AGAIN_MS: Final = 60_000


class Retrying:
    """Counts the ticks until a link is tried again.

    A connection that breaks is tried each tick. A master that refuses, or sends what
    cannot be applied, does so again most likely: it is asked less and less often.
    """

    def __init__(self) -> None:
        """Begin without a failure."""
        self._refusals = self._ticks = 0
        self._told = ("", 0)

    def begin(self) -> None:
        """Forget refusals: the master agreed, or it is another."""
        self._refusals = 0

    def is_due(self) -> bool:
        """Count a tick; say whether the link is to be tried."""
        self._ticks -= 1
        return self._ticks <= 0

    def fail(self, master: Address | None, why: str, *, is_refusal: bool) -> None:
        """Note that the link is down, and tell it, but the same not all the time."""
        self._refusals = self._refusals + 1 if is_refusal else 0
        self._ticks = min(1 << min(self._refusals, _DOUBLED_MAX), _TICKS_MAX)
        told, at_ms = self._told
        now_ms = clock.steady_ms()
        if told != why or now_ms - at_ms >= _TOLD_AGAIN_MS:
            self._told = (why, now_ms)
            logger.warning("the link to the master %s is down: %s", master, why)
