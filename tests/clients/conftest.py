"""Real clients and real job queues, each in a process of its own, and their servers.

To keep the data folders that the tests leave, for `replay` to look at, name a folder:

    KEEP_DATA=/tmp/kept make clients ARGS="-k 'rq and joblog'"

Each test's folder is copied there, under the test's name, when the test ends.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.clients.queues import QUEUES
from tests.clients.runners import Stage, port_options
from tests.server.conftest import server
from tests.support import servers

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
# The second shows that a test is right about a library: none of ours takes part.
SERVER_NAMES = ["joblog", pytest.param("valkey", marks=pytest.mark.reference)]


def pytest_collection_modifyitems(items):
    here = Path(__file__).resolve().parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(params=SERVER_NAMES)
def queue_server(request, fold_equals_live):
    """A server with a port as well; what it logged must fold to what it has."""
    with STARTERS[request.param](*port_options()) as running:
        yield running
        if running.name == "joblog":
            keep(running.folder, request.node.name)
            assert running.is_alive, running.output()
            fold_equals_live(running)


def keep(folder: Path, name: str) -> None:
    """Copy a data folder to where the person wants it who runs the tests."""
    if target := os.environ.get("KEEP_DATA"):
        name = re.sub(r"[^\w.-]+", "-", name).strip("-")
        shutil.copytree(folder, Path(target) / name, dirs_exist_ok=True)


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
