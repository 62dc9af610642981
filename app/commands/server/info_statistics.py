"""The sections of INFO that count: (field, value) pairs in order.

Calls are counted by the command, errors by their code; totals are sums made when
somebody asks, so that the road of a command carries no counter that is not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.table.delays import percentile_ns
from joblog.app.table.table import every_command

if TYPE_CHECKING:
    from joblog.app.keyspace.database import Database
    from joblog.app.state.context import Context

    Fields = list[tuple[str, Any]]

_TTL_SAMPLE: Final = 1000
"""`avg_ttl` is the mean over so many deadlines at the most."""


def statistics(ctx: Context) -> Fields:
    """Return what happened since the start, or since CONFIG RESETSTAT."""
    state = ctx.server
    rates = state.rates
    exceeded_ms, exceeding_ms = state.excess.milliseconds()
    channels, patterns, shard_channels = ctx.engine.pubsub.subscribers
    return [
        ("total_commands_processed", state.commands_processed()),
        ("instantaneous_ops_per_sec", round(rates["commands"].per_second())),
        *(
            (f"instantaneous_{way}_kbps", f"{rates[way].per_second() / 1024:.2f}")
            for way in ("input", "output", "input_repl", "output_repl")
        ),
        *state.traffic.fields().items(),
        *state.statistics.items(),
        ("total_eviction_exceeded_time", exceeded_ms),
        ("current_eviction_exceeded_time", exceeding_ms),
        ("expired_subkeys", state.statistics["expired_fields"]),
        ("expired_stale_perc", "0.00"),
        ("keyspace_hits", ctx.keyspace.hits),
        ("keyspace_misses", ctx.keyspace.misses),
        ("pubsub_channels", len(channels)),
        ("pubsub_patterns", len(patterns)),
        ("pubsubshard_channels", len(shard_channels)),
        ("tracking_total_keys", len(ctx.engine.tracking.table)),
        ("tracking_total_items", ctx.engine.tracking.items),
        ("tracking_total_prefixes", ctx.engine.tracking.prefixes),
        ("eventloop_cycles", state.cycles()),
        (
            "instantaneous_eventloop_cycles_per_sec",
            round(rates["cycles"].per_second()),
        ),
        *dict.fromkeys(_NEVER, 0).items(),
    ]


_NEVER: Final = (
    "expired_time_cap_reached_count",
    "expire_cycle_cpu_milliseconds",
    "latest_fork_usec",
    "total_forks",
    "migrate_cached_sockets",
    "slave_expires_tracked_keys",
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
    "dump_payload_sanitizations",
    "io_threaded_reads_processed",
    "io_threaded_writes_processed",
    "reply_buffer_shrinks",
    "reply_buffer_expands",
    "evicted_scripts",
)
"""Fields about what this server has not: defragmentation, eviction of
scripts, I/O threads, forks. All are 0."""


def command_statistics(ctx: Context) -> Fields:
    """Return calls and time of each command that was called."""
    fields: Fields = []
    for command in every_command():
        counts = ctx.server.counts[command.number]
        if counts.calls or counts.failed or counts.rejected:
            microseconds = counts.nanoseconds // 1000
            each = counts.nanoseconds / 1000 / counts.calls if counts.calls else 0.0
            text = (
                f"calls={counts.calls},usec={microseconds},usec_per_call={each:.2f},"
                f"rejected_calls={counts.rejected},failed_calls={counts.failed}"
            )
            fields.append((f"cmdstat_{command.name}", text))
    return fields


def error_statistics(ctx: Context) -> Fields:
    """Return how many error replies had each code."""
    return [
        (f"errorstat_{code.decode('utf-8', 'surrogateescape')}", f"count={count}")
        for code, count in sorted(ctx.server.error_codes.items())
    ]


def latency_statistics(ctx: Context) -> Fields:
    """Return percentiles in us of each command; nothing while tracking is off."""
    config = ctx.server.config
    if not config.latency_tracking:
        return []
    wanted = config.latency_tracking_info_percentiles
    return [
        (
            f"latency_percentiles_usec_{command.name}",
            ",".join(
                f"p{percent:g}={percentile_ns(delays, percent) / 1000:.3f}"
                for percent in wanted
            ),
        )
        for command in every_command()
        if (delays := ctx.server.counts[command.number].delays())
    ]


def keyspace(ctx: Context) -> Fields:
    """Return the number of keys, and of those with a deadline, of each database."""
    return [
        (f"db{database.index}", _database(database))
        for database in ctx.keyspace.databases
        if len(database)
    ]


def _database(database: Database) -> str:
    return (
        f"keys={len(database)},expires={len(database.deadlines)},"
        f"avg_ttl={_mean_ttl_ms(database)}"
    )


def _mean_ttl_ms(database: Database) -> int:
    """Return the mean time that keys have left, over a sample, in ms."""
    now_ms = database.keyspace.now_ms
    sample = [
        max(deadline_ms - now_ms, 0)
        for deadline_ms, _ in zip(
            database.deadlines.values(), range(_TTL_SAMPLE), strict=False
        )
    ]
    return sum(sample) // len(sample) if sample else 0
