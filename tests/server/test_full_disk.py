"""A disk that gets full: what clients are told, what is kept, and that it ends.

Promise 10 of docs/reliability.md.
"""

import os

import pytest

from tests.server.persistence import info
from tests.support.disks import server_on, small_disk
from tests.support.waiting import wait_until

MB = 1 << 20
RESERVE = ("--disk-reserve", "4mb")
REFUSED = (
    b"-MISCONF Errors writing to the AOF file: the disk has no more room than "
    b"disk-reserve keeps free\r\n"
)


# A write that meets a disk without a byte left before the server knows waits for room;
# so where nothing is left, PING tells first that writes are refused.


def push_until_refused(connection, size=10_000):
    """Push until a push is refused; return how many were not, and the refusal."""
    connection._socket.settimeout(20.0)
    for number in range(1, 100_000):
        reply = connection.ask("RPUSH", "list", b"%05d" % number + b"x" * size)
        if not reply.startswith(b":"):
            return number - 1, reply
    raise AssertionError("nothing was refused")


@pytest.fixture
def disk():
    with small_disk("16m") as mounted:
        yield mounted


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_every_client_is_told_and_none_waits_when_the_reserve_is_reached(
    disk, policy, fold_equals_live
):
    with server_on(disk, *RESERVE, "--appendfsync", policy) as server:
        connection = server.connect()

        pushed, refusal = push_until_refused(connection)

        assert refusal == REFUSED
        assert connection.ask("LLEN", "list") == b":%d\r\n" % pushed
        assert connection.ask("PING") == REFUSED
        for command in (
            ["EVAL", "return redis.call('SET', 'k', 'v')", "0"],
            ["BGSAVE"],
            ["SAVE"],
        ):
            assert connection.ask(*command).startswith((b"-MISCONF", b"-ERR MISCONF"))
        assert 2 * MB < disk.free_bytes < 4 * MB
        fields = info(connection)
        assert fields["log_disk_status"] == "err"
        assert fields["aof_last_write_status"] == "err"
        assert fields["log_disk_reserve_bytes"] == str(4 * MB)
        assert "writes are refused and reads served" in server.output()
        server.kill()
        server.start()
        connection = server.connect()
        assert connection.ask("LLEN", "list") == b":%d\r\n" % pushed
        assert connection.ask("SET", "k", "v") == REFUSED
        fold_equals_live(server)


@pytest.mark.slow
def test_writes_are_taken_again_by_themselves_when_there_is_room(disk):
    with server_on(disk, *RESERVE) as server:
        connection = server.connect()
        ballast = disk.fill(left=3 * MB)
        wait_until(lambda: connection.ask("SET", "k", "v") == REFUSED, server.output)
        assert connection.ask("GET", "k")[:1] == b"$"

        ballast.unlink()

        wait_until(lambda: connection.ask("SET", "k", "w") == b"+OK\r\n", server.output)
        wait_until(lambda: info(connection)["log_disk_status"] == "ok", server.output)
        assert "has room again, writes are accepted" in server.output()


@pytest.mark.slow
def test_a_smaller_reserve_takes_effect_at_once(disk):
    with server_on(disk, *RESERVE) as server:
        connection = server.connect()
        disk.fill(left=3 * MB)
        wait_until(lambda: connection.ask("SET", "k", "v") == REFUSED, server.output)

        assert connection.ask("CONFIG", "SET", "disk-reserve", "1mb") == b"+OK\r\n"

        wait_until(lambda: connection.ask("SET", "k", "w") == b"+OK\r\n", server.output)


@pytest.mark.slow
def test_the_log_warns_before_the_disk_is_full(disk):
    with server_on(disk, *RESERVE) as server:
        connection = server.connect()
        assert info(connection)["log_disk_low"] == "0"

        disk.fill(left=5 * MB)

        wait_until(lambda: "gets full" in server.output(), server.output)
        wait_until(lambda: info(connection)["log_disk_low"] == "1", server.output)
        assert connection.ask("SET", "k", "v") == b"+OK\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("cut", [0, 100], ids=["whole", "torn"])
def test_a_start_on_a_disk_without_a_byte_left_serves_reads(disk, cut):
    with server_on(disk, *RESERVE, "--appendfsync", "always") as server:
        connection = server.connect()
        for number in range(50):
            connection.ask("SET", f"k:{number}", "x" * 3000)
        server.kill()
        disk.fill()
        segment = max(server.folder.glob("log/*.log"))
        os.truncate(segment, segment.stat().st_size - cut)
        disk.fill()

        server.start()

        connection = server.connect()
        wait_until(lambda: connection.ask("PING") == REFUSED, server.output)
        assert connection.ask("SET", "k", "v") == REFUSED
        assert connection.ask("GET", "k:40").startswith(b"$3000")
        assert ("torn tail" in server.output()) == bool(cut)
        (disk.path / "ballast").unlink()
        wait_until(lambda: connection.ask("SET", "k", "v") == b"+OK\r\n", server.output)


