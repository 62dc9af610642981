"""Dashboards show a moment of the past: `replay serve --discard-writes`.

Each is the newest release, as a person starts it, over a log that its library left
(tests/data/tours), and shows what that library counted. docs/replay.md has the list.
"""

import contextlib
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.clients.environments import HERE, require_environment, require_python
from tests.clients.node_queues import PROGRAMS
from tests.clients.runners import PATIENCE_SECONDS
from tests.support.processes import free_port
from tests.support.servers import ROOT, STOP_SECONDS, require_program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

TOURS = ROOT / "tests" / "data" / "tours"
ASYNQMON = "github.com/hibiken/asynqmon/cmd/asynqmon@v0.7.2"
BOARDS = HERE / "node" / "boards"


def counts_of(library):
    """Return what a library counted at the end of its tour."""
    return json.loads((TOURS / library / "jobs.json").read_text())["counts"]


@contextlib.contextmanager
def running(command, output, **environment):
    """Run a program until the end of the block."""
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [*map(str, command)],
            env={**os.environ, **environment},
            cwd=output.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def served(library, folder):
    """Serve a library's tour as it was at its end; yield the port."""
    port = free_port()
    serve = [sys.executable, "-m", "joblog.replay", "serve", TOURS / library / "data"]
    output = folder / "serve.txt"
    with running([*serve, "--discard-writes", "--port", port], output):
        wait_until(lambda: b"port" in output.read_bytes(), seconds=PATIENCE_SECONDS)
        before = dump(port)
        yield port
        assert dump(port) == before


def dump(port):
    """Return all keys of a server, and what they hold."""
    cli = [require_program("redis-cli"), "-p", str(port)]
    keys = subprocess.check_output([*cli, "--raw", "KEYS", "*"]).split(b"\n")
    quoted = [key.replace(b"\x06", b"\\x06").replace(b"\x16", b"\\x16") for key in keys]
    asked = b"".join(b'DUMP "%s"\n' % key for key in sorted(quoted) if key)
    return subprocess.run(cli, input=asked, capture_output=True, check=True).stdout


def fetch(port, path):
    """Return what a dashboard answers, once it does."""
    found = []

    def has_answered():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as reply:
                found.append(reply.read().decode())
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    wait_until(has_answered, seconds=PATIENCE_SECONDS)
    return found[-1]


def test_rq_info_counts_the_jobs_of_a_moment(tmp_path):
    python = require_python("dashboards")
    with served("rq", tmp_path) as port:
        url = f"redis://127.0.0.1:{port}"
        shown = subprocess.check_output([python, "-m", "rq.cli", "info", "--url", url])

    counts = counts_of("rq")
    assert b"%d finished, %d failed" % (counts["finished"], counts["failed"]) in shown


def test_rq_dashboard_counts_the_jobs_of_a_moment(tmp_path):
    python, own = require_python("dashboards"), free_port()
    with served("rq", tmp_path) as port:
        url = f"redis://127.0.0.1:{port}"
        command = [
            python,
            "-m",
            "rq_dashboard",
            "-u",
            url,
            "-p",
            own,
            "-b",
            "127.0.0.1",
        ]
        with running(command, tmp_path / "board.txt"):
            shown = json.loads(fetch(own, "0/data/queues.json"))["queues"]

    (queue,) = (each for each in shown if each["name"] == "default")
    for name in ("finished", "failed", "scheduled", "deferred", "canceled"):
        assert queue[f"{name}_job_registry_count"] == counts_of("rq")[name]


def test_flower_tells_the_queues_of_a_moment_and_hears_of_no_worker(tmp_path):
    python, own = require_python("dashboards"), free_port()
    with served("celery", tmp_path) as port:
        url = f"redis://127.0.0.1:{port}/0"
        command = [python, "-m", "celery", "-b", url, "--result-backend", url]
        command += ["flower", f"--port={own}", "--address=127.0.0.1"]
        opened = {"FLOWER_UNAUTHENTICATED_API": "true"}
        with running(command, tmp_path / "board.txt", **opened):
            queues = json.loads(fetch(own, "api/queues/length"))["active_queues"]
            workers = json.loads(fetch(own, "api/workers"))

    assert queues == [{"name": "celery", "messages": 0}]
    assert workers == {}


def test_bull_board_counts_the_jobs_of_a_moment(tmp_path):
    node, npm, own = require_program("node"), require_program("npm"), free_port()
    pins = (BOARDS / "package.json", BOARDS / "package-lock.json")

    def steps(folder):
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
        copy = ["cp", *map(str, pins), str(folder)]
        install = [npm, "ci", "--prefix", str(folder), *quiet]
        return [["mkdir", "-p", str(folder)], copy, install]

    modules = require_environment("node-boards", pins, steps) / "node_modules"
    with served("bullmq", tmp_path) as port:
        command = [node, PROGRAMS / "board.js", port, own, "jobs", "ticks"]
        output = tmp_path / "board.txt"
        with running(command, output, NODE_PATH=str(modules)):
            shown = json.loads(fetch(own, "api/queues"))["queues"]

    counts = counts_of("bullmq")
    (queue,) = (each for each in shown if each["name"] == "jobs")
    for name in ("completed", "failed", "delayed", "waiting-children"):
        assert queue["counts"][name] == counts[name]


def test_asynqmon_counts_the_tasks_of_a_moment(tmp_path):
    go, own = require_program("go"), free_port()
    folder = require_environment(
        "go-asynqmon",
        (HERE / "test_dashboards.py",),
        lambda folder: [["env", f"GOBIN={folder}", go, "install", ASYNQMON]],
    )
    with served("asynq", tmp_path) as port:
        command = [
            folder / "asynqmon",
            "--port",
            own,
            "--redis-addr",
            f"127.0.0.1:{port}",
        ]
        with running(command, tmp_path / "board.txt"):
            shown = json.loads(fetch(own, "api/queues"))["queues"]

    for queue in shown:
        counted = counts_of("asynq").get(queue["queue"], {})
        for name, count in counted.items():
            assert queue[name] == count, queue


def test_redis_cli_and_iredis_read_a_moment_and_write_in_vain(tmp_path):
    python = require_python("dashboards")
    with served("rq", tmp_path) as port:
        for client in (
            [require_program("redis-cli"), "-p", str(port)],
            [str(Path(python).with_name("iredis")), "-p", str(port)],
        ):
            lines = b"SET own 1\nGET own\nSCARD rq:queues\n"
            shown = subprocess.run(
                client, input=lines, capture_output=True, check=True
            ).stdout
            assert b"OK" in shown
            assert b"3" in shown
