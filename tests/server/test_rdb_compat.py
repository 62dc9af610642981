"""With `rdb-compat yes` a save writes Redis's file too, which real servers load."""

import shutil
import time

import pytest

from tests.support.servers import start_redis, start_valkey

DEADLINE_SECONDS = 30
COMMANDS = [
    ["SET", "s", "v"],
    ["SET", "timed", "v", "EX", "100000"],
    ["RPUSH", "l", *map(str, range(200))],
    ["HSET", "h", "f", "v"],
    ["SADD", "set", "1", "2", "x"],
    ["ZADD", "z", "1.5", "m"],
    ["XADD", "x", "1-1", "f", "v"],
    ["XGROUP", "CREATE", "x", "g", "0"],
    [
        "FUNCTION",
        "LOAD",
        "#!lua name=lib\nredis.register_function('f', function() end)",
    ],
]


def save(client):
    """Have a background save made, and wait until it has ended."""
    client.ask("BGSAVE")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while b"rdb_bgsave_in_progress:1" in client.ask("INFO", "persistence"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def server(start):
    return start("--rdb-compat", "yes")


@pytest.mark.parametrize("start_other", [start_redis, start_valkey])
def test_a_real_server_loads_what_bgsave_wrote(server, start_other):
    client = server.connect()
    for words in COMMANDS:
        client.ask(*words)

    save(client)

    assert client.ask("CONFIG", "GET", "dir").endswith(b"%b\r\n" % bytes(server.folder))
    with start_other() as other:
        shutil.copy(server.folder / "dump.rdb", other.folder / "dump.rdb")
        theirs = other.connect()
        assert theirs.ask("DEBUG", "RELOAD", "NOSAVE") == b"+OK\r\n"
        assert theirs.ask("DEBUG", "DIGEST") == client.ask("DEBUG", "DIGEST")
        assert theirs.ask("FUNCTION", "LIST").startswith(b"*1\r\n")


def test_save_answers_once_the_file_is_there_and_new(server):
    client = server.connect()

    assert client.ask("SAVE") == b"+OK\r\n"
    empty = (server.folder / "dump.rdb").read_bytes()
    client.ask("SET", "k", "v")
    client.ask("SAVE")
    full = (server.folder / "dump.rdb").read_bytes()
    (server.folder / "dump.rdb").unlink()
    client.ask("SAVE")

    assert empty.startswith(b"REDIS0009")
    assert b"\x01k\x01v" not in empty
    assert b"\x01k\x01v" in full
    assert (server.folder / "dump.rdb").read_bytes() == full
    assert not list(server.folder.glob("dump.rdb?*"))


def test_a_save_fails_where_the_file_cannot_be_written(start):
    server = start("--rdb-compat", "yes", "--enable-protected-configs", "yes")
    client = server.connect()
    client.ask("SET", "k", "v")
    (server.folder / "taken").mkdir()
    client.ask("CONFIG", "SET", "dbfilename", "taken")

    assert client.ask("SAVE").startswith(b"-ERR")

    assert b"rdb_last_bgsave_status:err" in client.ask("INFO", "persistence")
    assert sorted(path.name for path in server.folder.glob("taken*")) == ["taken"]
    client.ask("CONFIG", "SET", "dbfilename", "other.rdb")
    assert client.ask("SAVE") == b"+OK\r\n"
    assert (server.folder / "other.rdb").exists()


def test_the_file_is_written_only_where_the_setting_asks_for_it(start):
    server = start()
    client = server.connect()
    client.ask("SET", "k", "v")

    client.ask("SAVE")
    before = (server.folder / "dump.rdb").exists()
    client.ask("CONFIG", "SET", "rdb-compat", "yes")
    client.ask("SAVE")

    assert not before
    assert (server.folder / "dump.rdb").exists()


def test_a_start_with_it_loads_the_log_and_says_nothing_of_the_file(start):
    server = start("--rdb-compat", "yes")
    client = server.connect()
    client.ask("SET", "k", "v")
    client.ask("SAVE")
    client.ask("SET", "k", "w")
    server.stop()

    server.start()

    assert server.connect().ask("GET", "k") == b"$1\r\nw\r\n"
    assert "dump.rdb" not in server.output()


def test_without_checksum_the_file_ends_with_zeroes(start):
    server = start("--rdb-compat", "yes", "--rdbchecksum", "no")
    client = server.connect()
    client.ask("SET", "k", "v")

    client.ask("SAVE")

    assert (server.folder / "dump.rdb").read_bytes().endswith(b"\xff" + bytes(8))
