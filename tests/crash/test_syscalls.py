"""The real process under strace: system calls fail, or the process dies at one of them.

Two ways: strace goes with the server from its start, so that the calls of starting,
loading and stopping are met too; or it is attached to a server that runs, which is
quicker. `JOBLOG_CRASH_POINTS` asks for more points than the few that CI looks at.

Promises 1, 4, 7, 8, 9, 10 and 12 of docs/reliability.md.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.verify import verify_log
from tests.parity.wire import encode
from tests.support.disks import server_on, small_disk
from tests.support.servers import (
    ROOT,
    START_SECONDS,
    require_program,
    start_joblog,
)

pytestmark = pytest.mark.slow

POINTS = int(os.environ.get("JOBLOG_CRASH_POINTS", "3"))
CALLS = ("write", "fdatasync", "fsync", "rename")
SETTINGS = (
    *("--appendfsync", "always", "--segment-bytes-max", "6000"),
    *("--log-retention-bytes", "20000", "--log-compression", "zlib"),
)


@pytest.fixture
def strace():
    """Return strace's path."""
    return require_program("strace")


class Workload:
    """Writes that rotate, snapshot and prune; it knows which were acknowledged."""

    def __init__(self):
        self.acknowledged = 0
        self.sent = 0

    def run(self, server, count=150):
        """Write until all are acknowledged or the server is gone; say whether all."""
        try:
            connection = server.connect()
        except OSError:
            return False
        for number in range(count):
            self.sent += 1
            reply = connection.ask("RPUSH", "list", b"%d" % self.sent * 8)
            if reply != b":%d\r\n" % self.sent:
                return False
            self.acknowledged = self.sent
            if number % 60 == 30:
                connection.ask("BGREWRITEAOF")
        return True

    def check(self, server):
        """Assert that nothing acknowledged is lost, and nothing came from nowhere."""
        connection = server.connect()
        found = int(connection.ask("LLEN", "list")[1:-2])
        assert self.acknowledged <= found <= self.sent
        values = connection.ask("LRANGE", "list", 0, -1).split(b"\r\n")[2::2]
        assert values == [b"%d" % n * 8 for n in range(1, found + 1)]
        self.acknowledged = self.sent = found


