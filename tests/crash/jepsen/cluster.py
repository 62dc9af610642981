"""A cluster whose every link, disk and clock can fail: three stores, and their joblogs.

Each nats-server reaches each other one, and each joblog each nats-server, by a link of
its own (`tests.support.links`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from itertools import permutations
from pathlib import Path

from tests.parity.wire import Connection
from tests.support.links import Link, Network
from tests.support.servers import ROOT
from tests.support.stores import NODES, Store, _choose_ports
from tests.support.waiting import wait_until

STREAM = "JEPSEN"
ANSWER_SECONDS = 4.0
DISK_BYTES = 256 << 20

# No server tells others where it is: they would go round the links.
_CONFIGURATION = """
server_name: node{number}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor}
ping_interval: "2s"
jetstream {{
    store_dir: {store}, sync_interval: always, max_mem: 64MB, max_file: 1GB
}}
cluster {{
    name: log, listen: 127.0.0.1:{route}, no_advertise: true
    advertise: "127.0.0.1:9", routes: [{routes}]
}}
"""
_HERE = Path(__file__).parent
_SHIMS = (_HERE.parent / "clock_shim.c", _HERE.parent / "held_sync.c")


class LinkedStore(Store):
    """Three nats-servers that reach each other by links.

    Attributes:
        routes: the link from each to each other one.
    """

    def __init__(self, network: Network, folder: Path) -> None:
        """Start them; what they keep is in a folder, which may be of small disks."""
        self._network = network
        self._folder = folder
        self.routes: dict[tuple[int, int], Link] = {}
        super().__init__(NODES)

    def folder(self, number: int) -> Path:
        """Return where one keeps its data."""
        return self._folder / f"store{number}"

    def _begin(self, nodes: int) -> bool:
        ports = _choose_ports(3 * nodes)
        self.ports, self._monitors = ports[:nodes], ports[nodes : 2 * nodes]
        routes = ports[2 * nodes :]
        self.routes = {
            (one, other): self._network.link(routes[other])
            for one, other in permutations(range(nodes), 2)
        }
        for number in range(nodes):
            known = [
                f'"nats://127.0.0.1:{link.port}"'
                for (one, _), link in self.routes.items()
                if one == number
            ]
            text = _CONFIGURATION.format(
                number=number,
                port=self.ports[number],
                monitor=self._monitors[number],
                store=json.dumps(str(self.folder(number))),
                route=routes[number],
                routes=", ".join(known),
            )
            (self._home / f"{number}.conf").write_text(text)
            self.start(number)
        wait_until(lambda: self.is_whole() or self._has_ended())
        return not self._has_ended()

    def is_running(self, number: int) -> bool:
        """Say whether one has not ended."""
        process = self._processes[number]
        return process is not None and process.poll() is None

    def bring_back(self, number: int) -> None:
        """Have one run that was killed, was stopped or has ended."""
        if self.is_running(number):
            self.signal(number, signal.SIGCONT)
        else:
            self.start(number)


class Node:
    """One joblog, which stands by or leads.

    Attributes:
        number: which one.
        links: to each of the nats-servers.
        folder: its data folder.
        path: its Unix socket.
        is_stopped: whether it was sent SIGSTOP.
    """

    def __init__(
        self, number: int, home: Path, disk: Path, links: list[Link], options: list[str]
    ) -> None:
        """Start nothing yet.

        Args:
            number: which one.
            home: a folder for what is no data.
            disk: a folder for its data.
            links: to each of the nats-servers.
            options: those of joblog.
        """
        self.number = number
        self.links = links
        self.folder = disk / "data"
        self.folder.mkdir(exist_ok=True)
        self.path = str(home / f"s{number}")
        self.is_stopped = False
        self._output = home / f"joblog{number}.log"
        self._slow = home / f"slow{number}"
        self._clock = (home / f"clock{number}").open("w+b", buffering=0)
        self.set_clock(0)
        self._process: subprocess.Popen[bytes] | None = None
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in links)
        self._command = [
            *(sys.executable, "-m", "joblog", "--port", "0", "--unixsocket", self.path),
            *("--dir", str(self.folder), "--log-store", f"nats://{hosts}/{STREAM}"),
            *("--loglevel", "notice", "--save", "", "--enable-debug-command", "yes"),
            *options,
        ]
        shims = [str(home / f"{source.stem}.so") for source in _SHIMS]
        self._environment = {
            "LD_PRELOAD": " ".join(one for one in shims if Path(one).exists()),
            "CLOCK_SHIM_FILE": self._clock.name,
            "HELD_SYNC_FILE": str(self._slow),
        }

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def bring_back(self) -> None:
        """Have it run where it was killed, was stopped or has ended."""
        if self.is_running:
            self.send(signal.SIGCONT)
            self.is_stopped = False
            return
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=os.environ | self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def send(self, what: signal.Signals) -> None:
        """Send it a signal, where it runs."""
        if self._process is not None and self.is_running:
            self._process.send_signal(what)
            self.is_stopped = what is signal.SIGSTOP

    def end(self, what: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait for that."""
        self.send(what)
        if self._process is not None:
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def set_clock(self, seconds: float) -> None:
        """Let its wall clock go so far before the real one."""
        self._clock.seek(0)
        self._clock.write(struct.pack("=q", int(seconds * 1_000_000)))

    def slow_down(self, *, is_slow: bool) -> None:
        """Have no sync of its disk end, or as ever."""
        if is_slow:
            self._slow.touch()
        else:
            self._slow.unlink(missing_ok=True)

    def connect(self) -> Connection:
        """Return a new connection, which waits no longer than `ANSWER_SECONDS`.

        Raises:
            OSError: nobody listens.
        """
        connection = Connection(self.path)
        connection._socket.settimeout(ANSWER_SECONDS)
        return connection

    def leads(self) -> bool:
        """Say whether it answers, and says that it leads."""
        if not self.is_running or self.is_stopped:
            return False
        try:
            connection = self.connect()
        except OSError:
            return False
        try:
            connection._socket.settimeout(1)
            # Who stands by answers ROLE too.
            is_serving = connection.ask("PING") == b"+PONG\r\n"
            role = connection.ask("ROLE") if is_serving else b""
            return role.startswith(b"*3\r\n$6\r\nmaster\r\n")
        finally:
            connection.close()

    def output(self) -> str:
        """Return what it wrote to its standard output and error."""
        return self._output.read_text(errors="replace") if self._process else ""

    def close(self) -> None:
        """End it."""
        self.end()
        self._clock.close()


