"""`replay backup --follow`: a standby, which a server starts over in need."""

import signal
import subprocess
import sys

import pytest

from joblog.storage.errors import StorageError
from joblog.storage.filesystem import FileSystem
from joblog.storage.places import last_seq_hint
from tests.support.folding import live_digest
from tests.support.servers import ROOT, start_joblog
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SECONDS = 60.0
SMALL = ("--segment-bytes-max", "20000", "--appendfsync", "always")


class Standby:
    """A process that follows a server's folder."""

    def __init__(self, source, target):
        self.folder = target
        self._command = [sys.executable, "-m", "joblog.replay", "backup", "--follow"]
        self._command += [str(source), str(target)]
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def has(self, seq):
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read())
        try:
            return last_seq_hint(self.folder, filesystem=FileSystem()) >= seq
        except (StorageError, OSError):  # it is yet to be made
            return False

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out.decode() + errors.decode()


@pytest.fixture
def standby_of(tmp_path):
    made = []

    def make(server):
        made.append(Standby(server.folder, tmp_path / "standby"))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def push(connection, count):
    for number in range(count):
        reply = connection.ask("RPUSH", f"queue:{number % 5}", f"job:{number}" * 5)
        assert reply.startswith(b":")


def records_of(connection):
    """Return the number of the last record."""
    words = connection.ask("LOG.INFO").split(b"\r\n")
    return int(words[words.index(b"last_seq") + 1][1:])


def take_over(server, folder):
    """Start another server over the standby's folder."""
    other = start_joblog(*SMALL)
    other.stop()
    other._command[other._command.index("--dir") + 1] = str(folder)
    other.folder = folder
    other.start()
    return other


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_standby_takes_over_with_all_that_was_acknowledged(standby_of, end):
    with start_joblog(*SMALL) as server:
        connection = server.connect()
        push(connection, 300)
        standby = standby_of(server)
        push(connection, 700)
        seq = records_of(connection)
        wait_until(lambda: standby.has(seq))
        digest = live_digest(server)
        server.kill()

        code, output = standby.end(end)

        if end != signal.SIGKILL:
            assert code == 0, output
            assert "a copy up to seq" in output
        with take_over(server, standby.folder) as other:
            assert live_digest(other) == digest
            push(other.connect(), 10)


def test_no_server_starts_over_a_standby_that_follows(standby_of):
    with start_joblog(*SMALL) as server:
        push(server.connect(), 50)
        standby = standby_of(server)
        wait_until(lambda: standby.has(50))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "joblog",
                "--port",
                "0",
                "--dir",
                str(standby.folder),
            ],
            cwd=ROOT,
            check=False,
            capture_output=True,
            timeout=SECONDS,
        )

        assert done.returncode == 10


def test_a_standby_that_took_over_is_not_followed_over(standby_of):
    with start_joblog(*SMALL) as server:
        push(server.connect(), 50)
        standby = standby_of(server)
        wait_until(lambda: standby.has(50))
        standby.end()
        with take_over(server, standby.folder) as other:
            push(other.connect(), 20)
            digest = live_digest(other)
            other.stop()
            push(server.connect(), 5)

            standby.start()
            _, errors = standby.process.communicate(timeout=SECONDS)

            assert standby.process.returncode == 1
            assert b"decide which is to go on" in errors
            other.start()
            assert live_digest(other) == digest


def test_a_standby_goes_on_through_restarts_of_both(standby_of):
    with start_joblog(*SMALL, "--log-retention-bytes", "100000") as server:
        standby = standby_of(server)
        for number in range(6):
            connection = server.connect()
            push(connection, 200)
            if number % 3 == 0:
                assert connection.ask("BGSAVE", "SCHEDULE").startswith(
                    (b"+", b"-ERR B")
                )
            seq = records_of(connection)
            wait_until(lambda seq=seq: standby.has(seq))
            if number % 2:
                server.kill()
                server.start()
            else:
                standby.end(signal.SIGKILL)
                standby.start()
        seq = records_of(server.connect())
        wait_until(lambda: standby.has(seq))
        wait_until(lambda: list(standby.folder.glob("snapshots/*.snap")))
        digest = live_digest(server)
        server.stop()
        assert standby.end()[0] == 0
        with take_over(server, standby.folder) as other:
            assert live_digest(other) == digest
