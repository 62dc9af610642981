"""FAILOVER: a master hands over to a replica, and follows it."""

import signal
from contextlib import ExitStack

import pytest

from tests.replication.pairs import fields
from tests.support.processes import free_port
from tests.support.servers import start_joblog, start_redis, start_valkey
from tests.support.waiting import wait_until

STARTS = {"joblog": start_joblog, "redis": start_redis, "valkey": start_valkey}


class Two:
    """A master and its replica, both on ports."""

    def __init__(self, stack, start_master, start_replica):
        self.ports = [free_port(), free_port()]
        self.servers = []
        common = ("--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0", "--port")
        for at, start in enumerate((start_master, start_replica)):
            follows = ("--replicaof", f"127.0.0.1 {self.ports[0]}") if at else ()
            server = start(*common, str(self.ports[at]), *follows)
            self.servers.append(stack.enter_context(server))
        self.master, self.replica = self.servers
        wait_until(lambda: self.info(0).get("slave0", "").count("state=online"))

    def ask(self, at, *words):
        client = self.servers[at].connect()
        try:
            return client.ask(*words)
        finally:
            client.close()

    def info(self, at):
        return fields(self.ask(at, "INFO", "replication"))

    def is_turned(self):
        """Say whether the replica is the master, and has the other as its replica."""
        mine, theirs = self.info(0), self.info(1)
        is_up = mine["role"] == "slave" and mine["master_link_status"] == "up"
        return is_up and theirs["role"] == "master"

    def describe(self):
        return "\n".join(f"{self.info(n)}\n{self.servers[n].output()}" for n in (0, 1))


@pytest.fixture
def two():
    with ExitStack() as stack:
        yield lambda *starts: Two(stack, *starts)


PAIRS = [
    ("joblog", "redis"),
    ("joblog", "valkey"),
    ("joblog", "joblog"),
    ("redis", "joblog"),
    ("valkey", "joblog"),
]


@pytest.mark.parametrize(("master", "replica"), PAIRS)
def test_a_replica_takes_over_with_all_that_was_written(
    two, master, replica, fold_equals_live
):
    pair = two(STARTS[master], STARTS[replica])
    pair.ask(0, "RPUSH", "jobs", "a", "b")
    datasets = fields(pair.ask(0, "INFO", "stats"))["sync_full"]
    writer = pair.master.connect()

    assert pair.ask(0, "FAILOVER", "TO", "127.0.0.1", pair.ports[1]) == b"+OK\r\n"
    answer = writer.ask("RPUSH", "jobs", "c")

    wait_until(pair.is_turned, pair.describe)
    assert pair.info(0)["master_failover_state"] == "no-failover"
    assert answer.startswith((b"-READONLY", b"-UNBLOCKED", b":3"))
    kept = 3 if answer == b":3\r\n" else 2
    assert pair.ask(1, "RPUSH", "jobs", "d") == b":%d\r\n" % (kept + 1)
    wait_until(
        lambda: pair.ask(0, "LLEN", "jobs") == b":%d\r\n" % (kept + 1), pair.describe
    )
    # Both went on where they were.
    assert fields(pair.ask(0, "INFO", "stats"))["sync_full"] == datasets
    assert fields(pair.ask(1, "INFO", "stats"))["sync_full"] == "0"
    for server in pair.servers:
        if server.name == "joblog":
            fold_equals_live(server)


def test_writes_wait_until_it_is_given_up(two):
    pair = two(start_joblog, start_redis)
    pair.replica.process.send_signal(signal.SIGSTOP)  # it acknowledges nothing
    try:
        pair.ask(0, "SET", "before", 1)
        assert pair.ask(0, "FAILOVER") == b"+OK\r\n"
        assert pair.ask(0, "FAILOVER").startswith(b"-ERR FAILOVER already in progress.")
        assert pair.info(0)["master_failover_state"] == "waiting-for-sync"
        refusal = b"-ERR REPLICAOF not allowed while failing over.\r\n"
        assert pair.ask(0, "REPLICAOF", "NO", "ONE") == refusal
        paused = fields(pair.ask(0, "INFO", "clients"))
        assert paused["paused_reason"] == "failover_in_progress"
        waiting = pair.master.connect()
        waiting.send(b"SET after 1\r\n")
        assert pair.ask(0, "EXISTS", "after") == b":0\r\n"
        assert pair.ask(0, "CLIENT", "UNPAUSE") == b"+OK\r\n"
        assert pair.ask(0, "EXISTS", "after") == b":0\r\n"

        assert pair.ask(0, "FAILOVER", "ABORT") == b"+OK\r\n"

        assert waiting.read() == b"+OK\r\n"
        told = pair.info(0)
        assert (told["role"], told["master_failover_state"]) == (
            *("master", "no-failover"),
        )
        assert pair.ask(0, "FAILOVER", "TIMEOUT", 20) == b"+OK\r\n"
        assert pair.ask(0, "SET", "later", 1) == b"+OK\r\n"
    finally:
        pair.replica.process.send_signal(signal.SIGCONT)


def test_one_who_will_not_is_not_handed_over_to(two):
    pair = two(start_joblog, start_joblog)
    client = pair.master.connect()

    assert client.ask("FAILOVER", "TO", "127.0.0.1", 1) == (
        b"-ERR FAILOVER target HOST and PORT is not a replica.\r\n"
    )
    assert client.ask("FAILOVER", "FORCE", "TIMEOUT", 10) == (
        b"-ERR FAILOVER with force option requires both a timeout and target HOST "
        b"and IP.\r\n"
    )
    assert pair.ask(1, "FAILOVER").startswith(b"-ERR FAILOVER is not valid when")
    told = pair.ask(0, "PSYNC", "x" * 40, 1, "FAILOVER")
    assert told == b"-ERR PSYNC FAILOVER can't be sent to a master.\r\n"
    told = pair.ask(1, "PSYNC", "x" * 40, 1, "FAILOVER")
    assert told == b"-ERR PSYNC FAILOVER replid must match my replid.\r\n"
    assert pair.info(1)["master_port"] == str(pair.ports[0])


def test_a_replica_that_does_not_answer_is_forced(two):
    pair = two(start_joblog, start_redis)
    pair.replica.process.send_signal(signal.SIGSTOP)
    pair.ask(0, "SET", "lost", 1)
    words = ("FAILOVER", "TO", "127.0.0.1", pair.ports[1], "FORCE", "TIMEOUT", 30)
    assert pair.ask(0, *words) == b"+OK\r\n"
    wait_until(
        lambda: pair.info(0)["master_failover_state"] == "failover-in-progress",
    )
    pair.replica.process.send_signal(signal.SIGCONT)
    wait_until(pair.is_turned, pair.describe)
    assert pair.ask(0, "SET", "x", 1).startswith(b"-READONLY")
