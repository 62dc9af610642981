"""Upkeep: what is looked after some ten times a second, off the road of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.commands import process

if TYPE_CHECKING:
    from app.engine.engine import Engine

_MS_PER_SECOND = 1000


def look_after(engine: Engine, limit: int) -> None:
    """Do all that is due.

    Args:
        engine: the engine.
        limit: how many expired keys are removed at the most, in each database.
    """
    engine.read_clock()
    engine.pause.end_if_due()
    if engine.server.is_expiring:
        engine.keyspace.expire_due(limit)
    engine.serve_waiters()
    engine.blocking.rest()
    compare_memory(engine)
    timeout_seconds = engine.server.config.timeout
    if timeout_seconds:
        _close_idle_clients(engine, timeout_seconds * _MS_PER_SECOND)
    engine.server.sample_rates(engine.context.now_ms)


def compare_memory(engine: Engine) -> None:
    """Compare what the process holds with `maxmemory`."""
    config = engine.server.config
    if config.maxmemory or engine.guards.is_out_of_memory:
        is_over = 0 < config.maxmemory < process.resident_bytes()
        if is_over != engine.guards.is_out_of_memory:
            engine.guards.is_out_of_memory = is_over
            engine.guards.update_watchful()


def _close_idle_clients(engine: Engine, timeout_ms: int) -> None:
    """Disconnect clients that sent nothing for a time and wait for nothing."""
    idle_since_ms = engine.context.now_ms - timeout_ms
    for session in engine.server.sessions.values():
        waits = (
            session.waiter is not None
            or session.subscriptions is not None
            or session.is_monitor
        )
        if session.last_ms < idle_since_ms and not waits:
            engine.closings.append(session.id)
