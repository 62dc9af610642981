"""What monitoring reads, redis_exporter above all: its fields are there, and true."""

import contextlib
import re
import time

import pytest
import redis

from tests.support.disks import server_on, small_disk
from tests.support.servers import ROOT

FIELDS = """
    active_defrag_hits active_defrag_key_hits active_defrag_key_misses
    active_defrag_misses active_defrag_running allocator_active allocator_allocated
    allocator_frag_bytes allocator_frag_ratio allocator_resident allocator_rss_bytes
    allocator_rss_ratio aof_base_size aof_buffer_length aof_current_rewrite_time_sec
    aof_current_size aof_delayed_fsync aof_enabled aof_last_bgrewrite_status
    aof_last_cow_size aof_last_rewrite_time_sec aof_last_write_status
    aof_pending_bio_fsync aof_pending_rewrite aof_rewrite_in_progress
    aof_rewrite_scheduled async_loading blocked_clients client_recent_max_input_buffer
    client_recent_max_output_buffer cluster_connections cluster_enabled
    connected_clients connected_slaves evicted_keys expired_keys expired_stale_perc
    expired_time_cap_reached_count instantaneous_input_kbps instantaneous_ops_per_sec
    instantaneous_output_kbps io_threads_active keyspace_hits keyspace_misses
    latest_fork_usec lazyfree_pending_objects lazyfreed_objects loading
    master_repl_offset maxclients maxmemory maxmemory_policy mem_aof_buffer
    mem_clients_normal mem_clients_slaves mem_fragmentation_bytes
    mem_fragmentation_ratio mem_not_counted_for_evict migrate_cached_sockets
    module_fork_in_progress module_fork_last_cow_size number_of_cached_scripts
    number_of_functions number_of_libraries os process_id pubsub_channels
    pubsub_patterns pubsubshard_channels rdb_bgsave_in_progress
    rdb_changes_since_last_save rdb_current_bgsave_time_sec rdb_last_bgsave_status
    rdb_last_bgsave_time_sec rdb_last_cow_size rdb_last_save_time redis_build_id
    redis_mode redis_version rejected_connections repl_backlog_active
    repl_backlog_first_byte_offset repl_backlog_histlen repl_backlog_size role run_id
    second_repl_offset server_time_usec slave_expires_tracked_keys sync_full
    sync_partial_err sync_partial_ok tcp_port total_blocking_keys
    total_commands_processed total_connections_received total_error_replies
    total_net_input_bytes total_net_output_bytes total_reads_processed
    total_system_memory total_writes_processed tracking_clients tracking_total_items
    tracking_total_keys tracking_total_prefixes uptime_in_seconds used_cpu_sys
    used_cpu_sys_children used_cpu_user used_cpu_user_children used_memory
    used_memory_dataset used_memory_lua used_memory_overhead used_memory_peak
    used_memory_rss used_memory_scripts used_memory_startup used_memory_vm_total
    watching_clients
""".split()  # noqa: SIM905 - a hundred lines otherwise
WORDS = {
    *("aof_last_bgrewrite_status", "aof_last_write_status", "maxmemory_policy", "os"),
    *("rdb_last_bgsave_status", "redis_build_id", "redis_mode", "redis_version"),
    *("role", "run_id"),
}


@pytest.fixture
def client(server):
    made = redis.Redis(unix_socket_path=server.path, client_name="exporter")
    with contextlib.closing(made):
        yield made


def test_every_field_that_an_exporter_reads_is_there_and_a_number(client):
    info = client.info("everything")

    assert [field for field in FIELDS if field not in info] == []
    no_numbers = {
        field: info[field]
        for field in FIELDS
        if field not in WORDS and not isinstance(info[field], int | float)
    }
    assert no_numbers == {}


def test_counts_are_those_of_what_was_done(client):
    before = client.info("all")
    client.set("k", "v")
    client.set("soon", "v", px=1)
    client.set("later", "v", ex=1000)
    with pytest.raises(redis.ResponseError):
        client.lpush("k", "x")
    while client.exists("soon"):
        time.sleep(0.002)
    after = client.info("all")

    def grown(field):
        return after[field] - before[field]

    assert after["db0"]["keys"] == 2
    assert after["db0"]["expires"] == 1
    assert 0 < after["db0"]["avg_ttl"] <= 1_000_000
    assert grown("expired_keys") == 1
    assert grown("total_error_replies") == 1
    assert grown("total_commands_processed") >= 5
    assert grown("total_net_input_bytes") > 0
    assert grown("total_net_output_bytes") > 0
    assert after["cmdstat_set"]["calls"] == 3
    assert after["cmdstat_set"]["usec"] > 0
    assert after["cmdstat_lpush"]["failed_calls"] == 1
    assert after["errorstat_WRONGTYPE"]["count"] == 1
    assert after["connected_clients"] == 1
    assert after["used_memory"] > 0
    assert after["used_memory_peak"] >= after["used_memory"]


