"""Where the tested libraries lie: folders made on demand from pins, never from ours.

`.venv-clients/NAME` holds one environment. It is made at the first use, and made anew
when its pins change; a stamp in it holds their digest, so the second run costs nothing.
Test processes that want it at the same moment wait for the one that makes it.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.servers import ROOT

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = ROOT / ".venv-clients"
INSTALL_SECONDS = 400
TRIES = 2

Steps = Callable[[Path], Sequence[Sequence[str]]]


def require_environment(name: str, pins: tuple[Path, ...], steps: Steps) -> Path:
    """Return the folder of an environment; it is made where missing or outdated.

    A test whose environment cannot be had is skipped with the reason; in CI it fails.

    Args:
        name: of the folder.
        pins: files that say all that is installed; a change of them makes it anew.
        steps: gives the commands that fill the folder, which does not exist yet.
    """
    folder, failure = _make_once(name, pins, steps)
    if failure is not None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"cannot install what {name} needs: {failure}")
    return folder


def require_python(name: str) -> str:
    """Return the Python of the venv that has all of `python/NAME.txt`, and no more."""
    pins = HERE / "python" / f"{name}.txt"

    def steps(folder):
        python = str(folder / "bin" / "python")
        # --no-deps: the file pins everything, so that pip has nothing to decide.
        pip = [sys.executable, "-m", "pip", "--python", python, "install"]
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
        return [
            [sys.executable, "-m", "venv", "--without-pip", str(folder)],
            [*pip, *quiet, "--no-deps", "-r", str(pins)],
        ]

    folder = require_environment(f"python-{name}", (pins,), steps)
    return str(folder / "bin" / "python")


@functools.cache  # A failure too: nobody waits twice for the same download.
def _make_once(
    name: str, pins: tuple[Path, ...], steps: Steps
) -> tuple[Path, str | None]:
    folder = ENVIRONMENTS / name
    stamp = folder / ".made-from"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in pins)).hexdigest()
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == digest:
            return folder, None
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            failure = _run_all(steps(folder))
            if failure is None:
                stamp.write_text(digest)
                break
        return folder, failure


def _run_all(steps: Sequence[Sequence[str]]) -> str | None:
    """Run commands until one fails, and return what it said."""
    for step in steps:
        try:
            done = subprocess.run(
                step,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode != 0:
            return (done.stderr or done.stdout).decode(errors="replace")[-2000:]
    return None
