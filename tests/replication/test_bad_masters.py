"""Masters that send what is wrong: the link goes down, what there is stays."""

import pytest

from tests.replication.fakes import EMPTY_RDB, FakeMaster, commands, sized
from tests.replication.pairs import fields
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

KEY = b"REDIS0009\x00\x01k\x01v\xff" + bytes(8)


@pytest.fixture(scope="module")
def running():
    """Return a server for all tests of this module."""
    with start_joblog() as server:
        yield server


@pytest.fixture
def replica(running, fold_equals_live):
    """Return a server that has a key, and follows nobody."""
    running.client = client = running.connect()
    client.ask("REPLICAOF", "NO", "ONE")
    client.ask("CONFIG", "SET", "masterauth", "", "masteruser", "")
    client.ask("FLUSHALL")
    client.ask("FUNCTION", "FLUSH")
    assert client.ask("SET", "mine", 1) == b"+OK\r\n"
    yield running
    fold_equals_live(running)


def follow(replica, master):
    reply = replica.client.ask("REPLICAOF", "127.0.0.1", master.port)
    assert reply == b"+OK\r\n"


def info(replica):
    return fields(replica.client.ask("INFO", "replication"))


def wait_for_error(replica, text):
    wait_until(
        lambda: text in info(replica).get("master_link_last_error", ""),
        lambda: f"{info(replica)}\n{replica.output()}",
        seconds=60,
    )


@pytest.mark.parametrize(
    ("dataset", "says"),
    [
        (b"hello, there\r\n", "no dataset: it begins"),
        (b"-ERR cannot fork\r\n", "the master gives no dataset"),
        (b"$EOF:short\r\n", "no dataset: it begins"),
        (sized(b"no rdb at all"), "no RDB file"),
        (sized(b"REDIS0009\x00\x01k\x50v"), "damaged at byte"),
        (sized(b"REDIS0009\xf5\x05hello\xff" + bytes(8)), "library"),
        (sized(KEY[:-8] + b"12345678"), "checksum"),
        (sized(b"REDIS0009" + KEY[9:-9] * 2 + b"\xff" + bytes(8)), "comes twice"),
        (sized(b"REDIS0009\xfe\x20" + KEY[9:]), "raise 'databases'"),
    ],
)
def test_a_dataset_that_is_none_changes_nothing(replica, dataset, says):
    with FakeMaster(dataset) as master:
        follow(replica, master)

        wait_for_error(replica, says)

        assert replica.client.ask("GET", "mine") == b"$1\r\n1\r\n"
        assert info(replica)["master_link_status"] == "down"
        replica.client.ask("REPLICAOF", "NO", "ONE")
        assert replica.client.ask("SET", "mine", 2) == b"+OK\r\n"


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"garbage\r\n", "no command at"),
        (b"*1\r\n$-1\r\n", "no command at"),
        (b"*99999999\r\n", "a command of 99999999 words"),
        (b"*1\r\n$9999999999\r\n", "a word of 9999999999 bytes"),
        (b"*1\r\n$1\r\nab\r\n", "a word without an end"),
        (commands(("EXEC",)), "an EXEC without a MULTI"),
        (commands(("MULTI",), ("MULTI",)), "a MULTI within a MULTI"),
        (commands(("NOSUCH", "a")), "unknown command"),
        (commands(("SET", "a")), "wrong number of arguments"),
        (commands(("SELECT", 99)), "DB index is out of range"),
        (commands(("CONFIG", "SET", "dir", "/")), "nothing that a master sends"),
        (commands(("EVAL", "return 1", 0)), "nothing that a master sends"),
        (commands(("MIGRATE", "h", 1, "k", 0, 1)), "nothing that a master sends"),
        (commands(("SHUTDOWN",)), "nothing that a master sends"),
        (commands(("LPUSH", "k", 1)), "WRONGTYPE"),
    ],
)
def test_a_stream_that_does_not_apply_leaves_what_was_before_it(replica, stream, says):
    sound = commands(("SELECT", 0), ("SET", "a", "sound"))
    with FakeMaster(sized(KEY), sound + stream) as master:
        follow(replica, master)

        wait_for_error(replica, says)

        assert replica.client.ask("GET", "a") == b"$5\r\nsound\r\n"
        assert replica.client.ask("GET", "k") == b"$1\r\nv\r\n"
        assert replica.is_alive


