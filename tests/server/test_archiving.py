"""`log-archive-command`: each segment once it is sealed, and none pruned before."""

import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

from joblog.app.history.recovery import recover
from joblog.app.keyspace.digest import dataset_digest
from joblog.replay.cli import main
from joblog.storage.filesystem import FileSystem
from tests.server.persistence import info
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

SMALL = ("--segment-bytes-max", "4096")


def fill(connection, count=300):
    """Write so much that some twenty segments are sealed."""
    for start in range(0, count, 10):
        for number in range(start, start + 10):
            connection.ask("SET", f"k:{number}", "x" * 200)
        connection.ask("WAITAOF", "1", "0", "0")


def segments(server):
    return sorted(path.name for path in server.folder.glob("log/*.log"))


def archived(folder):
    return sorted(path.name for path in folder.glob("*.log"))


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def wait_for_archive(server, archive):
    """Wait until the archive has all that is sealed."""
    wait_until(lambda: archived(archive)[-1:] == segments(server)[-2:-1], server.output)


def copying(archive):
    return (
        "--log-archive-command",
        f"cp %p {archive}/.part && mv {archive}/.part {archive}/%f",
    )


def test_each_segment_is_archived_once_it_is_sealed(start, archive):
    server = start(*SMALL, *copying(archive))
    connection = server.connect()
    fill(connection)

    wait_until(lambda: archived(archive) == segments(server)[:-1], server.output)

    assert len(archived(archive)) > 5
    for name in archived(archive):
        assert (archive / name).read_bytes() == (
            server.folder / "log" / name
        ).read_bytes()
    wait_until(lambda: info(connection)["log_archive_waiting"] == "0", server.output)
    fields = info(connection)
    assert fields["log_archive_enabled"] == "1"
    assert fields["log_archive_status"] == "ok"
    assert fields["log_archive_taken"] == str(len(archived(archive)))
    assert int(fields["log_archive_last_time"]) > 1_600_000_000


def test_a_start_goes_on_where_the_archive_is(start, archive):
    seen = archive / "seen"
    server = start(*SMALL)
    fill(server.connect())
    server.kill()
    server._command += [
        "--log-archive-command",
        f"echo %f >> {seen} && cp %p {archive}/%f",
    ]
    server.start()
    wait_until(lambda: archived(archive) == segments(server)[:-1], server.output)
    server.stop()
    before = seen.read_text().split()

    server.start()
    fill(server.connect())
    wait_until(lambda: archived(archive) == segments(server)[:-1], server.output)

    # Killed between the command and the mark it would be given the last one again.
    assert seen.read_text().split() == sorted({*before, *archived(archive)})


def test_what_the_archive_refuses_is_offered_again_and_stays_until_then(
    start, archive, tmp_path
):
    gate = tmp_path / "gate"
    command = f"test -e {gate} || {{ echo no room >&2; exit 7; }}; cp %p {archive}/%f"
    server = start(
        *(*SMALL, "--log-retention-bytes", "8192"),
        *("--log-archive-command", command),
    )
    connection = server.connect()
    fill(connection)
    wait_until(lambda: info(connection)["log_archive_status"] == "err", server.output)
    assert connection.ask("BGREWRITEAOF")[:1] == b"+"
    wait_until(lambda: info(connection)["aof_rewrites"] == "1", server.output)

    fields = info(connection)
    assert segments(server)[0] == f"{1:020d}.log"
    assert fields["log_retention_status"] == "err"
    assert int(fields["log_archive_waiting"]) > 5
    assert int(fields["log_archive_failures"]) >= 1
    assert "exit code 7" in fields["log_archive_error"]
    assert "no room" in fields["log_archive_error"]
    assert "log-archive-command ended with exit code 7" in server.output()
    names = segments(server)[:-1]

    gate.touch()

    wait_until(lambda: set(names) <= set(archived(archive)), server.output)
    wait_until(lambda: info(connection)["log_archive_status"] == "ok", server.output)
    wait_until(lambda: segments(server)[0] > names[0], server.output)
    assert info(connection)["log_archive_error"] == ""
    assert connection.ask("DBSIZE") == b":300\r\n"


@pytest.mark.parametrize("command", ["sleep 1000", "trap '' TERM; sleep 1000"])
def test_a_command_that_hangs_keeps_nobody_from_stopping_the_server(start, command):
    server = start(*SMALL, "--log-archive-command", command)
    connection = server.connect()
    fill(connection)
    wait_until(lambda: int(info(connection)["log_archive_waiting"]) > 0, server.output)
    assert connection.ask("SET", "k", "v") == b"+OK\r\n"
    connection.close()
    began = time.monotonic()

    assert server.stop() == 0

    assert time.monotonic() - began < 10