class Cluster:
    """All of it, in a folder of its own.

    Attributes:
        network: all links.
        store: the nats-servers.
        nodes: the joblogs.
        has_disks: whether each party has a small disk of its own.
        home: the folder.
    """

    def __init__(self, nodes: int, options: list[str]) -> None:
        """Start all, and wait until one of the joblogs leads."""
        self.home = Path(tempfile.mkdtemp(prefix="jepsen-"))
        self._mounted: list[Path] = []
        self._compile_shims()
        stores = [f"store{number}" for number in range(NODES)]
        for name in (*stores, *(f"joblog{number}" for number in range(nodes))):
            self._mount(self.home / name)
        self.has_disks = bool(self._mounted)
        self.network = Network()
        self.store = LinkedStore(self.network, self.home)
        self.store.wait_until_whole()
        self.nodes = [
            Node(
                number,
                self.home,
                self.home / f"joblog{number}",
                [self.network.link(port) for port in self.store.ports],
                options,
            )
            for number in range(nodes)
        ]
        for node in self.nodes:
            node.bring_back()
        wait_until(lambda: self.leader() is not None)

    def _compile_shims(self) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        for source in _SHIMS if compiler else ():
            target = self.home / f"{source.stem}.so"
            command = ["-shared", "-fPIC", "-O1", "-o", target, source, "-ldl"]
            subprocess.run([compiler, *command], check=True)

    def _mount(self, folder: Path) -> None:
        folder.mkdir()
        if os.geteuid() or not shutil.which("mount"):
            return
        size = f"size={DISK_BYTES}"
        command = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            self._mounted.append(folder)

    def leader(self) -> Node | None:
        """Return who leads, as far as somebody says so."""
        return next((node for node in self.nodes if node.leads()), None)

    def ask(self, *words: object, of: Node | None = None) -> bytes:
        """Return what who leads answers; ask until it is no refusal.

        Args:
            words: the command; it may be asked twice.
            of: who is to lead: all others are not started.
        """
        answers = [b""]

        def is_answered() -> bool:
            self.bring_back_stores()
            for node in [of] if of else self.nodes:
                if not node.is_running:
                    node.bring_back()
            leader = self.leader()
            if leader is not None:
                with contextlib.closing(leader.connect()) as connection:
                    answers.append(connection.ask(*words))
            return answers[-1][:1] not in {b"", b"-", b"<"} or bool(time.sleep(0.2))

        wait_until(is_answered, lambda: f"{words} is answered {answers[-1]!r}")
        return answers[-1]

    def bring_back(self) -> None:
        """Start what has ended."""
        for node in self.nodes:
            if not node.is_running:
                node.bring_back()
        self.bring_back_stores()

    def bring_back_stores(self) -> None:
        """Start those nats-servers that have ended."""
        for number in range(NODES):
            if not self.store.is_running(number):
                self.store.bring_back(number)

    def close(self, *, keep: bool = False) -> None:
        """End all; the folder goes, unless it is to be looked at."""
        for node in self.nodes:
            node.close()
        self.store.__exit__()
        self.network.close()
        if keep:
            return
        for folder in self._mounted:
            subprocess.run(["umount", str(folder)], check=False)
        shutil.rmtree(self.home, ignore_errors=True)
