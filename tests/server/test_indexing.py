"""`log-index`: segments are indexed once they are sealed, beside the road."""

import os
import signal
from contextlib import closing
from pathlib import Path

from click.testing import CliRunner

from joblog.replay.cli import main
from joblog.replay.index.finder import LogIndex
from joblog.storage.filesystem import FileSystem
from tests.server.persistence import info
from tests.support.waiting import wait_until

SMALL = ("--segment-bytes-max", "4096")


def fill(connection, count=20):
    for number in range(count):
        connection.ask("LPUSH", "queue:mail", f"j{number} {'x' * 200}")


def write_until(is_so, connection, server):
    """Write until something is so: how soon a segment is sealed, the disk says."""

    def write():
        fill(connection)
        return is_so()

    wait_until(write, server.output)


def is_indexed(connection):
    return int(info(connection)["log_index_seq"]) > 40


def covered_seq(folder):
    with closing(LogIndex(folder, FileSystem())) as index:
        return max((header.last_seq for header in index.catalogue.parts()), default=0)


def test_each_seal_is_indexed(start):
    server = start(*SMALL, "--log-index", "yes")
    connection = server.connect()
    write_until(lambda: is_indexed(connection), connection, server)

    fields = info(connection)
    assert (fields["log_index_status"], fields["log_index_enabled"]) == ("ok", "1")
    assert covered_seq(server.folder) >= int(fields["log_index_seq"])
    assert list((server.folder / "index").glob("*.jobs-*"))
    assert list((server.folder / "index").glob("*.summary"))


def test_nothing_is_indexed_unless_it_is_asked_for(start):
    server = start(*SMALL)
    connection = server.connect()
    fill(connection)

    wait_until(lambda: info(connection)["log_index_enabled"] == "0", server.output)
    assert not (server.folder / "index").exists()

    connection.ask("CONFIG", "SET", "log-index", "yes")
    write_until(lambda: is_indexed(connection), connection, server)


def children_of(server):
    """Return the ids of the processes that index the server's log."""
    words = os.fsencode(server.folder.resolve())
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words in argv and b"index" in argv:
            yield int(path.parent.name)


def test_index_goes_on_after_its_process_was_killed(start):
    server = start(*SMALL, "--log-index", "yes")
    connection = server.connect()

    def kill():
        fill(connection)
        for process in children_of(server):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return int(info(connection)["log_index_failures"])

    wait_until(kill, server.output)
    seq = int(info(connection)["log_index_seq"])

    write_until(
        lambda: (
            info(connection)["log_index_status"] == "ok"
            and int(info(connection)["log_index_seq"]) > seq
        ),
        connection,
        server,
    )
    assert covered_seq(server.folder) > seq
    assert connection.ask("PING") == b"+PONG\r\n"


def test_index_that_cannot_be_written_costs_nothing_else(start, tmp_path, monkeypatch):
    file = tmp_path / "no-folder"
    file.write_text("no folder can be made here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    server = start(*SMALL, "--log-index", "yes")
    (server.folder / "index").write_text("nor here")
    connection = server.connect()
    write_until(
        lambda: info(connection)["log_index_status"] == "err", connection, server
    )
    assert "nothing to write an index to" in info(connection)["log_index_error"]
    (server.folder / "index").unlink()

    write_until(lambda: is_indexed(connection), connection, server)
    assert info(connection)["log_index_status"] == "ok"


def test_full_disk_ends_the_indexing_and_nothing_else(start):
    server = start(*SMALL)
    log = server.folder / "log"
    write_until(lambda: len(list(log.glob("*.log"))) > 2, server.connect(), server)

    words = ["index", str(server.folder), "--json", "--reserve", str(1 << 60)]
    result = CliRunner().invoke(main, words)

    assert result.exit_code == 1
    assert "the disk gets full" in result.stderr
    assert not list((server.folder / "index").glob("*.idx"))
    assert CliRunner().invoke(main, words[:2]).exit_code == 0
    assert covered_seq(server.folder) > 0
