"""Settings that only Valkey has: its configuration files start this server too."""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.kinds import (
    INT_MAX,
    LONG_MAX,
    ULONG_MAX,
    Boolean,
    Choice,
    Integer,
    Memory,
    Text,
    Words,
)

_MB = 1024 * 1024
_CLUSTER = "There is no cluster mode."
_REPLICATION = "There is no replication."
_RDMA = "There is no RDMA."
_LARGE = "Only slow commands are kept, in the slow log."


class ValkeySettings:
    """What only Valkey knows."""

    unixsocketgroup = Text(
        "",
        "The Unix socket belongs to the server's own group.",
        live=False,
        effect=False,
        stop=stops.if_given(
            "the Unix socket stays with the server's own group; remove the directive, "
            "and start the server with that group"
        ),
    )
    import_mode = Boolean(
        "no",
        "Keys expire when they are due.",
        effect=False,
        stop=stops.if_on(
            "keys expire here also while others are imported; set it to no, and use "
            "'replay import'"
        ),
    )
    rdma_port = Integer(
        0,
        _RDMA,
        0,
        65535,
        effect=False,
        stop=stops.above_zero("this server has no RDMA; set it to 0"),
    )
    rdma_bind = Words((), _RDMA, effect=False)
    rdma_rx_size = Memory(_MB, _RDMA, 64 * 1024, 16 * _MB, live=False, effect=False)
    rdma_completion_vector = Integer(-1, _RDMA, -1, 1024, live=False, effect=False)
    hide_user_data_from_log = Boolean(
        "yes", "The server's log file never holds data of users.", effect=False
    )
    rdb_version_check = Choice(
        "strict", "About RDB files.", ("strict", "relaxed"), effect=False
    )
    availability_zone = Text("", "Nothing goes by it.", effect=False)
    extended_redis_compatibility = Boolean(
        "no", "This server always says that it is Redis.", effect=False
    )
    hash_seed = Text(
        "", "Python's tables have seeds of their own.", live=False, effect=False
    )
    log_timestamp_format = Choice(
        "legacy",
        "Times are always ISO 8601, with the zone.",
        ("legacy", "iso8601", "milliseconds"),
        effect=False,
    )
    commandlog_request_larger_than = Integer(_MB, _LARGE, -1, LONG_MAX, effect=False)
    commandlog_large_request_max_len = Integer(128, _LARGE, 0, LONG_MAX, effect=False)
    commandlog_reply_larger_than = Integer(_MB, _LARGE, -1, LONG_MAX, effect=False)
    commandlog_large_reply_max_len = Integer(128, _LARGE, 0, LONG_MAX, effect=False)
    max_new_connections_per_cycle = Integer(
        10, "The loop takes 100 at a time.", 1, 1000, effect=False
    )
    mptcp = Boolean("no", "Clients connect over plain TCP.", live=False, effect=False)
    prefetch_batch_max_size = Integer(16, "There is one loop.", 0, 128, effect=False)
    active_defrag_cycle_us = Integer(
        500, "There is no defragmentation.", 0, 100000, unit="us", effect=False
    )
    dual_channel_replication_enabled = Boolean("no", _REPLICATION, effect=False)
    repl_mptcp = Boolean("no", _REPLICATION, live=False, effect=False)
    cluster_announce_client_ipv4 = Text("", _CLUSTER, effect=False)
    cluster_announce_client_ipv6 = Text("", _CLUSTER, effect=False)
    cluster_announce_client_port = Integer(0, _CLUSTER, 0, 65535, effect=False)
    cluster_announce_client_tls_port = Integer(0, _CLUSTER, 0, 65535, effect=False)
    cluster_blacklist_ttl = Integer(60, _CLUSTER, 0, LONG_MAX, unit="s", effect=False)
    cluster_config_save_behavior = Choice(
        "sync", _CLUSTER, ("sync", "best-effort"), effect=False
    )
    cluster_databases = Integer(1, _CLUSTER, 1, INT_MAX, live=False, effect=False)
    cluster_manual_failover_timeout = Integer(
        5000, _CLUSTER, 1, INT_MAX, unit="ms", effect=False
    )
    cluster_slot_migration_log_max_len = Integer(
        1000, _CLUSTER, 0, LONG_MAX, effect=False
    )
    cluster_slot_stats_enabled = Boolean("no", _CLUSTER, effect=False)
    slot_migration_max_failover_repl_bytes = Integer(
        0, _CLUSTER, -1, ULONG_MAX, effect=False
    )
