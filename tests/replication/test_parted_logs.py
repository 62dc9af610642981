"""An old master that comes back finds where the logs part, and takes the new one's."""

from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.replication.test_logs_taken import TAKES, is_taking, replay, segments
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until


@pytest.fixture
def parted(led):
    """Return a function that starts two servers whose histories part."""

    def start(*options):
        both = led("joblog", *TAKES, *options, replica_options=(*TAKES, *options))
        both.wait_until_up()
        for number in range(40):
            both.tell("SET", f"common{number % 9}", "v" * 300)
        both.wait_until_same()
        both.ask("REPLICAOF", "NO", "ONE")
        return both

    return start


@contextmanager
def coming_back(both):
    """Have the old master follow the new one; give the relay between them."""
    with CuttingRelay(both.replica.path) as relay:
        assert both.tell("REPLICAOF", "127.0.0.1", relay.port) == b"+OK\r\n"
        yield relay


def wait_until_same_log(both):
    wait_until(lambda: segments(both.master) == segments(both.replica), both.describe)
    assert both.tell("DEBUG", "DIGEST") == both.ask("DEBUG", "DIGEST")


def histories(server):
    folder = Path(server.folder) / "set-aside"
    return sorted(folder.iterdir()) if folder.exists() else []


def has_come_so_far(server, relay, size):
    """Say whether a server has got so much, or has set something aside."""
    return len(relay.said) >= size or bool(histories(server))


def kept_commands(server):
    """Return what `replay log` says of the one history that was set aside."""
    (kept,) = histories(server)
    assert "the log is whole" in replay("verify", kept)
    assert str(kept) in replay("info", server.folder)
    return replay("log", kept)


@pytest.mark.parametrize("size", ["65536", "67108864"])
def test_an_old_master_sets_its_tail_aside_and_takes_the_log(parted, size):
    both = parted("--segment-bytes-max", size)
    for number in range(300):
        both.tell("SET", f"lost{number}", "v" * 300)
    both.tell("DEL", "common1")
    both.tell(
        "FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('f', print)"
    )
    both.ask("RPUSH", "jobs", "a", "b")

    with coming_back(both):
        wait_until_same_log(both)
        both.ask("RPUSH", "jobs", "c")
        assert both.ask("WAIT", "1", "0") == b":1\r\n"

        assert both.tell("LRANGE", "jobs", 0, -1) == both.ask("LRANGE", "jobs", 0, -1)
        assert both.tell("GET", "lost1") == b"$-1\r\n"
        assert both.tell("FUNCTION", "LIST") == b"*0\r\n"
        assert both.info("stats")["sync_full"] == "0"
        wait_until_same_log(both)
    assert is_taking(both, both.master)
    both.master.kill()
    kept = kept_commands(both.master)
    assert "SET lost299 " in kept
    assert "DEL common1" in kept
    assert "lost" not in replay("log", both.master.folder)
    both.master.start()


def test_an_old_master_that_is_killed_again_and_again_comes_back(parted):
    """Whatever it was at: nothing of what it had goes, and it takes the log."""
    both = parted("--segment-bytes-max", "65536")
    for number in range(300):
        both.tell("SET", f"lost{number}", "v" * 300)
    both.ask("SET", "b", 1)
    both.master.kill()
    with CuttingRelay(both.replica.path) as relay:
        old = both.master
        old._command += ["--replicaof", f"127.0.0.1 {relay.port}"]
        for size in (500, 2000, 20_000, 40_000, 100_000):
            relay.cut_after(size)
            old.start()
            until = len(relay.said) + size
            wait_until(partial(has_come_so_far, old, relay, until))
            old.kill()
        old.start()
        both._clients.pop(old, None)
        wait_until_same_log(both)
    assert "SET lost299 " in kept_commands(old)


def test_a_replica_that_is_ahead_of_the_promoted_one_sets_that_aside(parted):
    """It took what the other one never got."""
    both = parted()
    with start_joblog(*TAKES) as third:
        client = third.connect()
        with CuttingRelay(both.master.path) as old:
            client.ask("REPLICAOF", "127.0.0.1", old.port)
            both.tell("SET", "late", 1)
            wait_until(
                lambda: client.ask("GET", "late") == b"$1\r\n1\r\n", third.output
            )
            both.ask("SET", "b", 1)
            with CuttingRelay(both.replica.path) as new:
                client.ask("REPLICAOF", "127.0.0.1", new.port)
                wait_until(
                    lambda: client.ask("GET", "b") == b"$1\r\n1\r\n", third.output
                )

                assert client.ask("GET", "late") == b"$-1\r\n"
                wait_until(lambda: segments(third) == segments(both.replica))
        third.stop()
        assert "SET late 1" in kept_commands(third)


def test_what_reads_the_past_of_a_log_that_goes_back_is_told(parted):
    both = parted()
    both.tell("SET", "lost", 1)
    watcher = both.master.connect()
    last_seq = watcher.ask("CLIENT", "AT", "now")[1:].strip().decode()
    assert watcher.ask("CLIENT", "AT", f"@{last_seq}").startswith(b":")
    tail = both.tell("LOG.READ", "FROM", 1, "COUNT", 1000)
    both.ask("SET", "b", 1)

    with coming_back(both):
        wait_until_same_log(both)

        assert b"lost" in tail
        assert b"log went back" in watcher.ask("GET", "lost")
        assert b"lost" not in both.tell("LOG.READ", "FROM", 1, "COUNT", 1000)


def test_a_log_that_was_redacted_where_it_would_part_follows_by_the_stream(parted):
    both = parted()
    both.tell("SET", "secret", "personal")
    both.ask("SET", "b", 1)
    both.master.stop()
    done = replay(
        *("redact", both.master.folder, "--key", "secret", "--delete"),
        *("--why", "asked", "--apply"),
    )
    both.master.start()
    both._clients.pop(both.master, None)
    with coming_back(both):
        wait_until(lambda: both.tell("GET", "b") == b"$1\r\n1\r\n", both.describe)

        assert histories(both.master) == [], done
        assert both.tell("DEBUG", "DIGEST") == both.ask("DEBUG", "DIGEST")
