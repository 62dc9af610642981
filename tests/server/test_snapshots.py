"""SAVE, BGSAVE, BGREWRITEAOF and `save` rules make snapshots that a start begins with.

Promise 8 of docs/log-format.md: a snapshot is there wholly or not at all, and the log
goes on behind it; and that nothing which goes wrong with one harms the server.
"""

import time

import pytest

from joblog.storage.filesystem import FileSystem
from joblog.storage.packing import PACKED_MAGIC
from joblog.storage.reader import read_records
from tests.parity.wire import encode

SECONDS = 60.0


def info(connection, *names):
    text = connection.ask("INFO", "everything").decode()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return [fields.get(name) for name in names]


def wait_until(connection, field, value):
    """Ask INFO until a field has a value: the child needs its time."""
    deadline = time.monotonic() + SECONDS
    while info(connection, field) != [value]:
        assert time.monotonic() < deadline, info(connection, field)
        time.sleep(0.02)


def snapshots(server):
    return sorted(path.name for path in server.folder.glob("snapshots/*.snap*"))


def fill(connection, count=300):
    for start in range(0, count, 50):
        numbers = range(start, min(start + 50, count))
        connection.send(b"".join(encode(["SET", f"k:{n}", n]) for n in numbers))
        for _ in numbers:
            assert connection.read() == b"+OK\r\n"
        # What is durable is sealed as far as it can be: no test depends on the disk.
        assert connection.ask("WAITAOF", "1", "0", "0")[:1] == b"*"


def test_save_answers_when_the_snapshot_is_there_and_a_start_begins_with_it(start):
    server = start("--loglevel", "notice")
    connection = server.connect()
    fill(connection)
    before = int(connection.ask("LASTSAVE")[1:-2])

    assert connection.ask("SAVE") == b"+OK\r\n"

    assert snapshots(server) == [f"{301:020d}.snap"]
    assert int(connection.ask("LASTSAVE")[1:-2]) >= before
    assert info(
        connection,
        "rdb_bgsave_in_progress",
        "rdb_last_bgsave_status",
        "rdb_saves",
        "rdb_changes_since_last_save",
        "log_snapshot_seq",
    ) == ["0", "ok", "1", "0", "301"]
    connection.ask("SET", "after", "1")
    connection.close()
    server.kill()
    server.start()
    connection = server.connect()
    assert connection.ask("DBSIZE") == b":301\r\n"
    assert "loaded 301 keys from" in server.output()
    assert f"{301:020d}.snap and 1 records" in server.output()
    connection.close()


def test_save_with_nothing_new_answers_at_once(server):
    connection = server.connect()
    assert connection.ask("SAVE") == b"+OK\r\n"
    assert snapshots(server) == []
    fill(connection, 3)
    assert connection.ask("SAVE") == b"+OK\r\n"
    assert connection.ask("SAVE") == b"+OK\r\n"
    assert len(snapshots(server)) == 1
    connection.close()


def test_replies_around_save_come_in_order_when_it_is_done(server):
    connection = server.connect()
    connection.send(b"SET k v\r\nSAVE\r\nSAVE\r\nGET k\r\nWAITAOF 1 0 0\r\n")

    replies = [connection.read() for _ in range(5)]

    assert replies[:4] == [b"+OK\r\n", b"+OK\r\n", b"+OK\r\n", b"$1\r\nv\r\n"]
    assert len(snapshots(server)) == 1
    connection.close()


def test_bgsave_answers_at_once_and_others_are_told_that_it_is_under_way(server):
    connection = server.connect()
    fill(connection)
    connection.send(b"BGSAVE\r\nBGSAVE\r\nSAVE\r\nBGREWRITEAOF\r\nBGREWRITEAOF\r\n")

    replies = [connection.read() for _ in range(5)]

    assert replies == [
        b"+Background saving started\r\n",
        b"-ERR Background save already in progress\r\n",
        b"-ERR Background save already in progress\r\n",
        b"+Background append only file rewriting scheduled\r\n",
        b"+Background append only file rewriting scheduled\r\n",
    ]
    wait_until(connection, "rdb_bgsave_in_progress", "0")
    wait_until(connection, "aof_rewrite_in_progress", "0")
    assert info(connection, "rdb_saves", "aof_rewrites") == ["1", "1"]
    assert snapshots(server) == [f"{301:020d}.snap"]
    connection.close()


