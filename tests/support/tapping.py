"""A real Redis, and this server as its replica, which records what happens there."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tests.support.cutting import CuttingRelay
from tests.support.servers import ServerProcess, start_joblog, start_redis
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Tapped(NamedTuple):
    """Both servers, and what is between them."""

    master: ServerProcess
    relay: CuttingRelay
    replica: ServerProcess

    def wait_until_recorded(self) -> None:
        """Wait until all that the master did is in the replica's log, durably."""
        asked = self.master.connect()
        asked.ask("SET", "the:end", 1)  # WAIT is for what its own client wrote
        wait_until(lambda: asked.ask("WAIT", 1, 100) == b":1\r\n", self.replica.output)


@contextlib.contextmanager
def tap(*options: str) -> Iterator[Tapped]:
    """Start both; the options are the master's."""
    with (
        start_redis("--repl-diskless-sync-delay", "0", *options) as master,
        CuttingRelay(master.path) as relay,
        start_joblog("--replicaof", f"127.0.0.1 {relay.port}") as replica,
    ):
        tapped = Tapped(master, relay, replica)
        asked = replica.connect()
        up = b"master_link_status:up"
        wait_until(lambda: up in asked.ask("INFO", "replication"), replica.output)
        yield tapped
