"""Upkeep: what is looked after some ten times a second, off the road of commands."""

from __future__ import annotations

from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

from joblog.app.config import SettingError
from joblog.app.state import process

if TYPE_CHECKING:
    from joblog.app.config import Config
    from joblog.app.engine.engine import Engine
    from joblog.app.engine.guards import Guards

_MS_PER_SECOND = 1000
_WORTH_IT = 20
_LOOKS_SOON = 10
_LOOKS_LATER = 600
"""How many looks at memory go by until it is given back again: a second, a minute."""
_EXPIRED_AT_ONCE = 20


def look_after(engine: Engine, limit: int) -> None:
    """Do all that is due.

    Args:
        engine: the engine.
        limit: how many expired keys are removed at the most, in each database.
    """
    server = engine.server
    engine.read_clock()
    engine.pause.end_if_due()
    if server.expires_unasked and not server.is_cron_paused:
        engine.keyspace.expire_due(limit)
    engine.serve_waiters()
    engine.blocking.expire()
    engine.blocking.rest()
    compare_memory(engine)
    if not server.is_cron_paused:
        engine.tracking.evict()
    timeout_seconds = server.config.timeout
    if timeout_seconds and not server.is_cron_paused:
        _close_idle_clients(engine, timeout_seconds * _MS_PER_SECOND)
    server.sample_rates(engine.context.steady_ms)


def expire_for(engine: Engine, nanoseconds: int) -> bool:
    """Remove keys whose deadline has passed, for so long; say whether more are due."""
    server = engine.server
    if engine.scripts.is_running or server.is_cron_paused or not server.expires_unasked:
        return False
    until = perf_counter_ns() + nanoseconds
    engine.read_clock()
    while removed := engine.keyspace.expire_due(_EXPIRED_AT_ONCE):
        if perf_counter_ns() > until:
            break
    engine.serve_waiters()
    return removed > 0


def heed_memory_settings(engine: Engine) -> None:
    """Have changes of settings that are about memory looked at."""
    config = engine.server.config
    config.on_change(partial(compare_memory, engine), "maxmemory")
    config.on_change(partial(_limit_scripts, engine), "script_memory_max")
    config.on_change(partial(_refuse_defragmentation, config), "activedefrag")


def compare_memory(engine: Engine) -> None:
    """Compare what the process holds with `maxmemory`.

    Before a server is found too large, and now and then while it is, what was freed
    already goes back to the system.
    """
    config, guards = engine.server.config, engine.guards
    if config.maxmemory or guards.is_out_of_memory:
        is_over = 0 < config.maxmemory < process.resident_bytes()
        if is_over and guards.looks_until_given_back:
            guards.looks_until_given_back -= 1
        elif is_over:
            is_over = config.maxmemory < _give_back(guards)
        if is_over != guards.is_out_of_memory:
            guards.is_out_of_memory = is_over
            guards.update_watchful()


def _give_back(guards: Guards) -> int:
    """Return what the process holds once freed memory is with the system again.

    Where that brings little it is not tried again soon: it takes its time.
    """
    before = process.resident_bytes()
    process.give_back()
    after = process.resident_bytes()
    is_worth_it = before - after > before // _WORTH_IT
    guards.looks_until_given_back = _LOOKS_SOON if is_worth_it else _LOOKS_LATER
    return after


def _limit_scripts(engine: Engine) -> None:
    """Let scripts hold what the settings say.

    Raises:
        SettingError: a script runs.
    """
    if engine.scripts.is_running:
        raise SettingError("a script that runs cannot change it")
    engine.scripts.runtime.limit_memory(engine.server.config.script_memory_max)


def _refuse_defragmentation(config: Config) -> None:
    """Refuse what only Redis's own allocator can do, as Redis does without it.

    Raises:
        SettingError: `activedefrag` was turned on.
    """
    if config.activedefrag:
        raise SettingError(
            "Active defragmentation cannot be enabled: it requires a Redis server "
            "compiled with a modified Jemalloc like the one shipped by default with "
            "the Redis source distribution"
        )


def _close_idle_clients(engine: Engine, timeout_ms: int) -> None:
    """Disconnect clients that sent nothing for a time and wait for nothing."""
    idle_since_ms = engine.context.steady_ms - timeout_ms
    for session in engine.server.sessions.values():
        waits = (
            session.waiter is not None
            or session.subscriptions is not None
            or session.is_monitor
        )
        if session.last_ms < idle_since_ms and not waits:
            engine.closings.append(session.id)
