"""Others are served while a script runs for long."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.engine.engine import Engine


def serve_others(engine: Engine, serve: Callable[[], None]) -> None:
    """Let the driver serve others; the script finds all as it was.

    Args:
        engine: runs the script.
        serve: the driver's `meanwhile`.
    """
    context = engine.context
    kept = (context.session, context.db, context.effects, context.now_ms)
    unit = engine.unit
    try:
        serve()
    finally:
        context.session, context.db, context.effects, context.now_ms = kept
        context.keyspace.now_ms = context.now_ms
        engine.unit = unit
