"""Readings: what a scrape of the server's metrics asks of the engine.

It is INFO as numbers, and what INFO does not have: taken in the loop once a scrape, and
turned into text by the process of the metrics.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from joblog.app.commands.server import info_fields, info_statistics
from joblog.app.families import (
    BUCKETS_SECONDS,
    EVICTED,
    EXPIRED,
    FIELDS,
    LAST_SEQ,
)
from joblog.app.table.delays import TICK_BITS
from joblog.app.table.table import every_command
from joblog.app.version import VERSION

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.server_state import CallCounts
    from joblog.app.table.delays import Delays

_SECTIONS = (
    info_fields.server,
    info_fields.clients,
    info_fields.memory,
    info_fields.persistence,
    info_fields.cpu,
    info_statistics.statistics,
)
_WANTED = frozenset(one.field for one in (*FIELDS, LAST_SEQ, EXPIRED, EVICTED))
_HEAD_BYTES = 2000
_BUCKETS_NS = [round(seconds * 1e9) for seconds in BUCKETS_SECONDS]


def take_reading(ctx: Context) -> dict[str, Any]:
    """Return what is told of the server, as JSON can hold it."""
    state, config = ctx.server, ctx.server.config
    ctx.read_clock()
    fields = {
        name: value
        for section in _SECTIONS
        for name, value in section(ctx)
        if name in _WANTED
    }
    fields["disk_error"] = int(state.alarm.disk_error is not None)
    is_open = not config.protected_mode or config.has_password
    return {
        "version": VERSION,
        "fields": fields,
        "commands": [
            [each.name.replace("|", " "), *_calls(state.counts[each.number])]
            for each in every_command()
            if state.counts[each.number].calls
            or state.counts[each.number].failed
            or state.counts[each.number].rejected
        ],
        "errors": {
            code.decode("utf-8", "replace"): count
            for code, count in state.error_codes.items()
        },
        "databases": [
            [each.index, len(each), len(each.deadlines)]
            for each in ctx.keyspace.databases
            if len(each)
        ],
        "scripts": [
            [name.decode("utf-8", "replace"), *counts, _head(ctx, name)]
            for name, counts in (state.script_times or {}).items()
        ],
        # As at the ports for commands: and where these are of TLS, no others hear.
        "is_local_only": not is_open or bool(config.tls_port and not config.port),
    }


def _head(ctx: Context, name: bytes) -> str:
    """Return how a script begins, which is where it says its name; "" for functions."""
    script = ctx.scripts.find(name)
    return "" if script is None else script.source[:_HEAD_BYTES].decode("latin-1")


def count_buckets(ticks: list[int], long_delays: Delays) -> list[int]:
    """Return how many calls each bucket has; ticks are summed many at a time.

    There are a thousand of each command, and the loop waits.
    """
    buckets = [0] * (len(_BUCKETS_NS) + 1)
    start = 0
    for place, bound_ns in enumerate(_BUCKETS_NS if ticks else ()):
        end = (bound_ns + 1) >> TICK_BITS
        buckets[place] = sum(ticks[start:end])
        start = end
        if end >= len(ticks):
            break
    for highest_ns, count in long_delays.items():
        buckets[bisect_left(_BUCKETS_NS, highest_ns)] += count
    return buckets


def _calls(counts: CallCounts) -> list[Any]:
    """Return calls, failed, rejected, nanoseconds, and how many each bucket has."""
    if counts.untimed:
        counts.delays()  # lets those that were timed stand for the others
    buckets = count_buckets(counts.ticks, counts.long_delays)
    return [
        *(counts.calls, counts.failed, counts.rejected),
        *(counts.nanoseconds, buckets if any(buckets) else []),
    ]
