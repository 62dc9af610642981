"""A server that was a master, then a replica, and is a master again.

Sentinel takes the replica of the greatest offset: so offsets have to grow from one
master to the next, whoever has been one before, as they do with Redis.
"""

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

    def lead(self, number) -> tuple[int, int]:
        """Have a server lead in the place of another, which is killed, and comes back.

        What it sends then is asked for as well: that is in its stream alone.

        Returns:
            How far those were who followed, and how far it is then.
        """
        told = [self.info(one) for one in range(3)]
        before = max(int(one.get("slave_repl_offset", 0)) for one in told)
        failed = [one for one in range(3) if "slave0" in told[one]]
        for one in failed:
            self.servers[one].kill()
        self.ask(number, "REPLICAOF", "NO", "ONE")
        for one in failed:
            self.servers[one].start()
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


@pytest.mark.parametrize("start", [start_joblog, start_redis])
def test_offsets_grow_from_one_master_to_the_next(start):
    with ExitStack() as stack:
        three = Three(stack, start)
        three.lead(0)
        for number in (1, 0):
            before, now = three.lead(number)

            assert now >= before
        assert three.ask(0, "LLEN", "jobs") == b":9\r\n"
