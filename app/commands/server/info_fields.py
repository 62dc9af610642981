"""The sections of INFO about the server as a whole: (field, value) pairs in order.

Names are Redis's, since exporters and clients read them. A field about what this
server does not have (a cluster, replicas) has the value that Redis shows
for something that never happens; fields of the command log begin with `log_`.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from joblog.app.state import process
from joblog.app.state.process import human_bytes
from joblog.app.state.session import client_bytes
from joblog.app.version import REDIS_VERSION, VERSION

if TYPE_CHECKING:
    from joblog.app.state.context import Context

    Fields = list[tuple[str, Any]]

_DAY_SECONDS: Final = 86400
_LRU_CLOCK_MAX: Final = (1 << 24) - 1


def server(ctx: Context) -> Fields:
    """Return what runs, where, and since when."""
    state, config = ctx.server, ctx.server.config
    now, jumps = time.time(), state.jumps
    uptime = (ctx.steady_ms - state.started_steady_ms) // 1000
    return [
        ("redis_version", REDIS_VERSION),
        ("redis_git_sha1", "00000000"),
        ("redis_git_dirty", 0),
        ("redis_build_id", "0"),
        ("redis_mode", "standalone"),
        ("server_name", "joblog"),
        ("joblog_version", VERSION),
        ("os", process.operating_system()),
        ("arch_bits", 64 if sys.maxsize > 1 << 32 else 32),
        ("monotonic_clock", "POSIX clock_gettime"),
        ("multiplexing_api", "epoll" if sys.platform == "linux" else "kqueue"),
        ("atomicvar_api", "none"),
        ("gcc_version", "0.0.0"),
        ("python_version", sys.version.split()[0]),
        ("compiled", "yes" if process.is_compiled() else "no"),
        ("process_id", os.getpid()),
        ("process_supervised", state.supervised),
        ("run_id", state.run_id),
        ("tcp_port", config.port or config.tls_port),
        ("server_time_usec", int(now * 1_000_000)),
        ("clock_jumps", jumps.count),
        ("clock_last_jump_ms", jumps.last_ms),
        ("clock_last_jump_time", jumps.last_at_ms // 1000),
        ("uptime_in_seconds", uptime),
        ("uptime_in_days", uptime // _DAY_SECONDS),
        ("hz", config.hz),
        ("configured_hz", config.hz),
        ("lru_clock", int(now) & _LRU_CLOCK_MAX),
        ("executable", sys.executable),
        ("config_file", config.path or ""),
        ("io_threads_active", 0),
    ]


def _paused_clients(ctx: Context) -> int:
    """Return how many clients have a batch that CLIENT PAUSE postponed."""
    if not ctx.engine.pause.is_on:
        return 0
    sessions = ctx.server.sessions.values()
    return sum(one.postponed is not None and one.waiter is None for one in sessions)


def clients(ctx: Context) -> Fields:
    """Return who is connected."""
    state = ctx.server
    sessions = state.sessions.values()
    # What waits already need not have changed in the last seconds.
    waiting = max((session.backlog_bytes for session in sessions), default=0)
    most_input = state.recent_input.find(ctx.steady_ms)
    most_output = max(state.recent_output.find(ctx.steady_ms), waiting)
    watched = [len(session.watched) for session in sessions if session.watched]
    return [
        ("connected_clients", len(sessions)),
        ("cluster_connections", 0),
        ("maxclients", state.config.maxclients),
        ("client_recent_max_input_buffer", most_input),
        ("client_recent_max_output_buffer", most_output),
        ("blocked_clients", state.blocked_clients + _paused_clients(ctx)),
        ("tracking_clients", len(ctx.engine.tracking.clients)),
        ("pubsub_clients", ctx.engine.pubsub.clients),
        ("watching_clients", len(watched)),
        ("clients_in_timeout_table", 0),
        ("total_watched_keys", sum(watched)),
        ("total_blocking_keys", ctx.engine.blocking.awaited_keys()),
        ("total_blocking_keys_on_nokey", ctx.engine.blocking.awaited_removals()),
        *ctx.engine.pause.status().items(),
    ]


def memory(ctx: Context) -> Fields:
    """Return what is held in memory, and how much of that is in use.

    What the allocators have freed and keep is held and not in use; see
    `joblog.app.state.heap`.
    """
    used, resident = ctx.server.memory.look(), process.resident_bytes()
    peak = max(process.peak_resident_bytes(), used)
    startup = min(process.STARTUP_BYTES, used)
    dataset = used - startup
    system, limit = process.system_bytes(), ctx.server.config.maxmemory
    share = 100 * dataset / max(used - startup, 1)
    return [
        ("used_memory", used),
        ("used_memory_human", human_bytes(used)),
        ("used_memory_rss", resident),
        ("used_memory_rss_human", human_bytes(resident)),
        ("used_memory_peak", peak),
        ("used_memory_peak_human", human_bytes(peak)),
        ("used_memory_peak_perc", f"{100 * used / peak:.2f}%"),
        ("used_memory_overhead", startup),
        ("used_memory_startup", startup),
        ("used_memory_dataset", dataset),
        ("used_memory_dataset_perc", f"{share:.2f}%"),
        ("allocator_allocated", used),
        ("allocator_active", resident),
        ("allocator_resident", resident),
        ("total_system_memory", system),
        ("total_system_memory_human", human_bytes(system)),
        *_script_memory(ctx),
        ("maxmemory", limit),
        ("maxmemory_human", human_bytes(limit)),
        ("maxmemory_policy", ctx.server.config.maxmemory_policy),
        *_fragmentation(used, resident),
        ("mem_not_counted_for_evict", ctx.server.memory.not_counted),
        ("mem_replication_backlog", 0),
        ("mem_total_replication_buffers", 0),
        ("mem_clients_slaves", 0),
        ("mem_clients_normal", client_bytes(ctx.server.sessions.values())),
        ("mem_cluster_links", 0),
        ("mem_aof_buffer", 0),
        ("mem_allocator", "pymalloc"),
        ("active_defrag_running", 0),
        *_freeing(ctx),
    ]


def _freeing(ctx: Context) -> Fields:
    """Return how many large values wait to be freed, and how many were."""
    freeing = ctx.keyspace.freeing
    return [
        ("lazyfree_pending_objects", 0 if freeing is None else freeing.pending),
        ("lazyfreed_objects", 0 if freeing is None else freeing.freed),
    ]


def _script_memory(ctx: Context) -> Fields:
    """Return what scripts hold, as the scripting engine reports it."""
    known = ctx.scripts.status()
    lua, eval_bytes = known["lua_bytes"], known["script_bytes"]
    libraries = ctx.keyspace.libraries
    library_bytes = sum(map(len, libraries.values()))
    functions = ctx.engine.functions.libraries.values()
    return [
        ("used_memory_lua", lua),
        ("used_memory_vm_eval", lua),
        ("used_memory_lua_human", human_bytes(lua)),
        ("used_memory_scripts_eval", eval_bytes),
        ("number_of_cached_scripts", known["scripts"]),
        ("number_of_functions", sum(len(each.functions) for each in functions)),
        ("number_of_libraries", len(libraries)),
        ("used_memory_vm_functions", 0),
        ("used_memory_vm_total", lua),
        ("used_memory_vm_total_human", human_bytes(lua)),
        ("used_memory_functions", library_bytes),
        ("used_memory_scripts", eval_bytes + library_bytes),
        ("used_memory_scripts_human", human_bytes(eval_bytes + library_bytes)),
    ]


def _fragmentation(used: int, resident: int) -> Fields:
    """Return how much more is held than is in use, as a ratio and in bytes.

    Nobody tells how much of it lies between objects, and how much behind them.
    """
    none = ("1.00", 0)
    held = (f"{resident / max(used, 1):.2f}", resident - used)
    pairs = {
        "allocator_frag": held,
        "allocator_rss": none,
        "rss_overhead": none,
        "mem_fragmentation": held,
    }
    return [
        field
        for name, (ratio, size) in pairs.items()
        for field in ((f"{name}_ratio", ratio), (f"{name}_bytes", size))
    ]


def log_mode(ctx: Context) -> str:
    """Return whether a log is kept, and what asks for it.

    `save-rules` is a log that is synced when the system likes: `appendonly` is off.
    """
    if not ctx.server.has_log:
        return "memory-only"
    return "appendonly" if ctx.server.config.appendonly else "save-rules"


def persistence(ctx: Context) -> Fields:
    """Return how the data is kept: log and snapshots, under Redis's names for them."""
    state = ctx.server
    log = state.log_status
    fields: Fields = [
        ("loading", int(state.is_loading)),
        *dict.fromkeys(_NO_FORK, 0).items(),
        ("current_fork_perc", "0.00"),
        *_snapshots(ctx),
        ("log_mode", log_mode(ctx)),
        ("aof_enabled", int(state.has_log and state.config.appendonly)),
        ("aof_last_write_status", "ok" if state.alarm.disk_error is None else "err"),
    ]
    if state.has_log:
        unsynced = log.get("log_last_seq", 0) - log.get("log_synced_seq", 0)
        fields += [
            ("aof_current_size", log.get("log_size_bytes", 0)),
            ("aof_base_size", 0),
            ("aof_pending_rewrite", 0),
            ("aof_buffer_length", 0),
            ("aof_pending_bio_fsync", int(unsynced > 0)),
            ("aof_delayed_fsync", 0),
            *log.items(),
            *state.past_status.items(),
            ("log_snapshot_seq", state.saves.last_seq),
            ("log_proofs_checked", state.saves.proven),
            ("log_proofs_failed", state.saves.differences),
            ("log_retention_status", _retention_status(ctx)),
            ("log_retention_error", " ".join(state.saves.trouble.split())),
            ("log_snapshot_error", " ".join(state.saves.error.split())),
            *state.archive_status.items(),
            *state.anchor_status.items(),
            *state.index_status.items(),
            *state.key_status.items(),
            ("log_folding_seq", state.saves.progress.get("seq", 0)),
        ]
    return fields + _loading(ctx)