# --- snapshots and retention ----------------------------------------------------------


def overwrite(connection, count, size=10_000):
    """Write to few keys again and again: a long log of a small state."""
    for number in range(count):
        value = b"%06d" % number + b"x" * size
        assert connection.ask("SET", f"k:{number % 20}", value) == b"+OK\r\n"


def snapshot_names(server):
    return sorted(path.name for path in server.folder.glob("snapshots/*.snap*"))


@pytest.mark.slow
@pytest.mark.parametrize("has_one", [False, True], ids=["first", "second"])
def test_a_snapshot_never_takes_the_last_of_the_disk(disk, has_one, fold_equals_live):
    with server_on(disk, *RESERVE) as server:
        connection = server.connect()
        connection._socket.settimeout(30.0)
        for number in range(300):
            connection.ask("SET", f"k:{number}", b"x" * 10_000)
        if has_one:
            assert connection.ask("SAVE") == b"+OK\r\n"
        names = snapshot_names(server)
        disk.fill(left=6 * MB)
        connection.ask("SET", "k", "v")

        assert connection.ask("SAVE") == b"-ERR\r\n"

        assert disk.free_bytes > 5 * MB
        assert snapshot_names(server) == names
        fields = info(connection)
        assert fields["rdb_last_bgsave_status"] == "err"
        assert "no room for" in fields["log_snapshot_error"]
        assert "no room for" in server.output()
        assert connection.ask("SET", "k", "v") == b"+OK\r\n"
        assert connection.ask("CONFIG", "SET", "disk-reserve", "1mb") == b"+OK\r\n"
        assert connection.ask("SAVE") == b"+OK\r\n"
        assert info(connection)["log_snapshot_error"] == ""
        fold_equals_live(server)


@pytest.mark.slow
@pytest.mark.parametrize("left", [0, 3 * MB], ids=["no byte left", "in the reserve"])
def test_retention_makes_room_on_a_disk_that_is_full(disk, left, fold_equals_live):
    with server_on(disk, *RESERVE, "--segment-bytes-max", "512kb") as server:
        connection = server.connect()
        connection._socket.settimeout(30.0)
        overwrite(connection, 700)
        if not left:
            # Without room for a snapshot only an older one lets segments go.
            assert connection.ask("SAVE") == b"+OK\r\n"
        disk.fill(left=left)
        wait_until(lambda: connection.ask("PING") == REFUSED, server.output)
        assert connection.ask("SET", "k", "v") == REFUSED

        assert (
            connection.ask("CONFIG", "SET", "log-retention-bytes", "1mb") == b"+OK\r\n"
        )

        wait_until(lambda: int(info(connection)["log_first_seq"]) > 400, server.output)
        wait_until(lambda: connection.ask("SET", "k", "w") == b"+OK\r\n", server.output)
        wait_until(lambda: info(connection)["log_disk_status"] == "ok", server.output)
        assert info(connection)["log_retention_status"] == "ok"
        fold_equals_live(server)


@pytest.mark.slow
def test_retention_makes_room_where_all_of_the_log_is_one_segment(
    disk, fold_equals_live
):
    """Nothing is appended any more that would seal it, and nothing is behind it."""
    with server_on(disk, *RESERVE) as server:
        connection = server.connect()
        connection._socket.settimeout(30.0)
        for number in range(10_000):
            value = b"%06d" % number + b"x" * 10_000
            if connection.ask("SET", f"k:{number % 20}", value) != b"+OK\r\n":
                break
        wait_until(lambda: connection.ask("SET", "k", "v") == REFUSED, server.output)
        assert len(list(server.folder.glob("log/*.log"))) == 1

        assert (
            connection.ask("CONFIG", "SET", "log-retention-bytes", "2mb") == b"+OK\r\n"
        )

        wait_until(lambda: connection.ask("SET", "k", "w") == b"+OK\r\n", server.output)
        assert disk.free_bytes > 8 * MB
        fold_equals_live(server)


@pytest.mark.slow
def test_a_small_bound_of_the_log_holds_without_another_setting(fold_equals_live):
    bound = ("--log-retention-bytes", "4mb")
    with small_disk("32m") as disk, server_on(disk, *RESERVE, *bound) as server:
        connection = server.connect()
        connection._socket.settimeout(30.0)

        overwrite(connection, 1500)

        wait_until(lambda: int(info(connection)["log_first_seq"]) > 700, server.output)
        assert 4 * MB <= int(info(connection)["log_size_bytes"]) <= 5 * MB
        fold_equals_live(server)
