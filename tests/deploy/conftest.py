"""The packages, built once from this folder."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

BUILD_SECONDS = 500


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """Return a folder with the sdist and the plain wheel."""
    # Above the folder of this test process: the others need not build it again.
    folder = tmp_path_factory.getbasetemp().parent / f"dist-{os.getppid()}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(folder.glob("*.whl")):
            run(
                *(sys.executable, "-m", "build", "--outdir", folder, ROOT),
                env=os.environ | {"JOBLOG_PURE": "1"},
                timeout=BUILD_SECONDS,
            )
    return folder


@pytest.fixture(scope="session")
def sdist(dist, tmp_path_factory):
    """Return the folder that the sdist unpacks to."""
    (archive,) = dist.glob("*.tar.gz")
    folder = tmp_path_factory.mktemp("sdist")
    run("tar", "-xzf", archive, "-C", folder)
    (unpacked,) = folder.iterdir()
    return unpacked


@pytest.fixture(scope="session")
def installed(dist, tmp_path_factory):
    """Return a virtual environment with the plain wheel, and no more than it needs."""
    folder = tmp_path_factory.mktemp("installed") / "joblog"
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    run(*pip, "install", "--quiet", "--disable-pip-version-check", wheel)
    return folder


def run(*words, timeout=300, **more):
    """Run a command that has to go well, and return what it wrote."""
    done = subprocess.run(
        list(map(str, words)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
        **more,
    )
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout[-4000:]}"
    return done.stdout


def deploy(name):
    """Return the path of a file of docs/deploy."""
    return Path(ROOT, "docs", "deploy", name)