@pytest.mark.parametrize(
    ("name", "scheduled"),
    [
        ("BGSAVE", b"+Background saving scheduled\r\n"),
        ("BGREWRITEAOF", b"+Background append only file rewriting scheduled\r\n"),
    ],
)
def test_a_save_in_a_transaction_is_said_to_be_scheduled(server, name, scheduled):
    connection = server.connect()
    connection.send(f"MULTI\r\n{name}\r\nEXEC\r\n".encode())

    replies = [connection.read() for _ in range(3)]

    assert replies[2] == b"*1\r\n" + scheduled
    wait_until(connection, "rdb_saves" if name == "BGSAVE" else "aof_rewrites", "1")
    connection.close()


def test_bgsave_waits_for_a_rewrite_where_it_is_told_to(server):
    connection = server.connect()
    fill(connection)
    connection.send(b"BGREWRITEAOF\r\nBGREWRITEAOF\r\nBGSAVE\r\nBGSAVE SCHEDULE\r\n")

    replies = [connection.read() for _ in range(4)]

    assert replies[0] == b"+Background append only file rewriting started\r\n"
    assert replies[1].startswith(b"-ERR Background append only file rewriting already")
    assert replies[2].startswith(b"-ERR Another child process is active (AOF?)")
    assert replies[3] == b"+Background saving scheduled\r\n"
    wait_until(connection, "rdb_saves", "1")
    connection.close()


def test_a_save_rule_makes_a_snapshot_by_itself(start):
    server = start("--save", "1 5")
    connection = server.connect()
    fill(connection, 10)

    wait_until(connection, "rdb_saves", "1")

    assert len(snapshots(server)) == 1
    connection.close()


def test_a_snapshot_that_fails_is_reported_and_harms_nothing(server):
    connection = server.connect()
    fill(connection)
    (server.folder / "snapshots").write_text("not a folder")

    assert connection.ask("SAVE") == b"-ERR\r\n"

    assert info(connection, "rdb_last_bgsave_status", "log_snapshot_seq") == [
        "err",
        "0",
    ]
    assert connection.ask("SET", "k", "v") == b"+OK\r\n"
    assert "snapshot of seq 301 failed" in server.output()
    (server.folder / "snapshots").unlink()
    assert connection.ask("SAVE") == b"+OK\r\n"
    assert info(connection, "rdb_last_bgsave_status") == ["ok"]
    connection.close()


def test_the_server_stops_while_a_snapshot_is_made(start):
    server = start()
    connection = server.connect()
    fill(connection)
    connection.send(b"BGSAVE\r\n")
    connection.read()

    assert server.stop() == 0

    connection.close()
    server.start()
    connection = server.connect()
    assert connection.ask("DBSIZE") == b":300\r\n"
    assert connection.ask("SAVE") == b"+OK\r\n"
    connection.close()