def test_other_questions_of_an_exporter_are_answered(client):
    client.config_set("slowlog-log-slower-than", 0)
    client.config_set("latency-tracking", "yes")
    client.set("k", "v")

    assert client.slowlog_len() > 0
    assert client.slowlog_get(1)[0]["duration"] >= 0
    assert client.execute_command("LATENCY", "LATEST") == []
    assert "set" in str(client.execute_command("LATENCY", "HISTOGRAM", "set"))
    assert int(client.config_get("maxclients")["maxclients"]) > 0
    assert client.memory_stats()["keys.count"] == 1
    assert [found["name"] for found in client.client_list()] == ["exporter"]


# --- our own fields -------------------------------------------------------------------

SCRIPT = (ROOT / "docs" / "exporter.lua").read_text()
TEXTS = {
    *("log_mode", "log_snapshot_error", "log_retention_error", "log_archive_error"),
    *("log_anchor_error", "log_index_error"),
}
OWN = """
    log_proofs_checked log_proofs_failed log_retention_status log_last_seq
    log_synced_seq log_unsynced_records log_unsynced_seconds log_size_bytes
    log_first_seq log_segments log_snapshot_seq log_disk_free_bytes
    log_disk_size_bytes log_disk_reserve_bytes log_disk_low log_disk_status
    log_archive_enabled log_archive_status log_archive_waiting log_archive_taken
    log_archive_failures log_archive_last_time log_anchor_enabled log_anchor_status
    log_anchor_seq log_anchor_taken log_anchor_failures log_anchor_last_time
    clock_jumps client_errors accept_errors inquiry_errors
""".split()  # noqa: SIM905 - as above


def scrape(client):
    """Do what redis_exporter does with --script: pairs of a name and a number.

    It gives up all of them where one is no number (exporter/lua.go), so float() it is.
    """
    reply = client.execute_command("EVAL", SCRIPT, 0, 0)
    names = [name.decode() for name in reply[::2]]
    assert len(set(names)) == len(names)
    return dict(zip(names, map(float, reply[1::2]), strict=True))


def test_lines_of_info_have_the_form_that_exporters_parse(server):
    connection = server.connect()
    connection.ask("SET", "k", "v")
    lines = connection.ask("INFO", "everything").decode().split("\r\n")[1:]
    seen = []
    for line in lines:
        if not line or line.startswith("# "):
            continue
        name, _, value = line.partition(":")
        assert re.fullmatch(r"[A-Za-z_][\w|-]*", name), line
        assert "\n" not in value
        assert "\r" not in value
        seen.append(name)
        if name.startswith("log_") and name not in TEXTS:
            # What redis_exporter's parseAndRegisterConstMetric makes a number of.
            assert value in {"ok", "err"} or float(value) >= 0, line
    assert len(set(seen)) == len(seen)
    assert {"log_mode"} <= set(seen)


def test_own_fields_reach_prometheus_by_the_exporters_script(client):
    found = scrape(client)

    assert [name for name in OWN if name not in found] == []
    assert found["log_proofs_failed"] == 0
    assert found["log_retention_status"] == 1
    assert found["log_disk_status"] == 1
    assert found["log_disk_free_bytes"] > 0


def test_a_scrape_leaves_no_record(client):
    client.set("k", "v")
    before = client.execute_command("LOG.INFO")

    scrape(client)

    assert client.execute_command("LOG.INFO") == before


@pytest.mark.slow
def test_a_full_disk_and_a_failing_archive_show_in_a_scrape(client):
    archive = ("--log-archive-command", "false", "--segment-bytes-max", "4096")
    archive += ("--disk-reserve", "4mb")
    with small_disk("16m") as disk, server_on(disk, *archive) as server:
        other = redis.Redis(unix_socket_path=server.path)
        with contextlib.closing(other):
            for number in range(100):
                other.set(f"k:{number}", "x" * 200)
            disk.fill(left=1 << 20)
            deadline = time.monotonic() + 60
            while (
                scrape(other)["log_disk_status"] or scrape(other)["log_archive_status"]
            ):
                assert time.monotonic() < deadline, scrape(other)
                time.sleep(0.05)
            found = scrape(other)
            info = other.info("persistence")

    assert found["log_archive_failures"] > 0
    assert found["log_retention_status"] == 0
    assert found["log_disk_free_bytes"] <= 1 << 20
    # And what redis_exporter takes by itself says as much as it can.
    assert info["aof_last_write_status"] == "err"
