"""Logs that are taken where a beginning is pruned or redacted, on one side or both."""

import pytest

from tests.replay.redacting.redactions import redact
from tests.replication.test_logs_taken import TAKES, is_taking, replay
from tests.replication.test_logs_taken_under import kept_in, wait_until_same_log
from tests.support.cutting import CuttingRelay
from tests.support.pruning import prune
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

SMALL = "--segment-bytes-max", "65536"
SECRET = b"of-nobodys-business"


@pytest.fixture
def two(led):
    """Return a master, and a replica that has its log of several segments."""
    both = led("joblog", *TAKES, *SMALL, replica_options=(*TAKES, *SMALL))
    both.wait_until_up()
    both.tell("SET", "user:42", SECRET)
    both.tell("DEL", "user:42")
    while count_segments(both.master) < 4:
        fill(both.master, "common")
    wait_until_same_log(both.master, both.replica)
    return both


def fill(server, prefix):
    client = server.connect()
    for number in range(700):
        client.ask("SET", f"{prefix}{number % 90}", f"{number}" * 100)


def count_segments(server):
    return len(list((server.folder / "log").glob("*.log")))


def take_from(server):
    """Remove the first segments of a server that is stopped."""
    prune(server.folder, 2)


def blank(server):
    """Redact a key of the first segment of a server that is stopped."""
    assert redact(server.folder, keys=[b"user:42"]).records


def change(server, how):
    """Stop a server, change what it has of the past, and start it."""
    server.stop()
    how(server)
    server.start()


HOWS = [pytest.param(take_from, id="pruned"), pytest.param(blank, id="redacted")]
GONE = [
    pytest.param(take_from, "master", id="pruned, master"),
    pytest.param(take_from, "replica", id="pruned, replica"),
    pytest.param(take_from, "both", id="pruned, both"),
    pytest.param(blank, "master", id="redacted, master"),
]


@pytest.mark.parametrize(("how", "sides"), GONE)
def test_a_replica_goes_on_whatever_is_gone_of_the_past(two, how, sides):
    two.replica.stop()
    if sides != "replica":
        change(two.master, how)
    if sides != "master":
        how(two.replica)
    fill(two.master, "more")
    two.replica.start()
    two._clients.clear()

    wait_until_same_log(two.master, two.replica)

    assert is_taking(two)
    assert two.tell("DEBUG", "DIGEST") == two.ask("DEBUG", "DIGEST")
    is_there = "user:42" in replay("log", two.replica.folder)
    assert is_there == (sides == "master")


def test_an_old_master_comes_back_whatever_is_pruned(two):
    two.ask("REPLICAOF", "NO", "ONE")
    fill(two.master, "lost")
    two.master.stop()
    take_from(two.master)
    change(two.replica, take_from)
    two._clients.clear()
    two.ask("REPLICAOF", "NO", "ONE")  # it was started as a replica again
    fill(two.replica, "new")
    two.master.start()
    with CuttingRelay(two.replica.path) as relay:
        two.tell("REPLICAOF", "127.0.0.1", relay.port)
        wait_until_same_log(two.replica, two.master)

        assert is_taking(two, two.master)
        assert two.tell("DEBUG", "DIGEST") == two.ask("DEBUG", "DIGEST")
        assert "lost89" in replay("log", kept_in(two.master))


@pytest.mark.parametrize("was_master", [True, False], ids=["master", "replica"])
def test_the_record_of_a_redaction_is_not_set_aside(two, was_master):
    """Without it what is unreadable would be damage: the stream is followed."""
    server, other = two.replica, two.master
    if was_master:
        two.ask("REPLICAOF", "NO", "ONE")
        server, other = other, server
    change(server, blank)
    two._clients.clear()
    fill(other, "new")
    with CuttingRelay(other.path) as relay:
        client = server.connect()
        client.ask("REPLICAOF", "127.0.0.1", relay.port)
        digest = other.connect().ask("DEBUG", "DIGEST")
        wait_until(lambda: client.ask("DEBUG", "DIGEST") == digest, server.output)

        assert not is_taking(two, server)
        assert not (server.folder / "set-aside").exists()
        told = replay("verify", server.folder)
        assert "the log is whole" in told
        assert "by ada: ticket 812" in told


@pytest.mark.parametrize("how", HOWS)
def test_a_fresh_replica_of_half_a_log_follows_by_the_stream(two, how):
    two.replica.stop()
    change(two.master, how)
    two._clients.clear()
    with (
        CuttingRelay(two.master.path) as relay,
        start_joblog(*TAKES, "--replicaof", "127.0.0.1", str(relay.port)) as fresh,
    ):
        client = fresh.connect()
        digest = two.tell("DEBUG", "DIGEST")
        wait_until(lambda: client.ask("DEBUG", "DIGEST") == digest, fresh.output)

        assert not is_taking(two, fresh)
        assert SECRET not in bytes(relay.said)
        told = replay(
            *("verify", f"unix://{fresh.path}"),
            *("--against", f"unix://{two.master.path}"),
        )
        assert "they are two logs" in told or "no record in common" in told
