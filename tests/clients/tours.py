"""Tours: programs that go through what a queue library's documentation offers.

A tour is one program. It starts the library's own workers, lets jobs live through its
retries, schedulers, groups, rate limits, flows and expiry, and says at the end, as one
line of JSON on its standard output, which job lived which story, and how many the
library itself counts:

    {"jobs": {"plain": ID, ...}, "counts": {"done": 12, ...}}

The jobs and their stories are what `replay` has to tell of the server's log; see
tests/replay/jobs/test_tours.py, which has the same stories as they were recorded once:

    python -m tests.clients.tours rq tests/data/tours/rq
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients import go_queues, node_queues, python_queues, ruby_queues
from tests.clients.runners import port_options, session_members
from tests.support import servers

TOUR_SECONDS = 180.0


@dataclass(frozen=True)
class Tour:
    """A library's tour.

    Attributes:
        name: of the library.
        require: returns what the command begins with; skips the test where it cannot
            be had.
        words: the rest of the command.
        environment: more variables.
    """

    name: str
    require: Callable[[], Sequence[str]]
    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def _python(name: str, require: Callable[[], Sequence[str]]) -> Tour:
    return Tour(name, require, ["-m", f"{name}_tour"], python_queues.ENVIRONMENT)


TOURS = [
    _python("celery", python_queues.modern),
    _python("rq", python_queues.modern),
    _python("huey", python_queues.modern),
    _python("arq", python_queues.arq),
    _python("saq", python_queues.modern),
    _python("dramatiq", python_queues.modern),
    _python("taskiq", python_queues.modern),
    _python("delancie", python_queues.modern),
    Tour("sidekiq", ruby_queues.require_ruby, [str(ruby_queues.PROGRAMS / "tour.rb")]),
    Tour(
        "bullmq",
        node_queues.require_node,
        [str(node_queues.PROGRAMS / "bullmq_tour.js")],
        node_queues.ENVIRONMENT,
    ),
    Tour(
        "bull",
        node_queues.require_node,
        [str(node_queues.PROGRAMS / "bull_tour.js")],
        node_queues.ENVIRONMENT,
    ),
    Tour(
        "asynq",
        lambda: [go_queues.require_go("asynq-tour", "build", "./asynq_tour")],
        [],
    ),
]


def take(tour: Tour, server: servers.ServerProcess, folder: Path) -> dict[str, Any]:
    """Run a tour on a server and return what it said; its processes all end with it.

    Raises:
        AssertionError: the tour failed, or took too long; its output is the text.
    """
    port = server.options[server.options.index("--port") + 1]
    words = {
        "RUNNER_FOLDER": str(folder),
        "RUNNER_SOCKET": server.path,
        "RUNNER_PORT": port,
    }
    (folder / "journal").touch()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [*tour.require(), *tour.words],
            env={**os.environ, **tour.environment, **words},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            start_new_session=True,
        )
    try:
        said, _ = process.communicate(timeout=TOUR_SECONDS)
    except subprocess.TimeoutExpired:
        said = ""
    finally:
        for member in session_members(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        process.wait()
    complaint = (folder / "output").read_text(errors="replace")
    assert process.returncode == 0, f"{tour.name}: {complaint[-6000:]}"
    return json.loads(said.splitlines()[-1])


def record(name: str, target: Path) -> None:
    """Take a library's tour, and keep what the server logged."""
    tour = next(tour for tour in TOURS if tour.name == name)
    with (
        tempfile.TemporaryDirectory() as home,
        servers.start_joblog(*port_options()) as server,
    ):
        told = take(tour, server, Path(home))
        server.stop()
        shutil.rmtree(target / "data", ignore_errors=True)
        shutil.copytree(server.folder / "log", target / "data" / "log")
        (target / "jobs.json").write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    record(sys.argv[1], Path(sys.argv[2]))
