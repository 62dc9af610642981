"""A server that was a master, then a replica, and is a master again.

Sentinel takes the replica of the greatest offset: so offsets have to grow from one
master to the next, whoever has been one before, as they do with Redis.
"""

import signal
from contextlib import ExitStack

import pytest

from tests.replication.pairs import fields
from tests.support.processes import free_port
from tests.support.servers import start_joblog, start_redis
from tests.support.waiting import wait_until


class Three:
    """Servers of which any may lead."""

    def __init__(self, stack, start) -> None:
        self.ports = [free_port() for _ in range(3)]
        options = ("--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0")
        options += ("--repl-ping-replica-period", "3600")
        self.servers = [
            stack.enter_context(start("--port", str(port), *options))
            for port in self.ports
        ]

    def ask(self, number, *words):
        client = self.servers[number].connect()
        try:
            return client.ask(*words)
        finally:
            client.close()

    def info(self, number, section="replication"):
        return fields(self.ask(number, "INFO", section))

    def _offset(self, number):
        return self.info(number)["master_repl_offset"]

    def fail(self, number, kind) -> None:
        if kind == "kill":
            self.servers[number].kill()
        else:
            self.servers[number].process.send_signal(signal.SIGSTOP)

    def bring_back(self, number, kind) -> None:
        if kind == "kill":
            self.servers[number].start()
        else:
            self.servers[number].process.send_signal(signal.SIGCONT)

    def promote(self, number) -> dict[str, str]:
        """Have a server be a master; return what it says once it has a stream."""
        self.ask(number, "REPLICAOF", "NO", "ONE")
        wait_until(lambda: self.info(number)["repl_backlog_active"] == "1")
        return self.info(number)

    def lead(self, number, kind="kill") -> tuple[int, int]:
        """Have a server lead in the place of another, which fails, and comes back.

        What it sends then is asked for as well: that is in its stream alone.

        Returns:
            How far those were who followed, and how far it is then.
        """
        told = [self.info(one) for one in range(3)]
        before = max(int(one.get("slave_repl_offset", 0)) for one in told)
        failed = [one for one in range(3) if "slave0" in told[one]]
        for one in failed:
            self.fail(one, kind)
        self.ask(number, "REPLICAOF", "NO", "ONE")
        for one in failed:
            self.bring_back(one, kind)
        others = [other for other in range(3) if other != number]
        for other in others:
            self.ask(other, "REPLICAOF", "127.0.0.1", self.ports[number])
        for other in others:
            wait_until(
                lambda one=other: self.info(one)["master_link_status"] == "up",
                self.servers[other].output,
            )
        now = int(self.info(number)["master_repl_offset"])
        for _ in range(3):
            self.ask(number, "RPUSH", "jobs", number)
            wait_until(lambda: self.ask(number, "WAIT", 2, 1000) == b":2\r\n")
        wait_until(lambda: len({self._offset(one) for one in range(3)}) == 1)
        return before, now


@pytest.fixture(params=[start_joblog, start_redis])
def three(request):
    with ExitStack() as stack:
        found = Three(stack, request.param)
        yield found
        for server in found.servers:
            server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("kind", ["kill", "stop"])
def test_offsets_grow_from_one_master_to_the_next(three, kind):
    three.lead(0)
    for number in (1, 0):
        before, now = three.lead(number, kind)

        assert now >= before
    assert three.ask(0, "LLEN", "jobs") == b":9\r\n"


def test_each_promotion_begins_a_history(three):
    """It has an id of its own, and goes on behind the one before, replicas or none."""
    three.lead(0)
    ids = set()
    for number in (1, 0, 1):
        three.lead(number, "stop")
        leaving = (number + 1) % 3
        before = three.info(leaving)
        ids.add(before["master_replid"])

        now = three.promote(leaving)

        assert now["master_replid"] not in ids
        assert int(now["master_repl_offset"]) >= int(before["slave_repl_offset"])
        told = int(now["second_repl_offset"]), int(now["master_repl_offset"])
        assert told[0] == told[1] + 1
        three.ask(leaving, "SET", "alone", number)
        after = int(three.info(leaving)["master_repl_offset"])
        assert after > told[1]
        three.ask(leaving, "REPLICAOF", "127.0.0.1", three.ports[number])
        wait_until(lambda: three.info(leaving)["master_link_status"] == "up")  # noqa: B023
        wait_until(lambda: three.ask(leaving, "EXISTS", "alone") == b":0\r\n")  # noqa: B023


def test_who_leads_alone_and_comes_back_goes_on(three):
    """Its offset is not lost with its process, as with a Redis that saves nothing."""
    three.lead(0)
    before = three.promote(1)
    three.ask(1, "SET", "alone", 1)
    is_ours = three.servers[1].name == "joblog"

    three.servers[1].kill()
    three.servers[1].start()
    three.ask(2, "REPLICAOF", "127.0.0.1", three.ports[1])
    wait_until(lambda: three.info(2)["master_link_status"] == "up")

    now = int(three.info(1)["master_repl_offset"])
    assert (now > int(before["master_repl_offset"])) is is_ours
