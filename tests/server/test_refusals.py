"""What is wrong with a data folder, the server says in a line and by its exit code."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.damages import REFUSALS, make_folder
from tests.support.servers import ROOT

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SECONDS = 60


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "data")


def start(folder):
    """Start the server over a folder; return its exit code and what it said."""
    with tempfile.TemporaryDirectory() as home:
        program = [sys.executable, "-m", "joblog", "--port", "0"]
        done = subprocess.run(
            [*program, "--unixsocket", f"{home}/s", "--dir", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("do_harm", "exit_code", "text"), REFUSALS)
def test_a_folder_that_cannot_be_trusted_is_refused(folder, do_harm, exit_code, text):
    do_harm(folder)

    code, output = start(folder)

    assert code == exit_code, output
    assert text in output
    assert str(folder) in output
    assert "Traceback" not in output
    assert f"| {code} |" in OPERATIONS


@pytest.mark.slow
def test_a_folder_that_another_server_has_is_refused(folder):
    lock = os.open(folder / "joblog.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        code, output = start(folder)
    finally:
        os.close(lock)

    assert code == 10
    assert "is locked by process" in output or "is locked)" in output
    assert "| 10 |" in OPERATIONS


@pytest.fixture
def read_only(folder):
    """Let nobody write to the folder, root neither; skip where that takes a right."""
    with contextlib.ExitStack() as undoing:
        if os.geteuid():
            for path in (folder, *folder.rglob("*")):
                undoing.callback(path.chmod, path.stat().st_mode)
                path.chmod(0o555 if path.is_dir() else 0o444)
        else:
            for options in ("bind", "remount,bind,ro"):
                mount = ["mount", "-o", options, str(folder), str(folder)]
                if subprocess.run(mount, check=False, capture_output=True).returncode:
                    pytest.skip("this machine lets nobody mount a folder read-only")
                if options == "bind":
                    undoing.callback(
                        subprocess.run, ["umount", str(folder)], check=True
                    )
        yield folder


@pytest.mark.slow
def test_a_read_only_folder_is_refused_and_replay_reads_it(read_only):
    code, output = start(read_only)

    assert code == 11, output
    assert f"{read_only}" in output
    assert "read-only" in output.lower() or "permission" in output.lower()
    assert "Traceback" not in output
    assert "| 11 |" in OPERATIONS
    for verb in ("verify", "verify --deep", "log", "state", "info", "repair"):
        done = subprocess.run(
            [sys.executable, "-m", "joblog.replay", *verb.split(), str(read_only)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, (verb, done.stdout, done.stderr)
        assert done.stderr == "", verb


@pytest.mark.slow
def test_a_lock_that_a_dead_server_left_is_taken_over_and_said(start_one):
    server = start_one()
    pid = server.process.pid
    server.kill()

    server.start()

    assert f"process {pid}, which had this data folder before" in server.output()
    server.stop()
    server.start()
    assert server.output().count("did not stop cleanly") == 1


@pytest.fixture
def start_one():
    from tests.support.servers import start_joblog  # noqa: PLC0415 - only this test needs it

    started = []

    def run():
        started.append(start_joblog())
        return started[-1]

    yield run
    for server in started:
        server.__exit__()


@pytest.mark.slow
def test_the_exit_code_of_a_clean_stop_is_zero(start_one):
    server = start_one()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(SECONDS) == 0
    assert Path(server.folder / "joblog.lock").read_text().split()[1:] == []
