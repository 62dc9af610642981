"""A moment of the past as an engine: what `replay serve` and CLIENT AT answer from.

Time stands still in it: a key that was to live for five seconds more has five seconds
left whenever it is looked at, nothing expires, and nothing may be written. A scratch
copy is the other way to open a moment: a keyspace of its own, whose time goes on from
there, and which takes writes that no log keeps.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from joblog.app.engine.engine import Engine
from joblog.app.state.alarm import PAST

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.config import Config
    from joblog.app.keyspace.keyspace import Keyspace

_NS_PER_MS = 1_000_000


def open_past(config: Config, keyspace: Keyspace, at_ms: int) -> Engine:
    """Return an engine that answers as the server would have at a moment.

    Writes are refused as by a read-only replica, and commands that wait for a key don't
    wait, as inside of a transaction.

    Args:
        config: the settings.
        keyspace: what the log folds to at the moment; the engine's from now on.
        at_ms: the moment, in ms since the epoch.
    """
    engine = engine_over(config, keyspace, lambda: at_ms)
    keyspace.is_expiring = False
    engine.server.expires_unasked = False
    engine.server.alarm.note(PAST, holds=True)
    return engine


def open_scratch(config: Config, keyspace: Keyspace, at_ms: int) -> Engine:
    """Return an engine that goes on from a moment, and whose writes nothing keeps.

    Args and returns: as of `open_past`.
    """
    started_ns = time.monotonic_ns()

    def now_ms() -> int:
        return at_ms + (time.monotonic_ns() - started_ns) // _NS_PER_MS

    return engine_over(config, keyspace, now_ms)


def engine_over(
    config: Config,
    keyspace: Keyspace,
    now_ms: Callable[[], int],
    steady_ms: Callable[[], int] | None = None,
) -> Engine:
    """Return an engine over a keyspace that no log follows, by a clock of its own."""
    engine = Engine(config, now_ms=now_ms, steady_ms=steady_ms)
    engine.server.time_ns = lambda: now_ms() * _NS_PER_MS
    engine.server.has_log = engine.server.is_recording = False
    engine.adopt(keyspace)
    return engine
