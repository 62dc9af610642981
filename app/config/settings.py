"""Every setting that this server acts on, once.

Those that it only accepts and reports are in `accepted`. docs/configuration.md is
written from both by `make docs`.
"""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.kinds import (
    INT_MAX,
    LONG_MAX,
    Boolean,
    Choice,
    Integer,
    Memory,
    Octal,
    Secret,
    Text,
)
from joblog.app.config.particular import (
    Addresses,
    BufferLimit,
    EventClasses,
    Folder,
    Frequency,
    OutputBufferLimits,
    Percentiles,
    RawLines,
    SavePoint,
    SavePoints,
)

_MB = 1024 * 1024


class NetworkSettings:
    """Where the server listens, and for whom."""

    port = Integer(6379, "The TCP port; 0 listens on none.", 0, 65535)
    bind = Addresses(
        ("*", "-::*"),
        "Addresses to listen on. `*` is every one; a leading `-` forgives an address "
        "that this machine lacks.",
    )
    unixsocket = Text("", "The path of a Unix socket to listen on.", live=False)
    unixsocketperm = Octal(0, "Permissions of the Unix socket.", live=False)
    tcp_backlog = Integer(
        511,
        "Connections that may wait to be accepted; the system may allow fewer "
        "(`net.core.somaxconn`), which is a warning at the start.",
        0,
        INT_MAX,
        live=False,
    )
    tcp_keepalive = Integer(
        300, "Idle time before TCP asks whether the peer lives; 0 never asks.", unit="s"
    )
    protected_mode = Boolean(
        "yes",
        "Serve only this machine's clients while no password is set, whatever `bind` "
        "says.",
    )
    requirepass = Secret(b"", "The password of the default user; empty asks for none.")


class ClientSettings:
    """What a client may cost."""

    timeout = Integer(0, "Close clients that are idle so long; 0 never.", unit="s")
    maxclients = Integer(10000, "Most clients at a time.", 1, 4294967295)
    proto_max_bulk_len = Memory(
        512 * _MB, "The longest string that a client may send or build.", _MB, LONG_MAX
    )
    client_query_buffer_limit = Memory(
        1024 * _MB, "The most unread input of one client.", _MB, LONG_MAX
    )
    client_output_buffer_limit = OutputBufferLimits(
        {
            "normal": BufferLimit(1024 * _MB, 0, 0),
            "slave": BufferLimit(256 * _MB, 64 * _MB, 60),
            "pubsub": BufferLimit(32 * _MB, 8 * _MB, 60),
        },
        "How many bytes of unsent replies end a client's connection, by its class: "
        "at once above the hard limit, or after some seconds above the soft one. "
        "0 is no limit. Redis's default for normal clients is none.",
    )
    databases = Integer(16, "Number of databases.", 1, INT_MAX, live=False)
    busy_reply_threshold = Integer(
        5000,
        "How long a script runs before other clients get BUSY; 0 never.",
        0,
        LONG_MAX,
        unit="ms",
        aliases=("lua-time-limit",),
    )
    script_memory_max = Memory(
        1024 * _MB,
        "How much memory all scripts and functions together may hold.",
        16 * _MB,
        LONG_MAX,
    )
    tracking_table_max_keys = Integer(
        1000000,
        "Keys of which is kept who caches them (CLIENT TRACKING); 0 is no limit.",
        0,
        LONG_MAX,
    )
    notify_keyspace_events = EventClasses(
        frozenset(), "Which keyspace events are published; empty publishes none."
    )


