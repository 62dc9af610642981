"""Servers for the tests of this folder; none ends without the fold being checked."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.servers import ROOT, start_joblog
from tests.support.services import OPENED


@pytest.fixture
def server(fold_equals_live):
    """Return a running server with an empty folder of its own."""
    with start_joblog() as running:
        yield running
        if running.is_alive:
            fold_equals_live(running)


@pytest.fixture
def start(fold_equals_live):
    """Return a function that starts a server; all are checked at the end."""
    started = []

    def start_one(*options):
        started.append(start_joblog(*options).__enter__())
        return started[-1]

    yield start_one
    try:
        for running in started:
            if running.is_alive and "--appendonly" not in running.options:
                fold_equals_live(running)
    finally:
        for running in started:
            running.__exit__()


@pytest.fixture
def home():
    """Return a short path: that of a socket may have no more than 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="joblog-") as folder:
        yield Path(folder)
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def launch(home):
    """Return a function that starts a server with options, and does not wait for it."""
    started = []

    def launch_one(*options, **more):
        file = options[:1] if options and not options[0].startswith("-") else ()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "joblog", *file, "--port", "0"),
                *("--unixsocket", str(home / "s"), "--dir", str(home / "data")),
                *options[len(file) :],
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **more,
        )
        started.append(process)
        return process

    yield launch_one
    for process in started:
        process.kill()
        process.communicate()
