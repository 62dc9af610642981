"""Clients that find their master by way of a real Sentinel, through two failovers.

The servers hold each reply until both replicas have what was written: nothing of what
was answered may be gone, whatever library asked, and whichever of them Sentinel takes.
"""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pytest

from tests.clients.go_queues import require_go
from tests.clients.node_queues import ENVIRONMENT as NODE_PATH
from tests.clients.node_queues import PROGRAMS as NODE_PROGRAMS
from tests.clients.node_queues import require_node
from tests.clients.queues import QUEUES
from tests.clients.runners import Program, Stage
from tests.support.sentinels import Watched
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

START = partial(start_joblog, "--reply-after-replicas", "2")
RQ_WORKER = ["-m", "rq.cli", "worker", "-c", "sentinel", "default"]
TASKS = 3


class Mover:
    """A program that pushes numbers and moves them, and says what was answered."""

    def __init__(self, key, command, watched, folder, **environment) -> None:
        self.key = key
        self._path = folder / f"{key}.txt"
        environment["RUNNER_SENTINEL"] = f"127.0.0.1:{watched.sentinels[0]}"
        self.program = Program(command, environment, self._path)

    def said(self, word):
        """Return the numbers of which it said that they were pushed, or moved."""
        lines = (line.split() for line in self._path.read_text().splitlines())
        return [int(line[1]) for line in lines if line[:1] == [word] and line[1:]]

    def wait_for_more(self, complaint) -> None:
        """Wait until some more were pushed, and some more moved."""
        for word in ("pushed", "moved"):
            before = len(self.said(word))
            wait_until(lambda w=word, b=before: len(self.said(w)) > b + 5, complaint)

    def missing(self, watched):
        """Return what was answered and is not there."""
        kept = []
        for place in (self.key, f"{self.key}:done"):
            wait_until(partial(watched.read_list, place, kept), watched.describe)
        return set(self.said("pushed")) - set(map(int, kept))


class Tasks:
    """Tasks of a library, and its worker."""

    def __init__(self, name, watched, folder, worker=None) -> None:
        queue = next(one for one in QUEUES if one.name == name)
        place = f"127.0.0.1:{watched.sentinels[0]}"
        environment = {**queue.environment, "RUNNER_SENTINEL": place}
        queue = replace(queue, environment=environment, worker=worker or queue.worker)
        folder.mkdir()
        server = next(iter(watched.servers.values()))
        self.stage = Stage(queue, server, folder)
        self.client = self.stage.client()
        self.tokens = []

    def enqueue(self) -> None:
        """Enqueue some tasks, each as often as it takes until that was answered."""
        for _ in range(TASKS):
            token = f"t{len(self.tokens)}"
            wait_until(lambda token=token: self._is_enqueued(token), self.stage.outputs)
            self.tokens.append(token)

    def _is_enqueued(self, token) -> bool:
        try:
            self.client.enqueue("add", token, 1, 2)
        except RuntimeError:
            return False  # no master: it was not answered
        return True

    def wait_until_done(self) -> None:
        """Wait until all tasks have run."""
        for token in self.tokens:
            self.stage.journal.wait_for("ran", token)


@pytest.fixture
def watched(tmp_path):
    folder = tmp_path / "sentinel"
    folder.mkdir()
    with Watched(folder, [START] * 3) as found:
        yield found


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


def test_queues_of_four_libraries_run_through_failovers(watched, stack, tmp_path):
    go = [require_go("goredissentinel", "build", "./goredissentinel")]
    node = [*require_node(), str(NODE_PROGRAMS / "ioredis.sentinel.js")]
    movers = [Mover("go", go, watched, tmp_path)]
    stack.callback(movers[0].program.kill)
    movers.append(Mover("node", node, watched, tmp_path, **NODE_PATH))
    stack.callback(movers[1].program.kill)
    queues = [
        Tasks("celery", watched, tmp_path / "celery"),
        Tasks("rq", watched, tmp_path / "rq", RQ_WORKER),
    ]

    def outputs():
        told = [queue.stage.outputs() for queue in queues]
        return "\n".join([watched.describe(), *told])

    for queue in queues:
        stack.callback(queue.stage.close)
        queue.enqueue()
    for kind in ("kill", "stop"):
        for mover in movers:
            mover.wait_for_more(outputs)
        failed = watched.fail(kind)
        watched.wait_for_another(failed)
        # Nothing is answered before there are two replicas again. And a worker of
        # Celery waits without end for a master that is stopped: only when that comes
        # back, and closes its connections, does it look for another.
        watched.bring_back(failed, kind)
        for queue in queues:
            if kind == "kill":
                queue.stage.worker()
            queue.enqueue()
        for mover in movers:
            mover.wait_for_more(outputs)
        for queue in queues:
            queue.wait_until_done()
        watched.wait_until_whole()

    for mover in movers:
        mover.program.kill()
    assert [mover.missing(watched) for mover in movers] == [set(), set()]