class LogSettings:
    """The command log, and how safe a write is when it is acknowledged."""

    dir = Folder(
        "./joblog-data",
        "The data folder; it is made where it is missing.",
        live="same",
        protected=True,
    )
    appendonly = Boolean(
        "yes",
        "Keep the command log, synced as `appendfsync` says. With `no` it is kept all "
        "the same while there are `save` rules, synced when the system likes; with "
        '`no` and `save ""` all is in memory only.',
        live="same",
    )
    memory_only = Boolean(
        "no",
        "Keep no log: whatever the server holds is lost when it stops. `--memory-only` "
        "is short for `--memory-only yes`.",
        live=False,
    )
    import_found = Boolean(
        "no",
        "Where the log has no records yet, bring in the `dump.rdb` or `appendonlydir` "
        "that lies in `dir`, as `replay import` does, before clients are served. "
        "`--import-found` is short for `--import-found yes`.",
        live=False,
    )
    appendfsync = Choice(
        "everysec",
        "When the log is synced to the disk: before each reply, every second, or when "
        "the system likes.",
        ("everysec", "always", "no"),
    )
    segment_bytes_max = Memory(
        64 * _MB,
        "Seal a log segment at this size and begin the next; at a quarter of "
        "`log-retention-bytes` where that is less.",
        4096,
        LONG_MAX,
    )
    disk_reserve = Memory(
        16 * _MB,
        "Refuse writes with `-MISCONF` while no more is free on the disk of `dir`; "
        "nothing but the log itself and what frees old segments uses it. 0 keeps none.",
    )
    save = SavePoints(
        (SavePoint(3600, 1), SavePoint(300, 100), SavePoint(60, 10000)),
        "Make a snapshot that many seconds after the last if the log got that many "
        "records; empty makes none by itself.",
    )
    snapshots_kept = Integer(
        2, "How many snapshots are kept; older ones are removed.", 1, INT_MAX
    )
    log_retention_bytes = Memory(
        0,
        "Prune the oldest segments while this many bytes are left behind them, once a "
        "snapshot stands for them; 0 keeps everything.",
    )
    log_retention_seconds = Integer(
        0,
        "Prune segments that were sealed so long ago, once a snapshot stands for them; "
        "0 keeps everything.",
        0,
        LONG_MAX,
        unit="s",
    )
    log_archive_command = Text(
        "",
        "Run for each segment once it is sealed; `%p` is its path, `%f` its name. "
        "It is tried again where it fails; no segment is pruned or packed before.",
        protected=True,
    )
    log_anchor_command = Text(
        "",
        "Run after each seal, and after `log-anchor-seconds`, with a line on its "
        "standard input: the log's digest, to be kept elsewhere (`replay anchor`). It "
        "is tried again where it fails.",
        protected=True,
    )
    log_anchor_seconds = Integer(
        3600,
        "Have `log-anchor-command` take the digest so often, where the log has grown; "
        "0 does so after a seal alone.",
        0,
        LONG_MAX,
        unit="s",
    )
    log_anchor_key = Text(
        "",
        "A PEM file with the Ed25519 key that signs what `log-anchor-command` gets; "
        "needs `joblog[sign]`.",
        protected=True,
    )
    past_views_max = Integer(
        4,
        "How many moments of the past may be open at a time (CLIENT AT), each in a "
        "process of its own; 0 allows none.",
        0,
        1000,
    )
    past_view_memory_max = Memory(
        512 * _MB,
        "How much memory the process of such a moment may hold, which `maxmemory` does "
        "not count; 0 is no limit.",
        0,
        LONG_MAX,
    )
    past_view_seconds_max = Integer(
        3600,
        "How long such a moment may stay open, the time to open it included; 0 is no "
        "limit.",
        unit="s",
    )
    past_view_idle_seconds_max = Integer(
        300,
        "How long such a moment stays open while nobody asks anything; 0: no limit.",
        unit="s",
    )
    rdb_key_save_delay = Integer(
        0,
        "How long the child that makes a snapshot waits at each key, for test suites; "
        "below 0, how many keys it saves in a microsecond.",
        -INT_MAX - 1,
        INT_MAX,
        unit="us",
        hidden=True,
    )
    key_load_delay = Integer(
        0,
        "How long a start waits at each record, and DEBUG RELOAD at each key, for test "
        "suites; below 0, how many they take in a microsecond.",
        -INT_MAX - 1,
        INT_MAX,
        unit="us",
        hidden=True,
    )
    log_connections = Choice(
        "no",
        "Whose coming and going the log has: nobody's, that of named clients, or all.",
        ("no", "named", "all"),
    )
    log_access = Choice(
        "users",
        "If the log has refusals, logins and changes: never, with users, always.",
        ("no", "users", "yes"),
    )
    log_compression = Choice("no", "How sealed segments are packed.", ("no", "zlib"))
    shutdown_timeout = Integer(
        10, "SHUTDOWN waits for the log, however long.", unit="s", effect=False
    )


