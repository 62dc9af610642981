"""Lines of how much data there is, every few seconds, at level debug."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.engine.engine import Engine

logger = logging.getLogger(__name__)

_EACH_MS: Final = 5_000


class DataLines:
    """Tells of an engine's data."""

    def __init__(self, engine: Engine) -> None:
        """Tell of an engine's."""
        self._engine = engine
        self._from_ms = 0

    def tell(self) -> None:
        """Tell, if it is time."""
        engine = self._engine
        steady_ms = engine.context.steady_ms
        if steady_ms < self._from_ms or not logger.isEnabledFor(logging.DEBUG):
            return
        self._from_ms = steady_ms + _EACH_MS
        for database in engine.keyspace.databases:
            if database.values:
                keys, volatile = len(database), len(database.deadlines)
                text = "database %d: %d keys, %d of which expire"
                logger.debug(text, database.index, keys, volatile)
        logger.debug("%d clients are connected", len(engine.server.sessions))
