"""Settings that are accepted and reported, but change nothing here.

Harnesses pass them, and clients ask for them: a redis.conf that is in use must start
this server.
"""

from __future__ import annotations

from joblog.app.config import stops
from joblog.app.config.checked import LocaleName, ShutdownWords, TitleTemplate
from joblog.app.config.kinds import (
    INT_MAX,
    LONG_MAX,
    Boolean,
    Choice,
    Integer,
    Memory,
    Text,
)
from joblog.app.config.particular import FileName, OomScores

_MB = 1024 * 1024


class PersistenceSettings:
    """Redis's own files, which the command log replaces."""

    appendfilename = FileName(
        "appendonly.aof",
        "Redis's AOF file: a start tells where it finds one.",
        live=False,
        effect=False,
    )
    appenddirname = FileName(
        "appendonlydir",
        "The folder of Redis's AOF files: a start tells where it finds one.",
        live=False,
        effect=False,
    )
    auto_aof_rewrite_percentage = Integer(
        100, "When Redis would rewrite its AOF.", effect=False
    )
    auto_aof_rewrite_min_size = Memory(
        64 * _MB, "When Redis would rewrite its AOF.", effect=False
    )
    no_appendfsync_on_rewrite = Boolean(
        "no",
        "There is no rewrite: the log is synced as `appendfsync` says.",
        effect=False,
    )
    aof_load_truncated = Boolean(
        "yes",
        "A torn tail is always cut and kept aside.",
        effect=False,
        stop=stops.if_off(
            "a torn tail, which a crash leaves, is always cut off and kept beside the "
            "log; set it to yes"
        ),
    )
    aof_use_rdb_preamble = Boolean("yes", "About Redis's AOF.", effect=False)
    aof_timestamp_enabled = Boolean(
        "no", "Every record has its time anyway.", effect=False
    )
    aof_disable_auto_gc = Boolean("no", "About Redis's AOF.", effect=False)
    aof_rewrite_incremental_fsync = Boolean("yes", "About Redis's AOF.", effect=False)
    rdbcompression = Boolean("yes", "About RDB files.", effect=False)
    rdb_del_sync_files = Boolean("no", "About RDB files.", effect=False)
    rdb_save_incremental_fsync = Boolean("yes", "About RDB files.", effect=False)
    sanitize_dump_payload = Choice(
        "no", "A payload is always checked.", ("no", "yes", "clients"), effect=False
    )
    stop_writes_on_bgsave_error = Boolean(
        "yes", "A log that cannot be written always stops writes.", effect=False
    )
    shutdown_on_sigint = ShutdownWords((), "A stop loses nothing anyway.", effect=False)
    shutdown_on_sigterm = ShutdownWords(
        (), "A stop loses nothing anyway.", effect=False
    )


class MemorySettings:
    """Redis's allocator and encodings."""

    lazyfree_lazy_eviction = Boolean(
        "no", "What is large is always freed bit by bit.", effect=False
    )
    lazyfree_lazy_expire = Boolean("no", "Python frees memory.", effect=False)
    lazyfree_lazy_server_del = Boolean("no", "Python frees memory.", effect=False)
    lazyfree_lazy_user_del = Boolean("no", "Python frees memory.", effect=False)
    lazyfree_lazy_user_flush = Boolean("no", "Python frees memory.", effect=False)
    list_compress_depth = Integer(0, "Lists are not compressed.", effect=False)
    activerehashing = Boolean(
        "yes", "Python's tables grow by themselves.", effect=False
    )
    activedefrag = Boolean("no", "There is no defragmentation.", effect=False)
    active_defrag_ignore_bytes = Memory(
        100 * _MB, "There is no defragmentation.", 1, LONG_MAX, effect=False
    )
    active_defrag_threshold_lower = Integer(
        10, "There is no defragmentation.", 0, 1000, effect=False
    )
    active_defrag_threshold_upper = Integer(
        100, "There is no defragmentation.", 0, 1000, effect=False
    )
    active_defrag_cycle_min = Integer(
        1, "There is no defragmentation.", 1, 99, effect=False
    )
    active_defrag_cycle_max = Integer(
        25, "There is no defragmentation.", 1, 99, effect=False
    )
    active_defrag_max_scan_fields = Integer(
        1000, "There is no defragmentation.", 1, LONG_MAX, effect=False
    )
    loading_process_events_interval_bytes = Integer(
        2 * _MB,
        "A log is loaded by its records, and clients are answered in between.",
        1024,
        INT_MAX,
        effect=False,
        hidden=True,
    )
    jemalloc_bg_thread = Boolean("yes", "About Redis's allocator.", effect=False)


