"""What the programs of other languages need: installed from pinned versions, once.

Node's packages go to `node/node_modules`, Go's programs to the Go build cache, so a
second run is quick. A machine without the tool skips, with the reason; CI fails.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import require_program

HERE = Path(__file__).resolve().parent
INSTALL_SECONDS = 600


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{shlex.join(command)}:\n{done.stdout}"
    return done.stdout


@contextmanager
def alone() -> Iterator[None]:
    """Hold a lock: of two test processes that install, one waits."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@functools.cache
def node_command(script: str) -> list[str]:
    """Return the command that runs a script of `node/`, its packages installed."""
    node, npm = require_program("node"), require_program("npm")
    folder = HERE / "node"
    lock_file = folder / "package-lock.json"
    stamp = folder / "node_modules" / ".installed"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    with alone():
        if not stamp.exists() or stamp.read_text() != wanted:
            # No package needs its install script: those only build what is optional.
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            run([npm, "ci", *quiet], folder)
            stamp.write_text(wanted)
    return [node, str(folder / script)]


@functools.cache
def go_command(package: str) -> list[str]:
    """Return the command that runs a program of `go/`, which is built first."""
    return [build_go("build", f"./{package}", program=package)]


@functools.cache
def go_tests(package: str, *, program: str) -> str:
    """Return the path of the tests of a Go package, ours or another's, as a program."""
    return build_go("test", "-c", package, program=f"{program}.test")


def build_go(verb: str, *arguments: str, program: str) -> str:
    """Build a program with `go`, and return its path."""
    folder = HERE / "go"
    path = str(folder / "build" / program)
    command = [require_program("go"), verb, "-o", path, *arguments]
    with alone():
        # No cgo: then a machine needs no C compiler.
        run(command, folder, CGO_ENABLED="0")
    return path


@functools.cache
def ruby_command(script: str) -> list[str]:
    """Return the command that runs a script of `ruby/` with Debian's Sidekiq."""
    ruby = require_program("ruby")
    found = subprocess.run(
        [ruby, "-e", "require 'sidekiq'"], capture_output=True, check=False
    )
    if found.returncode != 0:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("Sidekiq is not installed; Debian's package is ruby-sidekiq")
    return [ruby, str(HERE / "ruby" / script)]
