"""Links under TLS: to a real master, by a server and by `replay follow`."""

import json
import signal
import socket
import subprocess
import sys

import pytest

from tests.replication.pairs import fields
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until


def start_master(certificates, *more):
    """Start a master that speaks TLS; return it, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    options = certificates.options(port, *more)
    return start_redis("--repl-diskless-sync-delay", "0", *options), port


def of_links(certificates, *more):
    return [
        *("--tls-replication", "yes", "--tls-cert-file", certificates.client[0]),
        *("--tls-key-file", certificates.client[1], "--tls-ca-cert-file"),
        *(certificates.authority, *more),
    ]


def link_of(client):
    return fields(client.ask("INFO", "replication"))


def test_a_server_follows_under_tls(fold_equals_live, certificates):
    master, port = start_master(certificates, "--tls-auth-clients", "yes")
    with master, start_joblog(*map(str, of_links(certificates))) as replica:
        told, asked = master.connect(), replica.connect()
        told.ask("SET", "large", "x" * 3_000_000)
        asked.ask("REPLICAOF", "127.0.0.1", port)
        wait_until(lambda: link_of(asked)["master_link_status"] == "up", replica.output)
        # More than one record of TLS has, at once: no poll tells of what is left.
        told.ask("MSET", *(word for n in range(500) for word in (f"k{n}", "y" * 999)))
        wait_until(lambda: asked.ask("DBSIZE") == b":501\r\n", replica.output)

        asked.ask("CLIENT", "KILL", "TYPE", "master")
        told.ask("SET", "after", 1)

        wait_until(lambda: asked.ask("GET", "after") == b"$1\r\n1\r\n", replica.output)
        assert asked.ask("GET", "large") == told.ask("GET", "large")
        assert fields(told.ask("INFO", "stats"))["sync_full"] == "1"
        fold_equals_live(replica)


@pytest.mark.parametrize(
    ("own", "says"),
    [("stranger", "alert"), ("authority", "certificate verify failed")],
)
def test_a_link_that_is_not_trusted_is_told_of(certificates, own, says):
    master, port = start_master(certificates, "--tls-auth-clients", "yes")
    options = of_links(certificates)
    if own == "stranger":  # the master does not know who signed for us
        options[3], options[5] = certificates.stranger
    else:  # we do not know who signed for the master
        options[7] = certificates.stranger.certificate
    with master, start_joblog(*map(str, options)) as replica:
        asked = replica.connect()
        asked.ask("REPLICAOF", "127.0.0.1", port)

        wait_until(
            lambda: says in link_of(asked).get("master_link_last_error", "").lower(),
            lambda: f"{link_of(asked)}\n{replica.output()}",
        )


def test_tls_that_is_asked_for_later_is_no_plain_link(certificates):
    def change(server, port):
        client = server.connect()
        names = [str(path) for path in (*certificates.client, certificates.authority)]
        files = ("tls-cert-file", "tls-key-file", "tls-ca-cert-file")
        yield client.ask("CONFIG", "SET", "tls-replication", "yes")
        for file, name in zip(files, names, strict=True):
            yield client.ask("CONFIG", "SET", file, name)
        yield client.ask("CONFIG", "SET", "tls-replication", "yes")
        yield client.ask("REPLICAOF", "127.0.0.1", port)
        wait_until(lambda: link_of(client)["master_link_status"] == "up", server.output)

    master, port = start_master(certificates)
    with master, start_joblog() as ours, start_redis() as theirs:
        assert list(change(ours, port)) == list(change(theirs, port))


def test_a_tap_needs_no_certificate_of_its_own(tmp_path, certificates):
    master, port = start_master(certificates, "--tls-auth-clients", "no")
    url = f"rediss://localhost:{port}?ssl_ca_certs={certificates.authority}"
    with master:
        told = master.connect()
        told.ask("SET", "k", 1)
        tap = subprocess.Popen(
            [sys.executable, "-m", "joblog.replay", "follow", url, str(tmp_path / "d")],
            stderr=subprocess.PIPE,
        )
        try:
            wait_until(lambda: told.ask("WAIT", 1, 100) == b":1\r\n")
            told.ask("SET", "k", 2)
            wait_until(lambda: told.ask("WAIT", 1, 1000) == b":1\r\n")
        finally:
            tap.send_signal(signal.SIGINT)
            _, said = tap.communicate()
    assert tap.returncode == 0, said
    command = [sys.executable, "-m", "joblog.replay", "info", tmp_path / "d", "--json"]
    info = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert info["master"]["address"] == f"127.0.0.1:{port}"


def test_a_tap_without_authorities_trusts_those_of_the_system(tmp_path, certificates):
    master, port = start_master(certificates, "--tls-auth-clients", "no")
    url = f"rediss://localhost:{port}"
    with master:
        tap = subprocess.Popen(
            [sys.executable, "-m", "joblog.replay", "follow", url, str(tmp_path / "d")],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = next(one for one in tap.stderr if "is down" in one)
        finally:
            tap.send_signal(signal.SIGTERM)
            tap.communicate()
    assert "certificate verify failed" in line
