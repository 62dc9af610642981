"""Clients under TLS, as their own options and `rediss://` URLs ask for it."""

import os
import socket
import subprocess
from dataclasses import replace

import pytest
import redis

from tests.clients.go_queues import require_go_tests
from tests.clients.node_queues import ENVIRONMENT as NODE_PATH
from tests.clients.node_queues import PROGRAMS as NODE_PROGRAMS
from tests.clients.node_queues import require_node
from tests.clients.queues import QUEUES
from tests.clients.runners import Stage
from tests.support.servers import require_program, start_joblog

CLI_SECONDS = 60


@pytest.fixture(scope="module")
def port(certificates, fold_equals_live):
    """Return the port of a server that asks each client for a certificate."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        number = held.getsockname()[1]
    with start_joblog(*certificates.options(number)) as server:
        yield number
        fold_equals_live(server)


def test_redis_cli_is_served(port, certificates):
    files = ["--cacert", certificates.authority, "--cert"]
    files += [certificates.client.certificate, "--key", certificates.client.key]
    command = [require_program("redis-cli"), "-p", str(port), "--tls", *files]

    done = subprocess.run(
        command,
        input="".join(f"SET key:{n} {n}\r\n" for n in range(1000)) + "DBSIZE\r\n",
        capture_output=True,
        text=True,
        timeout=CLI_SECONDS,
        check=True,
    )

    assert done.stdout.splitlines() == [*["OK"] * 1000, "1000"]


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_is_served_by_a_url(port, certificates, protocol):
    query = f"ssl_ca_certs={certificates.authority}"
    query += f"&ssl_certfile={certificates.client.certificate}"
    query += f"&ssl_keyfile={certificates.client.key}"
    url = f"rediss://localhost:{port}/3?{query}&protocol={protocol}"

    with redis.from_url(url) as client:
        client.flushdb()
        value = bytes(range(256)) * 4096
        with client.pipeline() as pipeline:
            pipeline.set("k", value).get("k").rpush("l", "a", "b")
            answers = pipeline.execute()
        popped = client.blpop(["l"], timeout=5)

        assert answers == [True, value, 2]
        assert [bytes(part) for part in popped] == [b"l", b"a"]
        assert client.dbsize() == 2


def test_redis_py_without_a_certificate_is_not_let_in(port, certificates):
    url = f"rediss://localhost:{port}/0?ssl_ca_certs={certificates.authority}"

    with redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def run_program(certificates, *command, **environment):
    """Return the output of a program of tests, all of which have to pass."""
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "RUNNER_CA": str(certificates.authority),
            "RUNNER_CERTIFICATE": str(certificates.client.certificate),
            "RUNNER_KEY": str(certificates.client.key),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=CLI_SECONDS,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_ioredis_is_served(port, certificates):
    command = [*require_node(), "--test-reporter=tap", NODE_PROGRAMS / "ioredis.tls.js"]
    url = f"rediss://localhost:{port}/2"

    output = run_program(certificates, *command, **NODE_PATH, RUNNER_URL=url)

    assert "# fail 0" in output
    assert "# pass 3" in output


@pytest.mark.slow
def test_go_redis_is_served(port, certificates):
    command = [require_go_tests("goredistls", "./goredistls"), "-test.v"]
    url = f"rediss://localhost:{port}/1"

    output = run_program(certificates, *command, REDIS_URL=url)

    assert output.endswith("PASS\n")
    assert "--- SKIP" not in output


URL = "rediss://localhost:{tls}/0?ssl_cert_reqs=required&ssl_ca_certs={ca}"
WORKERS = {
    "rq": ["-m", "rq.cli", "worker", "--url", URL, "default"],
    "celery": [
        *("-m", "celery", "-A", "celery_runner"),
        *("--broker", URL, "--result-backend", URL, "worker"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKERS)
def test_worker_that_is_given_a_url_of_tls_runs_jobs(
    name, certificates, fold_equals_live, tmp_path
):
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    queue = next(one for one in QUEUES if one.name == name)
    words = [x.format(tls=port, ca=certificates.authority) for x in WORKERS[name]]
    options = certificates.options(port, "--tls-auth-clients", "no")
    with start_joblog(*options, "--port", "0") as server:
        stage = Stage(replace(queue, worker=words), server, tmp_path)
        try:
            client = stage.client()
            job = client.enqueue("add", "sum", 20, 22)
            stage.worker()

            assert client.wait_for(job)["result"] == 42
        finally:
            stage.close()
        fold_equals_live(server)