@pytest.mark.parametrize("kind", ["damaged", "half"])
def test_a_start_passes_over_a_snapshot_that_is_of_no_use(start, kind):
    server = start()
    connection = server.connect()
    fill(connection)
    connection.ask("SAVE")
    connection.close()
    server.kill()
    path = next(server.folder.glob("snapshots/*.snap"))
    data = path.read_bytes()
    if kind == "damaged":
        path.write_bytes(data[:300] + b"x" + data[301:])
    else:
        path.write_bytes(data[: len(data) // 2])

    server.start()

    connection = server.connect()
    assert connection.ask("DBSIZE") == b":300\r\n"
    assert "a snapshot was of no use" in server.output()
    assert "damaged snapshot" in server.output()
    connection.close()


# --- retention ------------------------------------------------------------------------

PRUNING = ("--segment-bytes-max", "4096", "--log-retention-bytes", "8192")


def segments(server):
    return sorted(path.name for path in server.folder.glob("log/*.log"))


def first_seq(server):
    return int(segments(server)[0][:20])


def test_the_log_is_pruned_behind_a_snapshot_and_a_start_knows_all(start):
    server = start(*PRUNING)
    connection = server.connect()
    fill(connection, 900)

    deadline = time.monotonic() + SECONDS
    while info(connection, "log_first_seq") in ([None], ["1"]):
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.05)

    assert len(snapshots(server)) >= 1
    assert info(connection, "log_retention_status") == ["ok"]
    connection.close()
    server.kill()
    server.start()
    connection = server.connect()
    assert connection.ask("DBSIZE") == b":900\r\n"
    assert connection.ask("GET", "k:0") == b"$1\r\n0\r\n"
    connection.close()


def test_bgrewriteaof_prunes_archives_and_packs_as_the_settings_say(start, tmp_path):
    server = start("--segment-bytes-max", "4096")
    connection = server.connect()
    fill(connection, 900)
    before = {
        name: (server.folder / "log" / name).read_bytes() for name in segments(server)
    }
    archive = tmp_path / "archive"
    archive.mkdir()
    connection.close()
    server.kill()
    server._command += ["--log-archive-command", f"cp %p {archive}/%f"]
    server._command += ["--log-retention-bytes", "20000", "--log-compression", "zlib"]
    server.start()
    connection = server.connect()

    # The server may be at it by itself already; then the rewrite comes after that.
    assert connection.ask("BGREWRITEAOF")[:1] == b"+"
    wait_until(connection, "aof_rewrites", "1")
    sealed = sorted(before)[:-1]
    wait_until(connection, "log_archive_taken", str(len(sealed)))

    assert sorted(path.name for path in archive.iterdir()) == sealed
    for name in sealed:
        assert (archive / name).read_bytes() == before[name]
    assert connection.ask("BGREWRITEAOF")[:1] == b"+"
    wait_until(connection, "aof_rewrites", "2")
    assert [name for name in before if name not in segments(server)]
    assert connection.ask("SAVE") == b"+OK\r\n"
    for name in segments(server)[:-1]:
        assert (server.folder / "log" / name).read_bytes().startswith(PACKED_MAGIC)
    connection.close()


def test_a_segment_that_the_archive_refuses_stays_and_the_trouble_shows(start):
    server = start(*PRUNING, "--log-archive-command", "echo full >&2; false")
    connection = server.connect()
    fill(connection, 900)

    wait_until(connection, "log_retention_status", "err")

    assert first_seq(server) == 1
    assert "log-archive-command ended with exit code 1" in server.output()
    assert "full" in server.output()
    assert connection.ask("SET", "k", "v") == b"+OK\r\n"
    connection.close()


# --- proofs ---------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [50, 1500])
def test_what_memory_had_is_compared_with_the_fold(start, keys):
    server = start("--segment-bytes-max", "20000")
    connection = server.connect()
    fill(connection, keys)
    deadline = time.monotonic() + SECONDS
    while int(info(connection, "log_proofs_checked")[0]) == 0:
        assert time.monotonic() < deadline, server.output()
        fill(connection, keys)
        assert connection.ask("SAVE") == b"+OK\r\n"
        time.sleep(0.05)

    assert info(connection, "log_proofs_failed") == ["0"]
    connection.close()


def test_a_pruned_log_still_says_who_wrote_and_by_which_script(start):
    server = start(*PRUNING)
    connection = server.connect()
    connection.ask("CLIENT", "SETNAME", "worker")
    script = "return redis.call('SET', KEYS[1], ARGV[1])"
    deadline = time.monotonic() + SECONDS
    number = 0
    while info(connection, "log_first_seq") in ([None], ["1"]):
        assert time.monotonic() < deadline, server.output()
        number += 1
        for _ in range(50):
            connection.ask("EVAL", script, "1", "k", "x" * 100)
        connection.ask("WAITAOF", "1", "0", "0")
    connection.close()

    server.stop()  # what still prunes would pull the floor from under the reader
    floor = first_seq(server)
    notes = [
        record.origin.note
        for record in read_records(
            server.folder, filesystem=FileSystem(), from_seq=floor
        )
        if record.origin.note and not record.effects
    ]
    kinds = [note["kind"] for note in notes]
    assert "client" in kinds
    assert "script_source" in kinds