def _retention_status(ctx: Context) -> str:
    """Return whether the log is pruned and packed as the settings say."""
    is_archived = ctx.server.archive_status.get("log_archive_status") != "err"
    return "ok" if is_archived and not ctx.server.saves.trouble else "err"


def _snapshots(ctx: Context) -> Fields:
    """Return how snapshots go: RDB's fields, and those of a rewrite of the AOF."""
    saves = ctx.server.saves
    is_saving, is_rewriting = saves.running == "save", saves.running == "rewrite"
    elapsed = (ctx.steady_ms - saves.began_ms) // 1000
    return [
        ("current_save_keys_processed", saves.progress.get("keys", 0)),
        ("current_save_keys_total", sum(map(len, ctx.keyspace.databases))),
        ("rdb_changes_since_last_save", saves.changes),
        ("rdb_bgsave_in_progress", int(is_saving)),
        ("rdb_last_save_time", saves.last_at_ms // 1000),
        ("rdb_last_bgsave_status", "ok" if saves.is_ok else "err"),
        ("rdb_last_bgsave_time_sec", saves.took_seconds),
        ("rdb_current_bgsave_time_sec", elapsed if is_saving else -1),
        ("rdb_saves", saves.count),
        ("aof_rewrite_in_progress", int(is_rewriting)),
        ("aof_rewrite_scheduled", int(saves.scheduled == "rewrite")),
        ("aof_rewrites", saves.rewrites),
        ("aof_last_rewrite_time_sec", saves.rewrite_took_seconds),
        ("aof_current_rewrite_time_sec", elapsed if is_rewriting else -1),
        ("aof_last_bgrewrite_status", "ok" if saves.is_rewrite_ok else "err"),
    ]


_NO_FORK: Final = (
    "async_loading",
    "current_cow_peak",
    "current_cow_size",
    "current_cow_size_age",
    "rdb_last_cow_size",
    "rdb_last_load_keys_expired",
    "rdb_last_load_keys_loaded",
    "aof_rewrites_consecutive_failures",
    "aof_last_cow_size",
    "module_fork_in_progress",
    "module_fork_last_cow_size",
)
"""Fields about a fork of the process: there is none, so all are 0."""


def _loading(ctx: Context) -> Fields:
    """Return how far recovery has come, while it goes on."""
    state = ctx.server
    if not state.is_loading:
        return []
    facts = state.loading
    total, size = facts.get("total_records", 0), facts.get("total_bytes", 0)
    loaded = facts.get("loaded_records", 0)
    elapsed = (ctx.steady_ms - state.started_steady_ms) / 1000
    eta = int(elapsed * (total - loaded) / loaded) if loaded else 1
    return [
        ("loading_start_time", state.started_at_ms // 1000),
        ("loading_total_bytes", size),
        ("loading_rdb_used_mem", 0),
        ("loading_loaded_bytes", size * loaded // max(total, 1)),
        ("loading_loaded_perc", f"{100 * loaded / max(total, 1):.2f}"),
        ("loading_eta_seconds", max(eta, 0)),
        ("loading_total_records", total),
        ("loading_loaded_records", loaded),
        ("loading_checked_bytes", facts.get("checked_bytes", 0)),
        ("loading_checked_total_bytes", facts.get("checked_total", 0)),
    ]


def cpu(_: Context) -> Fields:
    """Return the CPU time of the process, in seconds."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    thread = resource.getrusage(getattr(resource, "RUSAGE_THREAD", 0))
    return [
        ("used_cpu_sys", f"{own.ru_stime:.6f}"),
        ("used_cpu_user", f"{own.ru_utime:.6f}"),
        ("used_cpu_sys_children", f"{children.ru_stime:.6f}"),
        ("used_cpu_user_children", f"{children.ru_utime:.6f}"),
        ("used_cpu_sys_main_thread", f"{thread.ru_stime:.6f}"),
        ("used_cpu_user_main_thread", f"{thread.ru_utime:.6f}"),
    ]


def modules(_: Context) -> Fields:
    """Return nothing: there are no modules."""
    return []


def cluster(_: Context) -> Fields:
    """Return that cluster mode is off."""
    return [("cluster_enabled", 0)]
