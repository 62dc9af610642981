"""Servers that keep one log by way of a store: one leads, the others follow."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import redis
import redis.sentinel

from tests.support.processes import free_port
from tests.support.servers import ServerProcess, start_joblog
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.stores import Store

ERRORS = (redis.RedisError, redis.sentinel.MasterNotFoundError, OSError)
_TRY_SECONDS = 1.0


class Cluster:
    """Servers on ports of their own over one stream.

    Attributes:
        servers: the processes, by port.
    """

    def __init__(self, store: Store, stream: str, count: int = 3, *more: str) -> None:
        """Start them, one after the other: the first one leads."""
        self.servers: dict[int, ServerProcess] = {}
        self.address = store.address(stream)
        self._more = more
        for _ in range(count):
            self.add()

    def add(self) -> int:
        """Start one more; return its port."""
        port = free_port()
        self.servers[port] = start_joblog(
            *("--log-store", self.address, "--loglevel", "notice"),
            *("--port", str(port), "--log-store-lease", "1000"),
            *("--log-store-timeout", "10000", *self._more),
        )
        return port

    def alive(self) -> list[int]:
        """Return the ports of those that run."""
        return [port for port, one in self.servers.items() if one.is_alive]

    def client(self, port: int, seconds: float = 60) -> redis.Redis:
        """Return a client of one."""
        return redis.Redis(port=port, socket_timeout=seconds)

    def info(self, port: int) -> dict[str, Any]:
        """Return what one says of itself; nothing where it says nothing."""
        with suppress(*ERRORS), self.client(port, 2) as client:
            return {**client.info("replication"), **client.info("persistence")}
        return {}

    def leader(self) -> int:
        """Return the port of the one that leads; wait until there is one."""
        found: list[int] = []

        def leads(port: int) -> bool:
            return bool(self.info(port).get("role") == "master")

        def look() -> bool:
            found[:] = [port for port in self.alive() if leads(port)]
            return len(found) == 1

        wait_until(look, self.describe)
        return found[0]

    def followers(self) -> list[int]:
        """Return the ports of the others that run."""
        leader = self.leader()
        return [port for port in self.alive() if port != leader]

    def digests(self) -> list[str]:
        """Return the digest of each one's data."""
        found = []
        for port in self.alive():
            with self.client(port) as client:
                found.append(client.execute_command("DEBUG", "DIGEST").decode())
        return found

    def wait_until_same(self) -> None:
        """Wait until all have the same data."""
        wait_until(lambda: len(set(self.digests())) == 1, self.describe)

    def stop_for_a_while(self, port: int) -> None:
        """Stop one with SIGSTOP."""
        self.servers[port].process.send_signal(signal.SIGSTOP)

    def go_on(self, port: int) -> None:
        """Let one go on."""
        self.servers[port].process.send_signal(signal.SIGCONT)

    def sentinel(self) -> redis.sentinel.Sentinel:
        """Return a client that knows Sentinel, and asks all of them."""
        where = [("127.0.0.1", port) for port in self.servers]
        return redis.sentinel.Sentinel(where, socket_timeout=_TRY_SECONDS)

    def describe(self) -> str:
        """Return what all say, for a complaint."""
        told = []
        for port, server in self.servers.items():
            told.append(f"{port}: {server.is_alive} {server.output()[-2500:]}")
        return "\n".join(told)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            if server.is_alive:
                server.process.send_signal(signal.SIGCONT)
                server.kill()
            server.__exit__()


class Writer:
    """Pushes numbers into a list, in a thread, whatever happens.

    Attributes:
        acknowledged: the numbers whose push was answered, and when.
    """

    def __init__(
        self, cluster: Cluster, key: str, *, by_sentinel: bool = False
    ) -> None:
        """Begin.

        Args:
            cluster: the servers.
            key: of the list.
            by_sentinel: ask Sentinel's face who leads; else try one after the other.
        """
        self.acknowledged: list[tuple[int, float]] = []
        self._cluster, self._key = cluster, key
        self._is_over = False
        self._by_sentinel = by_sentinel
        self._thread = threading.Thread(target=self._push_all)
        self._thread.start()

    def _push_all(self) -> None:
        clients = [
            self._cluster.client(port, _TRY_SECONDS) for port in self._cluster.servers
        ]
        if self._by_sentinel:
            sentinel = self._cluster.sentinel()
            clients = [sentinel.master_for("mymaster", socket_timeout=_TRY_SECONDS)]
        number = place = 0
        while not self._is_over:
            number += 1
            try:
                clients[place].rpush(self._key, number)
            except ERRORS:
                place = (place + 1) % len(clients)
                time.sleep(0.02)
                continue
            self.acknowledged.append((number, time.monotonic()))

    def wait_for_more(self, count: int = 20) -> None:
        """Wait until so many more were answered."""
        before = len(self.acknowledged)
        wait_until(
            lambda: len(self.acknowledged) >= before + count, self._cluster.describe
        )

    def longest_gap(self) -> float:
        """Return the longest time between two answers, in seconds."""
        times = [at for _, at in self.acknowledged]
        return max((late - early for early, late in pairwise(times)), default=0.0)

    def stop(self) -> list[int]:
        """Stop; return the numbers that were answered."""
        self._is_over = True
        self._thread.join()
        return [number for number, _ in self.acknowledged]
