"""Settings of replication and of cluster mode.

There is no cluster mode: there the defaults are accepted and reported, and what would
change what a client may count on is refused, with the reason.
"""

from __future__ import annotations

from typing import Final

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
    SettingError,
    Text,
    Words,
)

_MB = 1024 * 1024


_PORT_MAX: Final = 65535
_LOG: Final = "The log is the backlog: replicas go on from there."
_BY_FILE: Final = "A child process writes the dataset of a replica to a file."


class ServerAddress(Words):
    """The host and the port of another server; `no one` or nothing for none."""

    expects = "a host and a port, or no one"

    def check(self, value: tuple[str, ...]) -> None:
        """Refuse what is no address, in Redis's words."""
        if not value or tuple(word.lower() for word in value) == ("no", "one"):
            return
        if len(value) != 2:  # noqa: PLR2004 - a host and a port
            raise SettingError("wrong number of arguments")
        if not (value[1].isdecimal() and 0 < int(value[1]) <= _PORT_MAX):
            raise SettingError("Invalid master port")


class ReplicationSettings:
    """Replication."""

    replicaof = ServerAddress(
        (),
        "The server to follow, as host and port: REPLICAOF changes it.",
        live=False,
        aliases=("slaveof",),
    )
    masterauth = Secret(
        b"", "The password for the server that it follows.", aliases=("primaryauth",)
    )
    masteruser = Text(
        "",
        "The user there; empty for a password alone.",
        aliases=("primaryuser",),
    )
    replica_announce_ip = Text(
        "",
        "The address that it tells the server that it follows.",
        aliases=("slave-announce-ip",),
    )
    replica_announce_port = Integer(
        0,
        "The port that it tells it; 0 for the one that it listens on.",
        0,
        _PORT_MAX,
        aliases=("slave-announce-port",),
    )
    replica_announced = Boolean(
        "yes", "Whether INFO says that Sentinel is to tell clients of it."
    )
    replica_ignore_disk_write_errors = Boolean(
        "no",
        "A replica whose disk takes nothing applies nothing, and waits.",
        effect=False,
    )
    replica_ignore_maxmemory = Boolean(
        "yes",
        "What its master sends is applied whatever maxmemory says.",
        effect=False,
        aliases=("slave-ignore-maxmemory",),
    )
    replica_lazy_flush = Boolean(
        "no",
        "What goes is always freed a slice at a time.",
        effect=False,
        aliases=("slave-lazy-flush",),
    )
    replica_priority = Integer(
        100,
        "How soon Sentinel is to promote it; 0 for never. INFO says it.",
        aliases=("slave-priority",),
    )
    replica_read_only = Boolean(
        "yes",
        "Whether clients may not write while it follows a server.",
        aliases=("slave-read-only",),
    )
    replica_serve_stale_data = Boolean(
        "yes",
        "Whether clients may read while the link to that server is down.",
        aliases=("slave-serve-stale-data",),
    )
    replica_log = Boolean(
        "no",
        "Take the log itself, record by record, of a joblog that is followed and says "
        "the same, and give it to such replicas.",
    )
    min_replicas_to_write = Integer(
        0,
        "How many replicas there must be for clients to write; 0 for none.",
        aliases=("min-slaves-to-write",),
    )
    min_replicas_max_lag = Integer(
        10,
        "How long ago such a replica may have been heard.",
        unit="s",
        aliases=("min-slaves-max-lag",),
    )
    reply_after_replicas = Integer(
        0,
        "Hold each reply until so many replicas have what was written before it "
        "durably; 0 holds none.",
        0,
        INT_MAX,
    )
    repl_backlog_size = Memory(_MB, _LOG, 1, LONG_MAX, effect=False)
    repl_backlog_ttl = Integer(3600, _LOG, 0, LONG_MAX, unit="s", effect=False)
    repl_disable_tcp_nodelay = Boolean(
        "no", "Replicas are sent what there is at once.", effect=False
    )
    repl_diskless_load = Choice(
        "disabled",
        "A dataset goes to a file first, whatever is set.",
        ("disabled", "on-empty-db", "swapdb"),
        effect=False,
    )
    repl_diskless_sync = Boolean("yes", _BY_FILE, effect=False)
    repl_diskless_sync_delay = Integer(5, _BY_FILE, unit="s", effect=False)
    repl_diskless_sync_max_replicas = Integer(0, _BY_FILE, effect=False)
    repl_ping_replica_period = Integer(
        10,
        "How long replicas are sent nothing before they are sent a PING.",
        1,
        INT_MAX,
        unit="s",
        aliases=("repl-ping-slave-period",),
    )
    repl_timeout = Integer(
        60,
        "After how long without a word the link to a master or a replica is given up.",
        1,
        INT_MAX,
        unit="s",
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
