"""Real clients and real job queues, each in a process of its own, and their servers.

To keep the data folders that the tests leave, for `replay` to look at, name a folder:

    KEEP_DATA=/tmp/kept make clients ARGS="-k 'rq and joblog'"

Each test's folder is copied there, under the test's name, when the test ends.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

from tests import servers
from tests.clients.queues import QUEUES
from tests.clients.runners import Client, Journal, Program
from tests.server.conftest import server

__all__ = ["server"]

# An environment may have to be downloaded while a test waits for it.
TEST_SECONDS = 900

STARTERS = {
    "joblog": servers.start_joblog,
    # Valkey writes its log after it replied while an fsync runs, unless it is `always`.
    "valkey": lambda *options: servers.start_valkey(
        *("--appendonly", "yes", "--appendfsync", "always", *options)
    ),
}


def pytest_collection_modifyitems(items):
    here = Path(__file__).resolve().parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(params=STARTERS)
def queue_server(request, fold_equals_live):
    """A server with a port as well; what it logged must fold to what it has."""
    port = free_port()
    with STARTERS[request.param]("--port", str(port), "--bind", "127.0.0.1") as running:
        running.port = port
        yield running
        if running.name == "joblog":
            assert running.is_alive, running.output()
            fold_equals_live(running)
            keep(running.folder, request.node.name)


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def keep(folder: Path, name: str) -> None:
    """Copy a data folder to where the person wants it who runs the tests."""
    if target := os.environ.get("KEEP_DATA"):
        name = re.sub(r"[^\w.-]+", "-", name).strip("-")
        shutil.copytree(folder, Path(target) / name, dirs_exist_ok=True)


class Stage:
    """A queue on a server: its client, its workers, and the journal of its jobs."""

    def __init__(self, queue, server, folder: Path) -> None:
        self.queue = queue
        self.server = server
        self.journal = Journal(folder)
        self._begin = [*queue.require()]
        self._environment = {
            **queue.environment,
            "RUNNER_FOLDER": str(folder),
            "RUNNER_SOCKET": server.path,
            "RUNNER_PORT": str(server.port),
        }
        self._programs: list[Program] = []

    def client(self) -> Client:
        """Start a client."""
        command = [*self._begin, *self.queue.client]
        output = self.journal.folder / f"client-{len(self._programs)}.txt"
        return self._add(Client(command, self._environment, output))

    def worker(self, *options: str) -> Program:
        """Start a worker."""
        words = [*self.queue.worker, *options]
        folder, server = self.journal.folder, self.server
        places = {"socket": server.path, "port": server.port, "folder": folder}
        command = [*self._begin, *(word.format(**places) for word in words)]
        output = self.journal.folder / f"worker-{len(self._programs)}.txt"
        return self._add(Program(command, self._environment, output))

    def _add(self, program):
        self._programs.append(program)
        return program

    def outputs(self) -> str:
        """Return what all programs said, for the report of a failed test."""
        return "\n".join(
            f"--- {program.process.args}\n{program.output()}"
            for program in self._programs
        )

    def close(self) -> None:
        """Stop what still runs."""
        for program in self._programs:
            program.kill()


@pytest.fixture
def stage_of(queue_server, tmp_path):
    """Return a function that puts a queue on the server."""
    stages = []

    def put(name):
        queue = next(queue for queue in QUEUES if queue.name == name)
        stages.append(Stage(queue, queue_server, tmp_path))
        return stages[-1]

    yield put
    for stage in stages:
        stage.close()
        print(stage.outputs())  # noqa: T201 - pytest shows it where a test failed


@pytest.fixture(params=[queue.name for queue in QUEUES])
def stage(request, stage_of):
    """Each queue in turn, on the server."""
    return stage_of(request.param)
