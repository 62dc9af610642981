"""Settings of replication and cluster mode, which this server does not have.

Their defaults are accepted and reported. What would change what a client may count on
is refused, with the reason.
"""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.checked import HostName
from joblog.app.config.kinds import (
    INT_MAX,
    LONG_MAX,
    Boolean,
    Choice,
    Integer,
    Memory,
    Secret,
    Text,
    Words,
)

_MB = 1024 * 1024


def _is_primary(value: tuple[str, ...]) -> bool:
    return bool(value) and tuple(word.lower() for word in value) != ("no", "one")


class ReplicationSettings:
    """Replication: there is none yet."""

    replicaof = Words(
        (),
        "A server to follow; only none is possible.",
        live=False,
        effect=False,
        aliases=("slaveof",),
        stop=stops.Stop(
            "any but `no one`",
            "this server cannot be a replica; remove the directive",
            _is_primary,
        ),
    )
    masterauth = Secret(
        b"", "There is no replication.", effect=False, aliases=("primaryauth",)
    )
    masteruser = Text(
        "", "There is no replication.", effect=False, aliases=("primaryuser",)
    )
    replica_announce_ip = Text(
        "", "There is no replication.", effect=False, aliases=("slave-announce-ip",)
    )
    replica_announce_port = Integer(
        0,
        "There is no replication.",
        0,
        65535,
        effect=False,
        aliases=("slave-announce-port",),
    )
    replica_announced = Boolean("yes", "There is no replication.", effect=False)
    replica_ignore_disk_write_errors = Boolean(
        "no", "There is no replication.", effect=False
    )
    replica_ignore_maxmemory = Boolean(
        "yes",
        "There is no replication.",
        effect=False,
        aliases=("slave-ignore-maxmemory",),
    )
    replica_lazy_flush = Boolean(
        "no", "There is no replication.", effect=False, aliases=("slave-lazy-flush",)
    )
    replica_priority = Integer(
        100, "There is no replication.", effect=False, aliases=("slave-priority",)
    )
    replica_read_only = Boolean(
        "yes", "There is no replication.", effect=False, aliases=("slave-read-only",)
    )
    replica_serve_stale_data = Boolean(
        "yes",
        "There is no replication.",
        effect=False,
        aliases=("slave-serve-stale-data",),
    )
    min_replicas_to_write = Integer(
        0,
        "There is no replication.",
        effect=False,
        aliases=("min-slaves-to-write",),
        stop=stops.above_zero(
            "there are no replicas here, so none would have a write; set it to 0"
        ),
    )
    min_replicas_max_lag = Integer(
        10,
        "There is no replication.",
        unit="s",
        effect=False,
        aliases=("min-slaves-max-lag",),
    )
    repl_backlog_size = Memory(
        _MB, "There is no replication.", 1, LONG_MAX, effect=False
    )
    repl_backlog_ttl = Integer(
        3600, "There is no replication.", 0, LONG_MAX, unit="s", effect=False
    )
    repl_disable_tcp_nodelay = Boolean("no", "There is no replication.", effect=False)
    repl_diskless_load = Choice(
        "disabled",
        "There is no replication.",
        ("disabled", "on-empty-db", "swapdb"),
        effect=False,
    )
    repl_diskless_sync = Boolean("yes", "There is no replication.", effect=False)
    repl_diskless_sync_delay = Integer(
        5, "There is no replication.", unit="s", effect=False
    )
    repl_diskless_sync_max_replicas = Integer(
        0, "There is no replication.", effect=False
    )
    repl_ping_replica_period = Integer(
        10,
        "There is no replication.",
        1,
        INT_MAX,
        unit="s",
        effect=False,
        aliases=("repl-ping-slave-period",),
    )
    repl_timeout = Integer(
        60, "There is no replication.", 1, INT_MAX, unit="s", effect=False
    )


class ClusterSettings:
    """Cluster mode: there is none."""

    cluster_enabled = Boolean(
        "no",
        "Cluster mode; only `no` is possible.",
        live=False,
        effect=False,
        stop=stops.if_on("this server has no cluster mode; set it to no"),
    )
    cluster_config_file = Text(
        "nodes.conf", "There is no cluster mode.", live=False, effect=False
    )
    cluster_node_timeout = Integer(
        15000, "There is no cluster mode.", 0, LONG_MAX, unit="ms", effect=False
    )
    cluster_port = Integer(
        0, "There is no cluster mode.", 0, 65535, live=False, effect=False
    )
    cluster_announce_ip = Text("", "There is no cluster mode.", effect=False)
    cluster_announce_hostname = HostName("", "There is no cluster mode.", effect=False)
    cluster_announce_human_nodename = Text(
        "", "There is no cluster mode.", effect=False
    )
    cluster_announce_port = Integer(
        0, "There is no cluster mode.", 0, 65535, effect=False
    )
    cluster_announce_tls_port = Integer(
        0, "There is no cluster mode.", 0, 65535, effect=False
    )
    cluster_announce_bus_port = Integer(
        0, "There is no cluster mode.", 0, 65535, effect=False
    )
    cluster_require_full_coverage = Boolean(
        "yes", "There is no cluster mode.", effect=False
    )
    cluster_allow_reads_when_down = Boolean(
        "no", "There is no cluster mode.", effect=False
    )
    cluster_allow_pubsubshard_when_down = Boolean(
        "yes", "There is no cluster mode.", effect=False
    )
    cluster_allow_replica_migration = Boolean(
        "yes", "There is no cluster mode.", effect=False
    )
    cluster_migration_barrier = Integer(1, "There is no cluster mode.", effect=False)
    cluster_replica_no_failover = Boolean(
        "no",
        "There is no cluster mode.",
        effect=False,
        aliases=("cluster-slave-no-failover",),
    )
    cluster_replica_validity_factor = Integer(
        10,
        "There is no cluster mode.",
        effect=False,
        aliases=("cluster-slave-validity-factor",),
    )
    cluster_link_sendbuf_limit = Memory(0, "There is no cluster mode.", effect=False)
    cluster_preferred_endpoint_type = Choice(
        "ip",
        "There is no cluster mode.",
        ("ip", "hostname", "unknown-endpoint"),
        effect=False,
    )
