"""RQ, unmodified: its worker in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest
import redis
import rq

from tests.clients import jobs
from tests.servers import ROOT

WORKER_SECONDS = 60


@pytest.fixture
def connection(server):
    with contextlib.closing(redis.Redis(unix_socket_path=server.path)) as client:
        yield client


def start_worker(server, *options):
    """Start RQ's own worker on the queue `default`."""
    command = [
        *(sys.executable, "-m", "rq.cli", "worker", "--quiet"),
        *("--url", f"unix://{server.path}", *options, "default"),
    ]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def run_worker(server):
    """Run RQ's own worker until the queue is empty."""
    with start_worker(server, "--burst") as worker:
        _, errors = worker.communicate(timeout=WORKER_SECONDS)
    assert worker.returncode == 0, errors.decode()


@pytest.mark.slow
def test_worker_runs_jobs_and_keeps_results_and_failures(server, connection):
    queue = rq.Queue(connection=connection)
    sums = [queue.enqueue(jobs.add, number, 1) for number in range(5)]
    failed = queue.enqueue(jobs.fail)

    run_worker(server)

    assert [job.return_value() for job in sums] == [1, 2, 3, 4, 5]
    assert failed.is_failed
    assert "this job always fails" in failed.latest_result().exc_string
    assert queue.failed_job_registry.get_job_ids() == [failed.id]
    assert len(queue) == 0


@pytest.mark.slow
def test_jobs_survive_a_kill_of_the_server(server, connection):
    queue = rq.Queue(connection=connection)
    enqueued = [queue.enqueue(jobs.add, number, number) for number in range(10)]
    server.kill()
    server.start()

    run_worker(server)

    assert [job.return_value() for job in enqueued] == [2 * n for n in range(10)]


@pytest.mark.slow
def test_blocked_worker_takes_a_job_that_comes_later(server, connection):
    queue = rq.Queue(connection=connection)
    with start_worker(server) as worker:
        while not rq.Worker.count(connection=connection):
            assert worker.poll() is None

        job = queue.enqueue(jobs.add, 20, 22)
        while not job.is_finished:
            job.refresh()
            assert worker.poll() is None

        assert job.return_value() == 42
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=WORKER_SECONDS)