def test_a_command_that_outlives_its_server_is_waited_for(start, archive, tmp_path):
    gate = tmp_path / "gate"
    slow = f"while [ ! -e {gate} ]; do sleep 0.05; done; cp %p {archive}/%f"
    server = start(*SMALL, "--log-archive-command", slow)
    connection = server.connect()
    fill(connection)
    wait_until(lambda: int(info(connection)["log_archive_waiting"]) > 0, server.output)
    server.kill()
    server._command += [*copying(archive)]
    server.start()
    connection = server.connect()

    wait_until(lambda: info(connection)["log_archive_status"] == "err", server.output)

    assert "still runs" in info(connection)["log_archive_error"]
    assert archived(archive) == []
    gate.touch()
    wait_for_archive(server, archive)


def test_a_command_set_later_gets_all_that_there_is(start, archive):
    server = start(*SMALL, "--enable-protected-configs", "yes")
    connection = server.connect()
    fill(connection)

    name, command = copying(archive)
    assert connection.ask("CONFIG", "SET", name[2:], command) == b"+OK\r\n"

    wait_until(lambda: archived(archive) == segments(server)[:-1], server.output)


def test_segments_are_packed_only_once_they_are_archived(start, archive):
    server = start(
        *SMALL, "--log-compression", "zlib", "--log-archive-command", "false"
    )
    connection = server.connect()
    fill(connection)
    assert connection.ask("BGREWRITEAOF")[:1] == b"+"
    wait_until(lambda: info(connection)["aof_rewrites"] == "1", server.output)
    first = server.folder / "log" / segments(server)[0]
    assert first.read_bytes().startswith(b"\x89JOBLOG\n")
    connection.close()
    server.stop()
    server._command += [*copying(archive)]
    server.start()

    wait_until(lambda: first.read_bytes().startswith(b"\x89JOBLOGZ"), server.output)

    assert (archive / first.name).read_bytes().startswith(b"\x89JOBLOG\n")


# --- restoring ------------------------------------------------------------------------


def replay(*words):
    result = CliRunner().invoke(main, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_an_archive_restores_every_moment_that_it_has(start, archive, tmp_path):
    server = start(*SMALL, *copying(archive), "--log-retention-bytes", "8192")
    connection = server.connect()
    fill(connection)
    connection.ask("LOG.TAG", "before-the-flush")
    digest = connection.ask("DEBUG", "DIGEST")
    connection.ask("FLUSHALL")
    fill(connection, 100)
    wait_for_archive(server, archive)
    wait_until(lambda: segments(server)[0] > archived(archive)[2], server.output)

    restored = tmp_path / "restored"
    replay("restore", archive, restored, "--at", "before-the-flush")

    other = start("--appendfsync", "always")
    other.stop()
    place = other._command.index("--dir") + 1
    other._command[place] = str(restored)
    other.folder = restored
    other.start()
    assert other.connect().ask("DEBUG", "DIGEST") == digest
    assert other.connect().ask("SET", "k", "v") == b"+OK\r\n"
    assert "before-the-flush" in replay("points", archive)
    assert "k:7" in replay("keys", archive, "--at", "@20")


def test_an_archive_of_a_pruned_log_has_a_snapshot_to_begin_with(
    start, archive, tmp_path
):
    server = start(*SMALL, "--log-retention-bytes", "8192")
    connection = server.connect()
    fill(connection)
    wait_until(lambda: segments(server)[0] > f"{100:020d}.log", server.output)
    connection.close()
    server.stop()
    server._command += [*copying(archive)]
    server.start()
    connection = server.connect()
    fill(connection)
    digest = connection.ask("DEBUG", "DIGEST")
    words = connection.ask("LOG.INFO").split(b"\r\n")
    seq = int(words[words.index(b"last_seq") + 1][1:])
    fill(connection, 100)
    wait_for_archive(server, archive)

    replay("restore", archive, tmp_path / "restored", "--at", f"@{seq}")

    assert len(list(archive.glob("*.snap"))) == 1
    fold = recover(tmp_path / "restored", FileSystem(), 16)
    assert f"+{dataset_digest(fold.keyspace).hex()}\r\n".encode() == digest
    first = int(archived(archive)[0][:20])
    result = CliRunner().invoke(
        main, ["restore", str(archive), str(tmp_path / "no"), "--at", f"@{first}"]
    )
    assert result.exit_code == 1
    assert "no snapshot stands for what was before it" in result.stderr


def test_a_server_does_not_start_over_an_archive(start, archive):
    server = start(*SMALL, *copying(archive))
    fill(server.connect())
    wait_for_archive(server, archive)
    server.stop()
    names = sorted(path.name for path in archive.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "joblog", "--port", "0", "--dir", str(archive)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 1
    assert "replay restore" in done.stdout + done.stderr
    assert sorted(path.name for path in archive.iterdir()) == names
