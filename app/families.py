"""Families of metrics: the series that the server and `replay metrics` tell.

One table for both, so that what is told of the past has the names of the present.
Names follow Prometheus: base units, and `_total` behind those of counters, which stand
here without it. docs/reference/metrics.md is written from it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Family(NamedTuple):
    """What one name stands for.

    Attributes:
        name: the name; a counter's samples have `_total` behind it.
        kind: "counter", "gauge" or "histogram".
        text: what it says.
        labels: the names of its labels.
        field: the field of INFO that has it; "" for what INFO has not, or not so.
        scale: what a field's value is multiplied by.
        is_of_log: whether the log tells it, so that it is known of the past too.
    """

    name: str
    kind: str
    text: str
    labels: tuple[str, ...] = ()
    field: str = ""
    scale: float = 1
    is_of_log: bool = False

    @property
    def sample_name(self) -> str:
        """The name of its samples; a histogram has `_bucket` and others behind it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _gauge(name: str, text: str, field: str, scale: float = 1) -> Family:
    return Family(f"joblog_{name}", "gauge", text, (), field, scale)


def _counter(name: str, text: str, field: str) -> Family:
    return Family(f"joblog_{name}", "counter", text, (), field)


def _of_log(name: str, kind: str, text: str, *labels: str) -> Family:
    return Family(f"joblog_{name}", kind, text, labels, is_of_log=True)


UP: Final = Family("joblog_up", "gauge", "Whether the server answered this scrape.")
BUILD: Final = Family("joblog_build_info", "gauge", "The version.", ("version",))

FIELDS: Final = (
    _gauge("uptime_seconds", "Since the start.", "uptime_in_seconds"),
    _gauge("loading", "1 while the log is being folded.", "loading"),
    _gauge("clients_connected", "Clients.", "connected_clients"),
    _gauge("clients_blocked", "Clients that wait for a key.", "blocked_clients"),
    _gauge("clients_max", "The setting maxclients.", "maxclients"),
    _counter("connections_received", "Connections.", "total_connections_received"),
    _counter("connections_rejected", "Refused ones.", "rejected_connections"),
    _gauge("memory_used_bytes", "What maxmemory is compared with.", "used_memory"),
    _gauge("memory_resident_bytes", "What the process holds.", "used_memory_rss"),
    _gauge("memory_max_bytes", "The setting maxmemory; 0 is no limit.", "maxmemory"),
    _counter("cpu_user_seconds", "CPU time of the process.", "used_cpu_user"),
    _counter("cpu_system_seconds", "CPU time of the system for it.", "used_cpu_sys"),
    _counter("net_input_bytes", "Read from clients.", "total_net_input_bytes"),
    _counter("net_output_bytes", "Sent to clients.", "total_net_output_bytes"),
    _counter("keyspace_hits", "Look-ups that found a key.", "keyspace_hits"),
    _counter("keyspace_misses", "Look-ups that found none.", "keyspace_misses"),
    _counter("error_replies", "Error replies.", "total_error_replies"),
    _gauge("log_first_seq", "The first record that is kept.", "log_first_seq"),
    _gauge("log_synced_seq", "The last record that is durable.", "log_synced_seq"),
    _gauge("log_unsynced_records", "Records not durable.", "log_unsynced_records"),
    _gauge(
        "log_unsynced_seconds",
        "For how long the oldest of them has waited.",
        "log_unsynced_seconds",
    ),
    _gauge(
        "log_last_sync_age_seconds",
        "Since the last fsync; an idle log needs none.",
        "log_last_sync_seconds",
    ),
    _counter("log_slow_syncs", "Calls of fsync above 1 s.", "log_slow_syncs"),
    _gauge("log_longest_sync_seconds", "The longest.", "log_longest_sync_ms", 0.001),
    _gauge("log_size_bytes", "All segments.", "log_size_bytes"),
    _gauge("log_segments", "Segments.", "log_segments"),
    _gauge("log_disk_error", "1 while writes are refused for the disk.", "disk_error"),
    _counter("log_snapshots", "Snapshots made.", "rdb_saves"),
    _gauge("log_snapshot_seq", "The record of the newest one.", "log_snapshot_seq"),
    _gauge("log_indexed_seq", "How far the index goes.", "log_index_seq"),
)
"""What INFO has as one number."""