class OperationSettings:
    """What the server reports, and what operators may do."""

    hz = Frequency(
        10, "How often a second expired keys and idle clients are looked for."
    )
    active_expire_effort = Integer(
        1, "Keys are removed when they are due anyway.", 1, 10, effect=False
    )
    slowlog_log_slower_than = Integer(
        10000,
        "Commands that run longer go to the slow log; 0 takes all, -1 none.",
        -1,
        LONG_MAX,
        unit="us",
        aliases=("commandlog-execution-slower-than",),
    )
    slowlog_max_len = Integer(
        128,
        "Entries that the slow log keeps.",
        0,
        LONG_MAX,
        aliases=("commandlog-slow-execution-max-len",),
    )
    latency_monitor_threshold = Integer(
        0, "Delays that LATENCY notes; 0 notes none.", 0, LONG_MAX, unit="ms"
    )
    latency_tracking = Boolean(
        "yes", "Keep how long commands take: LATENCY HISTOGRAM, INFO latencystats."
    )
    latency_tracking_info_percentiles = Percentiles(
        (50.0, 99.0, 99.9), "Which percentiles INFO latencystats shows."
    )
    hash_max_listpack_entries = Integer(
        512,
        "The largest hash that OBJECT ENCODING calls a listpack.",
        0,
        LONG_MAX,
        aliases=("hash-max-ziplist-entries",),
    )
    hash_max_listpack_value = Memory(
        64,
        "The longest field or value in such a hash.",
        aliases=("hash-max-ziplist-value",),
    )
    stream_node_max_entries = Integer(
        100,
        "How many entries of a stream approximate trimming drops at once; 0 goes by "
        "their size alone.",
        0,
        LONG_MAX,
    )
    stream_node_max_bytes = Memory(
        4096, "How large such a node of a stream gets; 0 goes by its entries alone."
    )
    list_max_listpack_size = Integer(
        -2,
        "The largest list that OBJECT ENCODING calls a listpack: elements, or -1 to "
        "-5 for 4kb to 64kb.",
        -INT_MAX - 1,
        INT_MAX,
        aliases=("list-max-ziplist-size",),
    )
    set_max_intset_entries = Integer(
        512, "The largest set of integers that is called an intset.", 0, LONG_MAX
    )
    set_max_listpack_entries = Integer(
        128, "The largest set that is called a listpack.", 0, LONG_MAX
    )
    set_max_listpack_value = Memory(64, "The longest member of such a set.")
    zset_max_listpack_entries = Integer(
        128,
        "The largest sorted set that is called a listpack.",
        0,
        LONG_MAX,
        aliases=("zset-max-ziplist-entries",),
    )
    zset_max_listpack_value = Memory(
        64,
        "The longest member of such a sorted set.",
        aliases=("zset-max-ziplist-value",),
    )
    hll_sparse_max_bytes = Memory(
        3000, "The longest HyperLogLog that is kept sparse, its header included."
    )
    rename_command = RawLines(
        "A command and an empty name switch that command off for clients and scripts.",
        2,
        2,
        "rename-command",
        stop=stops.Stop(
            "any other new name",
            "a command can be switched off here but not get another name, since the "
            'log knows it by its own; give it the name "", or remove the directive',
            lambda lines: any(name for _, name in lines),
        ),
    )
    user = RawLines("An ACL user: its name, and its rules.", 1, INT_MAX, "user")
    loadmodule = RawLines(
        "There are no modules.",
        1,
        INT_MAX,
        "loadmodule",
        effect=False,
        stop=stops.Stop(
            "any", "this server cannot load modules; remove the directive", bool
        ),
    )
