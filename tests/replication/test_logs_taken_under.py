"""Logs that are taken under TLS, by users of few rights, and under other keys."""

import os
import socket

import pytest

from joblog.replay.undoing.live import LiveServer
from tests.replication.pairs import fields
from tests.replication.test_logs_taken import TAKES, replay
from tests.replication.test_tls_links import of_links
from tests.support.cutting import CuttingRelay
from tests.support.encrypted import make_key_file
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

NEEDLE = "needle-7f3a"
RIGHTS = "-@all", "+ping", "+replconf", "+psync"
SMALL = "--segment-bytes-max", "65536"


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def digest_of(server):
    """Return how far a server's log is, and its digest there."""
    with LiveServer(f"unix://{server.path}") as live:
        facts = live.ask(b"LOG.INFO")
        last_seq = facts[facts.index(b"last_seq") + 1]
        return last_seq, live.ask(b"LOG.DIGEST", b"%d" % last_seq)


def wait_until_same_log(one, other):
    wait_until(
        lambda: digest_of(one) == digest_of(other),
        lambda: f"{digest_of(one)} {digest_of(other)}\n{other.output()}",
    )
    told = replay("verify", f"unix://{one.path}", "--against", f"unix://{other.path}")
    assert f"the same as unix://{other.path} up to seq" in told


def write(server, prefix):
    client = server.connect()
    for number in range(200):
        client.ask("SET", f"{prefix}{number}", NEEDLE * 40)


def kept_in(server):
    (kept,) = (server.folder / "set-aside").iterdir()
    return kept


def test_the_log_comes_under_tls_to_a_user_who_may_no_more(certificates):
    ports = free_ports(2)

    def start(at, *more):
        options = of_links(certificates, "--tls-port", str(ports[at]), *more)
        peer = ("--user", "peer", "on", ">secret", *RIGHTS)
        user = ("--masteruser", "peer", "--masterauth", "secret")
        options += ["--tls-auth-clients", "yes", *TAKES, *SMALL, *peer, *user]
        return start_joblog(*map(str, options))

    with start(0) as master, start(1, "--replicaof", "127.0.0.1", ports[0]) as replica:
        write(master, "a")
        wait_until_same_log(master, replica)
        asked = replica.connect()
        assert asked.ask("CLIENT", "KILL", "TYPE", "master") == b":1\r\n"
        write(master, "b")
        wait_until_same_log(master, replica)

        asked.ask("REPLICAOF", "NO", "ONE")
        master.connect().ask("SET", "lost", 1)
        write(replica, "c")
        master.connect().ask("REPLICAOF", "127.0.0.1", ports[1])
        wait_until_same_log(replica, master)

        assert master.connect().ask("GET", "lost") == b"$-1\r\n"
        assert "SET lost 1" in replay("log", kept_in(master))


def test_who_may_not_follow_is_told_so():
    (port,) = free_ports(1)
    peer = ("--user", "peer", "on", ">secret", "-@all", "+ping", "+log.read")
    user = ("--masteruser", "peer", "--masterauth", "secret")
    where = ("--port", str(port), "--bind", "127.0.0.1")
    follows = ("--replicaof", "127.0.0.1", str(port))
    with (
        start_joblog(*TAKES, *peer, *where),
        start_joblog(*TAKES, *user, *follows) as replica,
    ):
        client = replica.connect()
        wait_until(
            lambda: b"NOPERM" in client.ask("INFO", "replication"), replica.output
        )
        told = fields(client.ask("INFO", "replication"))
        assert told["master_link_status"] == "down"


KEYS = [
    pytest.param("a", "", id="master"),
    pytest.param("", "b", id="replica"),
    pytest.param("a", "b", id="both"),
]


@pytest.mark.parametrize(("mine", "theirs"), KEYS)
def test_each_encrypts_its_own_files_with_its_own_key(tmp_path, mine, theirs):
    def options(digit):
        if not digit:
            return (*TAKES, *SMALL)
        key = make_key_file(tmp_path / f"key-{digit}", digit)
        return (*TAKES, *SMALL, "--log-encryption-key-file", str(key))

    with (
        start_joblog(*options(mine)) as master,
        CuttingRelay(master.path) as relay,
        start_joblog(
            *options(theirs), "--replicaof", "127.0.0.1", str(relay.port)
        ) as replica,
    ):
        write(master, "a")
        wait_until_same_log(master, replica)
        replica.kill()
        write(master, "b")
        master.kill()
        master.start()
        replica.start()
        wait_until_same_log(master, replica)
        replica.connect().ask("REPLICAOF", "NO", "ONE")
        write(master, "lost")
        write(replica, "c")
        with CuttingRelay(replica.path) as back:
            master.connect().ask("REPLICAOF", "127.0.0.1", back.port)
            wait_until_same_log(replica, master)
        for digit, server in ((mine, master), (theirs, replica)):
            is_seen = any(
                NEEDLE.encode() in path.read_bytes()
                for path in server.folder.rglob("*.log")
            )
            assert is_seen == (not digit)
        key_file = {"JOBLOG_KEY_FILE": str(tmp_path / f"key-{mine}")} if mine else {}
        told = replay("log", kept_in(master), environment=os.environ | key_file)
        assert "SET lost199 " in told