LAST_SEQ: Final = _gauge("log_last_seq", "The last record.", "log_last_seq")._replace(
    is_of_log=True
)
EXPIRED: Final = _counter(
    "keys_expired", "Keys whose deadline came.", "expired_keys"
)._replace(is_of_log=True)
EVICTED: Final = _counter(
    "keys_evicted", "Keys removed for maxmemory.", "evicted_keys"
)._replace(is_of_log=True)

COMMANDS: Final = Family(
    "joblog_commands", "counter", "Calls, reads too.", ("command",)
)
FAILED_COMMANDS: Final = Family(
    "joblog_commands_failed", "counter", "Calls that ended in an error.", ("command",)
)
REJECTED_COMMANDS: Final = Family(
    "joblog_commands_rejected", "counter", "Calls refused before.", ("command",)
)
DURATION: Final = Family(
    "joblog_command_duration_seconds",
    "histogram",
    "How long calls took, with `latency-tracking`.",
    ("command",),
)
ERRORS: Final = Family("joblog_errors", "counter", "Error replies by code.", ("code",))
KEYS: Final = Family("joblog_keys", "gauge", "Keys.", ("db",))
EXPIRING: Final = Family("joblog_keys_expiring", "gauge", "With a deadline.", ("db",))
SCRIPT_CALLS: Final = Family(
    "joblog_script_calls",
    "counter",
    "Calls of a script, by its SHA-1, or of a function, by its name.",
    ("script",),
)
SCRIPT_SECONDS: Final = Family(
    *("joblog_script_duration_seconds", "counter", "How long they took in all."),
    ("script",),
)

LOG_COMMANDS: Final = _of_log(
    "log_commands", "counter", "Records by the command that made them.", "command"
)
SCRIPT_RECORDS: Final = _of_log(
    "script_records", "counter", "Records that a script made.", "script"
)
SCRIPT_TOOK: Final = _of_log(
    "script_record_seconds", "counter", "How long the calls behind them took.", "script"
)
SCRIPT_NAMES: Final = _of_log(
    "script_info", "gauge", "What a script calls itself.", "script", "name"
)
SCHEMA: Final = _of_log(
    "schema_info", "gauge", "A schema that jobs are read by.", "schema"
)
JOBS: Final = _of_log(
    "queue_jobs",
    "gauge",
    "Jobs that are waiting, scheduled, blocked, running or failed.",
    "queue",
    "state",
)
OLDEST: Final = _of_log(
    "queue_oldest_waiting_seconds",
    "gauge",
    "For how long the oldest waiting job waits; 0 for none.",
    "queue",
)
DEEDS: Final = {
    name: _of_log(f"queue_{name}", "counter", f"How often jobs were {name}.", "queue")
    for name in ("enqueued", "taken", "done", "failed", "deleted")
}
QUEUES_BEHIND: Final = Family(
    "joblog_queues_behind_records",
    "gauge",
    "Records to be followed before queues are told.",
)

SERVER: Final = (
    *(UP, BUILD, *FIELDS, COMMANDS, FAILED_COMMANDS, REJECTED_COMMANDS, DURATION),
    *(ERRORS, KEYS, EXPIRING, SCRIPT_CALLS, SCRIPT_SECONDS, QUEUES_BEHIND),
)
"""What only a running server tells."""

HISTORY: Final = (
    *(LAST_SEQ, EXPIRED, EVICTED, LOG_COMMANDS, SCRIPT_RECORDS, SCRIPT_TOOK),
    *(SCRIPT_NAMES, SCHEMA, JOBS, OLDEST, *DEEDS.values()),
)
"""What the log tells, of the past too."""

BUCKETS_SECONDS: Final = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
"""The upper bounds of the histogram's buckets; the last one has none."""
