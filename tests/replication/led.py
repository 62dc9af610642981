"""This server as the master, and a real one, or another of it, as its replica."""

from __future__ import annotations

from tests.replication.pairs import Pair
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until


class Led(Pair):
    """A master of ours and its replica, over a relay."""

    def __init__(self, start_replica, options, replica_options) -> None:
        """Start both; the replica follows the master from its start on."""
        self.master = start_joblog("--repl-timeout", "120", *options)
        try:
            self.relay = CuttingRelay(self.master.path)
            follows = ("--replicaof", "127.0.0.1", str(self.relay.port))
            self.replica = start_replica(
                *("--repl-timeout", "120"), *follows, *replica_options
            )
        except BaseException:
            self.master.__exit__()
            raise
        self._clients = {}

    def kill_master(self) -> None:
        """Kill the master, and start it over its log."""
        self.master.kill()
        self.master.start()
        self._clients.pop(self.master, None)

    def kill_replica(self) -> None:
        """Kill the replica, and start it over what it has."""
        self.replica.kill()
        self.replica.start()
        self._clients.pop(self.replica, None)

    def wait_until_online(self) -> None:
        """Wait until the master sends the replica its stream."""
        wait_until(
            lambda: "state=online" in self.master_info().get("slave0", ""),
            self.describe,
        )

    def syncs(self) -> str:
        """Return how many whole datasets the master has sent."""
        return self.master_info("stats")["sync_full"]

    def require_same_digest(self) -> None:
        """Assert that both have the same data, down to order and deadlines."""
        self.wait_until_same()
        wait_until(
            lambda: self.tell("DEBUG", "DIGEST") == self.ask("DEBUG", "DIGEST"),
            self._describe_difference,
        )

    def _describe_difference(self) -> str:
        return f"{self._differences()}\n{self.describe()}"
