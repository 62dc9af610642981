"""What is wrong with a data folder, the server says in a line and by its exit code."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.recovery import recover
from app.snapshots import save_snapshot
from storage.filesystem import FileSystem
from storage.folder import LogFolder
from storage.packing import pack_segment
from tests.keyspaces import EVERY_TYPE
from tests.replay.histories import History
from tests.servers import ROOT

DISK = FileSystem()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SECONDS = 60


def make_folder(folder):
    """Make a data folder of several segments, and a snapshot of its last record."""
    history = History(folder, segment_bytes_max=700)
    history.run(history.connect(), *EVERY_TYPE)
    history.close()
    fold = recover(folder, DISK)
    save_snapshot(LogFolder(folder, DISK), DISK, fold.keyspace, fold.last_seq, 1)
    return folder


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "data")


def segments(folder):
    return sorted((folder / "log").glob("*.log"))


def snapshot(folder):
    return next((folder / "snapshots").glob("*.snap"))


def change(path, offset, byte=None):
    data = bytearray(path.read_bytes())
    data[offset] = data[offset] ^ 1 if byte is None else byte
    path.write_bytes(data)


def flip_a_bit(folder):
    shutil.rmtree(folder / "snapshots")
    change(segments(folder)[1], 200)


def flip_a_bit_of_a_packed_segment(folder):
    shutil.rmtree(folder / "snapshots")
    pack_segment(DISK, segments(folder)[1])
    change(segments(folder)[1], 100)


def remove_a_segment(folder):
    segments(folder)[1].unlink()


def remove_the_newest_segment(folder):
    segments(folder)[-1].unlink()


def remove_all_segments(folder):
    for path in segments(folder):
        path.unlink()


def double_a_segment(folder):
    path = segments(folder)[0]
    shutil.copy(path, path.with_name(f"{int(path.name[:20]) + 1:020d}.log"))


def swap_segments(folder):
    first, second = segments(folder)[1:3]
    aside = first.with_name("aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def take_a_segment_of_another_server(folder):
    other = make_folder(folder.with_name("other"))
    shutil.copy(segments(other)[1], segments(folder)[1])


def take_all_segments_of_another_server(folder):
    other = make_folder(folder.with_name("other"))
    shutil.rmtree(folder / "log")
    shutil.copytree(other / "log", folder / "log")


def cut_the_log_before_the_snapshot(folder):
    path = segments(folder)[-1]
    path.write_bytes(path.read_bytes()[:96])


def prune_behind_no_snapshot(folder):
    segments(folder)[0].unlink()
    change(snapshot(folder), 170)


def write_a_newer_segment(folder):
    change(segments(folder)[-1], 8, 2)


def write_a_newer_snapshot(folder):
    change(snapshot(folder), 8, 2)


REFUSALS = [
    pytest.param(flip_a_bit, 13, "a damaged frame", id="flipped bit"),
    pytest.param(
        flip_a_bit_of_a_packed_segment, 13, "a chunk is damaged", id="packed bit"
    ),
    pytest.param(remove_a_segment, 14, "are missing", id="missing segment"),
    pytest.param(remove_the_newest_segment, 14, "no such file", id="missing newest"),
    pytest.param(remove_all_segments, 14, "no segment", id="all missing"),
    pytest.param(double_a_segment, 15, "as named", id="doubled segment"),
    pytest.param(swap_segments, 15, "as named", id="swapped segments"),
    pytest.param(
        take_a_segment_of_another_server, 16, "of another log", id="foreign segment"
    ),
    pytest.param(
        take_all_segments_of_another_server, 16, "segments of log", id="foreign log"
    ),
    pytest.param(
        cut_the_log_before_the_snapshot, 17, "newer than the log", id="snapshot ahead"
    ),
    pytest.param(
        prune_behind_no_snapshot, 18, "no snapshot stands for", id="pruned, no snapshot"
    ),
    pytest.param(write_a_newer_segment, 12, "format version 2", id="newer segment"),
    pytest.param(write_a_newer_snapshot, 12, "format version 2", id="newer snapshot"),
]


def start(folder):
    """Start the server over a folder; return its exit code and what it said."""
    with tempfile.TemporaryDirectory() as home:
        program = [sys.executable, "-m", "app", "--port", "0"]
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
    from tests.servers import start_joblog  # noqa: PLC0415 - only this test needs it

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