def spread(last):
    """Return the points to look at: the first calls, then ever wider apart."""
    steps = POINTS * POINTS
    return sorted({1 + i * i * (last - 1) // steps for i in range(1, POINTS + 1)} | {1})


def attach(strace, server, *inject):
    """Attach strace to a running server, and wait until it is there."""
    command = [strace, "-f", "-qq", "-o", os.devnull, "-p", str(server.process.pid)]
    for each in inject:
        call = each.split(":")[0]
        command += ["-e", f"trace={call}", "-e", f"inject={each}"]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    status = Path(f"/proc/{server.process.pid}/status")
    deadline = time.monotonic() + START_SECONDS
    while True:
        if "TracerPid:\t0\n" not in status.read_text():
            return tracer
        assert time.monotonic() < deadline


@pytest.mark.parametrize("call", CALLS)
def test_server_killed_at_a_call_while_it_runs_loses_nothing(
    strace, fold_equals_live, call
):
    last = {"write": 400, "fdatasync": 150, "fsync": 40, "rename": 12}[call]
    with start_joblog(*SETTINGS) as server:
        workload = Workload()
        killed = 0
        for point in spread(last):
            tracer = attach(strace, server, f"{call}:signal=KILL:when={point}")
            killed += not workload.run(server)
            if server.is_alive:
                server.kill()  # it made fewer such calls
            server.process.wait()
            tracer.wait()

            server.start()

            workload.check(server)
            fold_equals_live(server)
        assert killed


@pytest.mark.parametrize("call", ["fsync", "rename", "openat"])
def test_server_killed_at_a_call_of_its_start_starts_again(
    strace, fold_equals_live, call
):
    """From an empty folder, and from one with a log, snapshots and a torn tail."""
    last = {"fsync": 12, "rename": 3, "openat": 900}[call]
    workload = Workload()
    with start_joblog(*SETTINGS) as server:
        for point in spread(last):
            workload.run(server, 20)
            server.kill()
            newest = max((server.folder / "log").glob("*.log"))
            with newest.open("ab") as file:
                file.write(b"\x20\x00\x00\x00torn")
            program = [
                *(strace, "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}"),
                *("-e", f"inject={call}:signal=KILL:when={point}"),
                *server._command,
            ]
            process = subprocess.Popen(
                program,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            _wait_or_serve(process, server)

            server.start()

            workload.check(server)
            fold_equals_live(server)


def _wait_or_serve(process, server):
    """Wait for the end of a start; where it goes well after all, end it."""
    deadline = time.monotonic() + 3 * START_SECONDS
    while process.poll() is None:
        assert time.monotonic() < deadline
        if server._is_serving():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        time.sleep(0.02)


@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_failed_fsync_acknowledges_nothing_more_and_ends_the_server(
    strace, fold_equals_live, call
):
    with start_joblog(*SETTINGS) as server:
        workload = Workload()
        workload.run(server, 10)
        tracer = attach(strace, server, f"{call}:error=EIO:when=5+")

        all_done = workload.run(server, 600)

        assert server.process.wait(START_SECONDS) == 1
        assert not all_done
        tracer.wait()
        server.start()
        workload.check(server)
        fold_equals_live(server)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_log_that_takes_no_writes_refuses_them_and_goes_on_later(
    strace, fold_equals_live, error
):
    with start_joblog("--appendfsync", "always") as server:
        workload = Workload()
        workload.run(server, 10)
        [segment] = (server.folder / "log").glob("*.log")
        command = [
            *(strace, "-f", "-qq", "-o", os.devnull, "-p", str(server.process.pid)),
            *("-P", str(segment), "-e", "trace=write"),
            *("-e", f"inject=write:error={error}:when=5..9"),
        ]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        refused = 0
        while time.monotonic() < deadline:
            connection = server.connect()
            workload.sent += 1
            reply = connection.ask("RPUSH", "list", b"%d" % workload.sent * 8)
            if reply.startswith(b"-MISCONF"):
                refused += 1
                workload.sent -= 1
                assert connection.ask("LLEN", "list").startswith(b":")
            else:
                assert reply == b":%d\r\n" % workload.sent
                workload.acknowledged = workload.sent
                if workload.sent > 60:
                    break
            connection.close()
        tracer.terminate()
        tracer.wait()

        assert workload.sent > 60, "service did not resume"
        server.kill()
        server.start()
        workload.check(server)
        assert verify_log(server.folder, filesystem=FileSystem()).is_sound


def fill_up(server):
    """Push until the disk is full; return how many pushes were acknowledged.

    The client whose write hit the full disk waits; others are refused.
    """
    connection = server.connect()
    connection._socket.settimeout(1.0)
    acknowledged = 0
    connection.send(encode(["RPUSH", "list", b"x" * 7000]))
    while True:
        reply = connection.read()
        if reply.startswith(b":"):
            acknowledged = int(reply[1:-2])
            connection.send(encode(["RPUSH", "list", b"x" * 7000]))
        elif b"aof_last_write_status:err" in server.connect().ask("INFO", "all"):
            return acknowledged


def test_write_that_takes_only_a_part_is_completed_or_cut(strace, fold_equals_live):
    """A file system that is full in the middle of a record, for real."""
    with (
        small_disk("300k") as disk,
        server_on(disk, "--appendfsync", "always", "--disk-reserve", "0") as server,
    ):
        acknowledged = fill_up(server)
        assert server.connect().ask("SET", "k", "v").startswith(b"-MISCONF")
        assert server.connect().ask("LLEN", "list").startswith(b":")
        disk.resize("20m")
        deadline = time.monotonic() + START_SECONDS
        while server.connect().ask("SET", "k", "v") != b"+OK\r\n":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        server.kill()
        server.start()
        found = int(server.connect().ask("LLEN", "list")[1:-2])
        assert acknowledged <= found <= acknowledged + 1
        fold_equals_live(server)