def test_what_is_applied_when_the_link_breaks_is_not_applied_again(replica):
    counted = 40_000
    stream = commands(("SELECT", 0)) + commands(("INCR", "n")) * counted
    with FakeMaster(sized(KEY), stream) as master:
        follow(replica, master)
        wait_until(lambda: replica.client.ask("GET", "n") != b"$-1\r\n")

        for _ in range(3):
            replica.client.ask("CLIENT", "KILL", "TYPE", "master")

        end = str(len(stream))
        wait_until(lambda: info(replica)["slave_repl_offset"] == end, replica.output)
        assert replica.client.ask("GET", "n") == b"$5\r\n%d\r\n" % counted
        assert master.heard.count(b"PSYNC\r\n$1\r\n?") == 1


def test_a_dataset_whose_link_breaks_while_it_is_read_is_kept(replica):
    keys = b"".join(b"\x00\x06%06d\x01v" % number for number in range(60_000))
    with FakeMaster(sized(b"REDIS0009" + keys + b"\xff" + bytes(8))) as master:
        master.cuts = 1
        follow(replica, master)
        wait_until(lambda: master.connections == 2, replica.output)

        wait_until(lambda: info(replica)["master_link_status"] == "up", replica.output)

        assert replica.client.ask("DBSIZE") == b":60000\r\n"
        assert master.heard.count(b"PSYNC\r\n$1\r\n?") == 1


def test_nothing_of_half_a_transaction_is_served(replica):
    bad = commands(("MULTI",), ("SET", "half", 1), ("LPUSH", "k", 1), ("EXEC",))
    with FakeMaster(sized(KEY), bad) as master:
        follow(replica, master)
        wait_for_error(replica, "WRONGTYPE")

        assert replica.client.ask("GET", "half").startswith(b"-MASTERDOWN")

        master.stream = commands(("SET", "a", "sound"))
        wait_until(lambda: replica.client.ask("GET", "a") == b"$5\r\nsound\r\n")
        assert replica.client.ask("GET", "half") == b"$-1\r\n"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"ping": b"-NOAUTH Authentication required.\r\n"}, "set masterauth"),
        ({"ping": b"hello\r\n"}, "answers PING with 'hello'"),
        ({"psync": b"-NOPERM no\r\n"}, "answers PSYNC with '-NOPERM no'"),
        ({"psync": b"+FULLRESYNC x 0\r\n"}, "for a replication id"),
        ({"psync": b"+CONTINUE\r\n"}, "answers PSYNC with '+CONTINUE'"),
        ({"ping": b"x" * 70000}, "has no end"),
    ],
)
def test_a_master_that_does_not_agree_is_told_of(replica, answers, says):
    with FakeMaster(sized(EMPTY_RDB), **answers) as master:
        follow(replica, master)

        wait_for_error(replica, says)

        assert replica.client.ask("GET", "mine") == b"$1\r\n1\r\n"


def test_wrong_password_and_right_one(replica):
    with FakeMaster(sized(KEY), auth=b"-WRONGPASS invalid\r\n") as master:
        replica.client.ask("CONFIG", "SET", "masterauth", "sesame", "masteruser", "tap")
        follow(replica, master)
        wait_for_error(replica, "WRONGPASS")
        assert b"$4\r\nAUTH\r\n$3\r\ntap\r\n$6\r\nsesame\r\n" in master.heard


def test_line_feeds_before_everything_are_passed_over(replica):
    with FakeMaster(
        b"\n\n\n" + sized(KEY), b"\n" + commands(("SET", "a", 1))
    ) as master:
        follow(replica, master)
        wait_until(lambda: replica.client.ask("GET", "a") == b"$1\r\n1\r\n")
        offset = len(b"\n" + commands(("SET", "a", 1)))
        assert info(replica)["slave_repl_offset"] == str(offset)
        wait_until(lambda: b"ACK\r\n$2\r\n%d\r\n" % offset in master.heard)


def test_a_server_does_not_follow_itself():
    with start_joblog("--port", "0") as server:
        client = server.connect()
        # Its own port: any that is free.
        import socket  # noqa: PLC0415 - only here

        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert client.ask("CONFIG", "SET", "port", port) == b"+OK\r\n"
        client.ask("REPLICAOF", "127.0.0.1", port)
        server.client = client
        wait_for_error(server, "cannot follow itself")
