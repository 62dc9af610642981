"""Scripts that run for long: others are served meanwhile, and a server that stops.

A script that is broken off because the server stops leaves memory ahead of the log: so
nothing runs behind it, nobody is served what it wrote, and none of it is recorded. The
next start has the state from before it, and its client was told that it failed.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from joblog.app.state.alarm import BUSY

if TYPE_CHECKING:
    from collections.abc import Callable

    from joblog.app.engine.scripts import Scripts
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session

logger = logging.getLogger(__name__)

GO_ON: Final = 0
KILL_SCRIPT: Final = 1
KILL_FUNCTION: Final = 2
END_LOADING: Final = 3
"""What the count hook of the runtime is told."""


def look_at_long(scripts: Scripts, context: Context) -> int:
    """Say whether the script is to stop; serve others if it has run for long."""
    if scripts.end_by_ns and time.monotonic_ns() > scripts.end_by_ns:
        return _abandon(scripts)
    threshold_ms = context.server.config.busy_reply_threshold
    if threshold_ms <= 0 or scripts.running_ms < threshold_ms:
        return GO_ON
    if not scripts.is_busy:
        scripts.is_busy = True
        context.server.alarm.note(BUSY, holds=True)
        logger.warning(
            "slow script: %s runs for %d ms already; other clients are told BUSY",
            scripts.name.decode(errors="replace"),
            scripts.running_ms,
        )
    if scripts.meanwhile is not None:
        _serve_others(context, scripts.meanwhile)
    if context.server.stop_requested:
        return _abandon(scripts)
    return _kill(scripts) if scripts.is_killed else GO_ON


def _kill(scripts: Scripts) -> int:
    return KILL_FUNCTION if scripts.is_function else KILL_SCRIPT


def _abandon(scripts: Scripts) -> int:
    """Break off the script under way, since the server stops."""
    if not scripts.is_abandoned:
        logger.warning(
            "script %s was broken off after %d ms, since the server stops; nothing of "
            "what it did is kept, and its client is told that it failed",
            scripts.name.decode(errors="replace"),
            scripts.running_ms,
        )
    scripts.is_killed = scripts.is_abandoned = True
    return _kill(scripts)


def forget_abandoned(scripts: Scripts, caller: Session) -> None:
    """See to it that nothing goes by what an abandoned script left in memory.

    Args:
        scripts: of which it was one.
        caller: the client that called it; what it sent behind the call is not run.
    """
    caller.is_closing = True
    caller.update_special()
    for forget in scripts.on_abandoned:
        forget()


def _serve_others(context: Context, serve: Callable[[], None]) -> None:
    """Let the driver serve others; the script finds all as it was.

    Args:
        context: of the command that the script calls just now.
        serve: the driver's `meanwhile`.
    """
    kept = (context.session, context.db, context.effects, context.now_ms)
    unit = context.unit
    try:
        serve()
    finally:
        context.session, context.db, context.effects, context.now_ms = kept
        context.keyspace.now_ms = context.now_ms
        context.unit = unit
