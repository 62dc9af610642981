"""`metrics-port`: Prometheus's parsers read the page, and its numbers are true."""

import contextlib
import importlib.util
import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from joblog.actors.metrics.process import listen_for_metrics
from joblog.actors.sockets import ListenError
from joblog.app import families
from joblog.app.config import Config
from joblog.replay.cli import main
from tests.support.processes import free_port
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
KNOWN = {family.name: family for family in (*families.SERVER, *families.HISTORY)}


def look(port, accept="", host="localhost", path="/metrics", method="GET"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        headers={"Accept": accept, "Host": host},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def told(port):
    """Return the value of each series, by name and labels."""
    _, text = look(port)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextlib.contextmanager
def serving(*options):
    port = free_port()
    with start_joblog(
        *("--metrics-port", str(port), "--bind", "127.0.0.1", *options)
    ) as server:
        server.metrics_port = port
        yield server


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture
def fill(server):
    """Return a connection to the server, which has a queue and nothing else."""
    connection = server.connect()
    connection.ask("FLUSHALL")
    connection.ask("SADD", "rq:queues", "rq:queue:mail")
    for job in ("a", "b", "c"):
        connection.ask("HSET", f"rq:job:{job}", "status", "queued", "origin", "mail")
        connection.ask("RPUSH", "rq:queue:mail", job)
    return connection


def test_both_of_prometheus_formats_are_told(server, fill):
    kind, text = look(server.metrics_port)
    assert kind.startswith("text/plain; version=")
    found = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(found) <= set(KNOWN)
    for name, family in found.items():
        assert family.type == KNOWN[name].kind, name

    kind, text = look(server.metrics_port, OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    assert {each.name for each in openmetrics.text_string_to_metric_families(text)} == (
        set(found)
    )


def test_server_and_log_are_told_as_info_tells_them(server, fill):
    fill.ask("GET", "rq:queues")
    fill.ask("CONFIG", "RESETSTAT")
    fill.ask("GET", "no-such-key")
    fill.ask("SET", "k", "v", "EX", "1000")
    fill.ask("LPUSH", "k", "x")
    fill.ask("NO-SUCH-COMMAND")

    found = told(server.metrics_port)

    assert found["joblog_up",] == 1
    assert found["joblog_commands_total", "get"] == 1
    assert found["joblog_commands_failed_total", "lpush"] == 1
    assert found["joblog_command_duration_seconds_count", "set"] == 1
    assert found["joblog_command_duration_seconds_sum", "set"] > 0
    assert found["joblog_errors_total", "WRONGTYPE"] == 1
    assert found["joblog_keyspace_misses_total",] == 1
    assert found["joblog_clients_connected",] >= 1
    assert found["joblog_memory_used_bytes",] > 1_000_000
    assert (found["joblog_keys", "0"], found["joblog_keys_expiring", "0"]) == (6, 1)
    assert found["joblog_log_disk_error",] == 0
    assert found["joblog_log_segments",] == 1


def test_log_numbers_are_there_once_the_log_has_reported(server, fill):
    fill.ask("SET", "k", "v")

    def is_synced():
        found = told(server.metrics_port)
        last = found["joblog_log_last_seq",]
        return last > 8 and found["joblog_log_synced_seq",] == last and found

    wait_until(is_synced)
    found = told(server.metrics_port)
    assert found["joblog_log_size_bytes",] > 0
    assert found["joblog_log_last_sync_age_seconds",] >= 0


def queue_counts(folder):
    """Return what `replay metrics` says of the log's last moment."""
    words = ["metrics", str(folder), "--until", "now", "--step", "365d", "--json"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    series = json.loads(done.stdout.splitlines()[-1])["series"]
    return {
        (each["name"], *(value for _, value in sorted(each["labels"].items()))): (
            each["value"]
        )
        for each in series
    }


def of_log(found):
    """Return what both tell, but what goes on with time or since the start."""
    names = {each.sample_name for each in families.HISTORY if not each.field}
    names.discard(families.OLDEST.sample_name)
    return {name: value for name, value in found.items() if name[0] in names}


def test_queues_are_true_at_three_moments_and_as_replay_tells_them(server, fill):
    depth = ("joblog_queue_jobs", "mail", "waiting")
    enqueued = told(server.metrics_port)["joblog_queue_enqueued_total", "mail"]
    for step in (lambda: None, take, enqueue):
        step_of(fill, step)
        found = told(server.metrics_port)

        length = int(fill.ask("LLEN", "rq:queue:mail").strip()[1:])
        assert found[depth] == length
        assert found["joblog_schema_info", "rq"] == 1
        assert found["joblog_queues_behind_records",] == 0
        assert of_log(found) == of_log(queue_counts(server.folder))
    assert found["joblog_queue_enqueued_total", "mail"] == enqueued + 1
    assert found["joblog_queue_oldest_waiting_seconds", "mail"] >= 0


def step_of(connection, step):
    step(connection) if step.__code__.co_argcount else step()


def take(connection):
    connection.ask("LPOP", "rq:queue:mail")
    connection.ask("HSET", "rq:job:a", "status", "started")
    connection.ask("HSET", "rq:job:a", "status", "finished")


def enqueue(connection):
    connection.ask("RPUSH", "rq:queue:mail", "d")


SCRIPT = "-- name: bump\nredis.call('INCR', KEYS[1]) return 1"


def test_scripts_and_functions_are_told_with_calls_and_time(server, fill):
    for _ in range(3):
        fill.ask("EVAL", SCRIPT, "1", "n")
    library = (
        "#!lua name=l\nredis.register_function('f', function(k) return "
        "redis.call('SET', k[1], 'v') end)"
    )
    fill.ask("FUNCTION", "LOAD", library)
    fill.ask("FCALL", "f", "1", "k")
    fill.ask("EVAL", "return redis.call('NO-SUCH')", "0")

    found = told(server.metrics_port)

    (sha,) = (name[2] for name in found if name[0] == "joblog_script_info")
    assert found["joblog_script_info", "bump", sha] == 1
    assert found["joblog_script_calls_total", sha] == 3
    assert found["joblog_script_records_total", sha] == 3
    assert 0 < found["joblog_script_duration_seconds_total", sha] < 60
    assert found["joblog_script_calls_total", "f"] == 1
    assert found["joblog_script_records_total", "f"] == 1
    failed = [each for each in found if each[0] == "joblog_script_calls_total"]
    assert len(failed) == 3


REFUSED = [
    pytest.param({"host": "evil.example"}, 403, id="foreign host"),
    pytest.param({"path": "/"}, 404, id="another path"),
    pytest.param({"method": "POST"}, 405, id="another method"),
]


@pytest.mark.parametrize(("how", "status"), REFUSED)
def test_request_of_another_kind_is_refused(server, how, status):
    with pytest.raises(urllib.error.HTTPError) as refused:
        look(server.metrics_port, **how)

    assert refused.value.code == status
    refused.value.close()


def test_host_is_not_looked_at_once_a_password_is_set(server, fill):
    fill.ask("CONFIG", "SET", "requirepass", "secret")
    try:
        assert "joblog_up 1.0" in look(server.metrics_port, host="db.internal")[1]
        assert "secret" not in look(server.metrics_port)[1]
    finally:
        fill.ask("CONFIG", "SET", "requirepass", "")


def test_head_has_no_body(server):
    assert look(server.metrics_port, method="HEAD")[1] == ""


def children(server):
    tasks = Path(f"/proc/{server.process.pid}/task")
    return [
        int(child)
        for task in tasks.iterdir()
        for child in (task / "children").read_text().split()
    ]


def test_process_that_is_killed_comes_back_and_ends_with_the_server():
    with serving() as server:
        wait_until(lambda: children(server))
        look(server.metrics_port)
        (child,) = children(server)

        os.kill(child, signal.SIGKILL)
        wait_until(lambda: children(server) not in ([], [child]))
        assert "joblog_up 1.0" in look(server.metrics_port)[1]

        (child,) = children(server)
        server.kill()
        wait_until(lambda: not Path(f"/proc/{child}").exists())
        server.start()
        assert "joblog_up 1.0" in look(server.metrics_port)[1]


def test_server_without_a_log_or_without_queues_tells_the_rest():
    for options in (("--memory-only", "yes"), ("--metrics-queues", "no")):
        with serving(*options) as server:
            server.connect().ask("SET", "k", "v")
            found = told(server.metrics_port)
            assert found["joblog_commands_total", "set"] == 1
            assert not any("queue" in name[0] for name in found)


def test_port_that_is_taken_stops_the_start(server, monkeypatch):
    monkeypatch.setattr("joblog.actors.metrics.process._PORT_SECONDS", 0.0)
    port = str(server.metrics_port)

    with pytest.raises(ListenError, match="metrics-port"):
        listen_for_metrics(Config({"metrics-port": port, "bind": "127.0.0.1"}), [])


def test_missing_package_stops_the_start_in_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ListenError, match=r"pip install 'joblog\[metrics\]'"):
        listen_for_metrics(Config({"metrics-port": "1"}), [])


def test_server_that_tells_no_metrics_starts_no_process():
    with start_joblog() as server:
        server.connect().ask("PING")
        assert children(server) == []