class ProcessSettings:
    """Threads, titles, CPUs and system logs."""

    dynamic_hz = Boolean("yes", "Timers follow what is due.", effect=False)
    io_threads = Integer(1, "There is one loop.", 1, 128, live=False, effect=False)
    io_threads_do_reads = Boolean("no", "There is one loop.", live=False, effect=False)
    always_show_logo = Boolean("no", "There is no logo.", live=False, effect=False)
    set_proc_title = Boolean(
        "yes", "The title is left alone.", live=False, effect=False
    )
    proc_title_template = TitleTemplate(
        "{title} {listen-addr} {server-mode}", "The title is left alone.", effect=False
    )
    locale_collate = LocaleName("", "Strings are compared as bytes.", effect=False)
    syslog_enabled = Boolean(
        "no",
        "Nothing is written to syslog.",
        live=False,
        effect=False,
        stop=stops.if_on(
            "this server does not write to syslog; set it to no, and use logfile or "
            "the standard output, which systemd keeps in its journal"
        ),
    )
    syslog_ident = Text("redis", "About syslog.", live=False, effect=False)
    syslog_facility = Choice(
        "local0",
        "About syslog.",
        ("user", *(f"local{number}" for number in range(8))),
        live=False,
        effect=False,
    )
    crash_log_enabled = Boolean("yes", "A crash leaves a traceback.", effect=False)
    use_exit_on_panic = Boolean(
        "no", "A bug always ends with an exit code.", effect=False, hidden=True
    )
    watchdog_period = Integer(
        0, "There is no watchdog.", 0, INT_MAX, unit="ms", effect=False, hidden=True
    )
    crash_memcheck_enabled = Boolean("yes", "Memory is not tested.", effect=False)
    disable_thp = Boolean("yes", "Huge pages are left alone.", live=False, effect=False)
    oom_score_adj = Choice(
        "no",
        "The score is left alone.",
        ("no", "yes", "relative", "absolute"),
        effect=False,
        stop=stops.unless(
            "no",
            "this server leaves its OOM score as it is; set it to no, and let the "
            "service manager set the score (systemd: OOMScoreAdjust=)",
        ),
    )
    oom_score_adj_values = OomScores(
        ("0", "200", "800"), "The score is left alone.", effect=False
    )
    server_cpulist = Text(
        "",
        "CPUs are left alone.",
        live=False,
        effect=False,
        name="server_cpulist",
        aliases=("server-cpulist",),
    )
    bio_cpulist = Text(
        "",
        "CPUs are left alone.",
        live=False,
        effect=False,
        name="bio_cpulist",
        aliases=("bio-cpulist",),
    )
    aof_rewrite_cpulist = Text(
        "",
        "CPUs are left alone.",
        live=False,
        effect=False,
        name="aof_rewrite_cpulist",
        aliases=("aof-rewrite-cpulist",),
    )
    bgsave_cpulist = Text(
        "",
        "CPUs are left alone.",
        live=False,
        effect=False,
        name="bgsave_cpulist",
        aliases=("bgsave-cpulist",),
    )
    socket_mark_id = Integer(
        0,
        "Sockets are not marked.",
        0,
        4294967295,
        live=False,
        effect=False,
        stop=stops.above_zero(
            "sockets get no mark here, so what filters or routes by it would not see "
            "them; set it to 0"
        ),
    )
    bind_source_addr = Text(
        "",
        "MIGRATE connects from whichever address the system picks.",
        effect=False,
        stop=stops.if_given(
            "connections to other servers come from whichever address the system "
            "picks; remove the directive"
        ),
    )
    enable_module_command = Choice(
        "no", "There are no modules.", ("no", "yes", "local"), live=False, effect=False
    )
    ignore_warnings = Text("", "There are no such warnings.", effect=False)
    propagation_error_behavior = Choice(
        "ignore",
        "Effects never fail.",
        ("ignore", "panic", "panic-on-replicas"),
        effect=False,
    )
