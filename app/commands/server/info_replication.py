"""The section Replication of INFO.

Source: Redis 7.0.15 as a replica; see tests/replication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from joblog.app.commands.server.info_fields import Fields
    from joblog.app.state.context import Context

_NO_OFFSET: Final = 1
"""What Redis says where it has no master's history to go on from."""


def replication(ctx: Context) -> Fields:
    """Return whom the server follows, and who follows it."""
    state, replicas = ctx.server.replication, ctx.server.replicas
    is_sent = replicas.is_sent
    part = "slave" if state.is_replica else "master"
    shown = replicas if is_sent and not state.is_replica else state
    length = replicas.offset - replicas.first_offset + 1 if is_sent else 0
    return [
        ("role", part),
        *(_link(ctx) if state.is_replica else []),
        *_replicas(ctx),
        ("master_failover_state", state.failover.state),
        ("master_replid", shown.id),
        ("master_replid2", shown.second_id),
        ("master_repl_offset", shown.offset),
        ("second_repl_offset", shown.second_offset),
        ("repl_backlog_active", int(is_sent)),
        ("repl_backlog_size", ctx.server.config.repl_backlog_size),
        ("repl_backlog_first_byte_offset", replicas.first_offset if is_sent else 0),
        ("repl_backlog_histlen", length),
    ]


def _replicas(ctx: Context) -> Fields:
    """Return who follows the server, and how far each has come."""
    replicas, config = ctx.server.replicas, ctx.server.config
    attached = replicas.attached()
    now_ms = ctx.server.steady_ms()
    is_leader = not ctx.server.replication.is_replica
    followers = ctx.server.cluster.online(now_ms) if is_leader else []
    fields: Fields = [("connected_slaves", len(attached) + len(followers))]
    least, lag_max_s = config.min_replicas_to_write, config.min_replicas_max_lag
    if least and lag_max_s:
        good = replicas.good(now_ms, lag_max_s) + len(followers)
        fields.append(("min_slaves_good_slaves", good))
    for number, one in enumerate(attached):
        lag = _seconds_since(ctx, one.heard_ms) if one.is_online else 0
        line = (
            f"ip={one.address},port={one.port},state={one.state},"
            f"offset={one.offset},lag={lag}"
        )
        fields.append((f"slave{number}", line))
    for number, node in enumerate(followers, len(attached)):
        line = (
            f"ip={node.address.host},port={node.address.port},state=online,"
            f"offset={node.seq},lag={_seconds_since(ctx, node.heard_ms)}"
        )
        fields.append((f"slave{number}", line))
    return fields


def _link(ctx: Context) -> Fields:
    """Return how the link to the followed server is."""
    state, config = ctx.server.replication, ctx.server.config
    link, master = state.link, state.master
    assert master is not None
    heard = _seconds_since(ctx, link.last_io_ms) if link.last_io_ms else -1
    # A Sentinel promotes whoever says most: who is to have a dataset says nothing yet.
    offset = _NO_OFFSET if link.state == "sync" else state.offset
    fields: Fields = [
        ("master_host", master.host),
        ("master_port", master.port),
        ("master_link_status", "up" if link.is_up else "down"),
        ("master_last_io_seconds_ago", heard if link.is_up else -1),
        ("master_sync_in_progress", int(link.state == "sync")),
        ("slave_read_repl_offset", offset),
        ("slave_repl_offset", offset),
    ]
    if link.state == "sync":
        total, come = link.sync_total, link.sync_bytes
        fields += [
            ("master_sync_total_bytes", total),
            ("master_sync_read_bytes", come),
            ("master_sync_left_bytes", total - come if total else -come),
            ("master_sync_perc", f"{100 * come / total if total else 0:.2f}"),
            ("master_sync_last_io_seconds_ago", heard),
        ]
    if not link.is_up:
        since = link.down_since_ms
        down = -1 if since < 0 else _seconds_since(ctx, since)
        fields.append(("master_link_down_since_seconds", down))
    return [
        *fields,
        ("master_link_last_error", link.error),
        ("slave_priority", config.replica_priority),
        ("slave_read_only", int(config.replica_read_only)),
        ("replica_announced", int(config.replica_announced)),
    ]


def _seconds_since(ctx: Context, steady_ms: int) -> int:
    return max(ctx.server.steady_ms() - steady_ms, 0) // 1000
