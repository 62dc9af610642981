"""Go: go-redis, and asynq with the tests that its own module brings."""

from __future__ import annotations

import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from tests.clients.conftest import SERVER_NAMES
from tests.clients.go_queues import PROGRAMS, require_go_tests
from tests.support import servers
from tests.support.servers import require_program

STARTERS = {"joblog": servers.start_joblog, "valkey": servers.start_valkey}
ASYNQ = "github.com/hibiken/asynq"
# Its tests mostly sleep, so many run side by side, each on a server of its own.
SIDE_BY_SIDE = 8
TEST_SECONDS = 240

pytestmark = pytest.mark.slow


@pytest.fixture(params=SERVER_NAMES)
def start(request, fold_equals_live):
    """Return a function that starts a server; all are stopped at the end."""
    with ExitStack() as stack:
        started = []

        def start_one():
            server = stack.enter_context(STARTERS[request.param]())
            started.append(server)
            return server

        yield start_one
        for server in started:
            if server.name == "joblog":
                fold_equals_live(server)


def run_tests(program, *options, **environment):
    """Run tests that must pass, and return what they printed."""
    command = [program, "-test.v", "-test.count=1", *options]
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TEST_SECONDS,
        check=False,
    )
    output = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{command}:\n{output[-8000:]}"
    assert "--- SKIP" not in output
    return output


def test_go_redis_is_served(start):
    program = require_go_tests("goredis", "./goredis")

    output = run_tests(program, REDIS_URL=f"unix://{start().path}")

    assert "--- PASS: TestBlockedPopIsWokenAndTimesOut/RESP3" in output


def test_asynq_broker_passes_its_own_tests(start):
    program = require_go_tests("asynq-rdb", f"{ASYNQ}/internal/rdb")

    output = run_tests(program, f"-redis_addr={start().path}")

    assert "--- PASS: TestDequeue" in output


def test_asynq_passes_its_own_tests(start):
    program = require_go_tests("asynq", ASYNQ)
    listed = subprocess.run([program, "-test.list=^Test"], stdout=-1, check=True)
    tests = listed.stdout.decode().split()
    free = SimpleQueue()
    for _ in range(SIDE_BY_SIDE):
        free.put(start())

    def passes(test):
        server = free.get()
        try:
            run_one(program, test, server)
        except AssertionError:
            return False
        else:
            return True
        finally:
            free.put(server)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        passed = list(threads.map(passes, tests))

    assert len(tests) > 100
    # They sleep for a while and then look, which a busy machine makes too early; so
    # what failed is run once more, alone, and must pass then.
    for test, has_passed in zip(tests, passed, strict=True):
        if not has_passed:
            run_one(program, test, free.get())


def run_one(program, test, server):
    """Run one of asynq's tests, which must pass."""
    output = run_tests(program, f"-redis_addr={server.path}", f"-test.run=^{test}$")
    assert f"--- PASS: {test} " in output


def test_asynq_runs_the_task_of_a_killed_worker_again_while_it_has_retries(stage_of):
    stage = stage_of("asynq")
    client, journal = stage.client(), stage.journal
    worker = stage.worker()
    task = client.enqueue("hold", "held", retries=1)
    journal.wait_for("held", "held")

    worker.kill()
    client.ask("maintain", ahead=60)
    journal.release()
    stage.worker()

    assert client.wait_for(task)["result"] == "held"
    assert len(journal.times("held", "held")) == 2


def test_go_code_is_formatted_and_vetted():
    go, gofmt = require_program("go"), require_program("gofmt")

    for command in ([gofmt, "-l", "."], [go, "vet", "./..."]):
        done = subprocess.run(
            command,
            cwd=PROGRAMS,
            env={**os.environ, "CGO_ENABLED": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, b"")


def test_go_redis_is_served_under_tls(certificates, fold_equals_live):
    program = require_go_tests("goredis", "./goredis")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    options = certificates.options(port, "--tls-auth-clients", "no")
    with servers.start_joblog(*options) as server:
        output = run_tests(
            program,
            REDIS_URL=f"rediss://localhost:{port}",
            SSL_CERT_FILE=str(certificates.authority),
        )
        fold_equals_live(server)

    assert "--- PASS: TestBlockedPopIsWokenAndTimesOut/RESP3" in output
