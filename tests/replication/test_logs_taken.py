"""A joblog that follows a joblog takes its log: the same records, the same bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

from joblog.storage.segment import SegmentHeader, encode_header
from tests.replication.chances import Chance
from tests.replication.fakes import ID, FakeMaster
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

TAKES = "--replica-log", "yes"
SCRIPT = "redis.call('INCR', KEYS[1]) return redis.call('RPUSH', KEYS[2], ARGV[1])"


def segments(server):
    """Return the bytes of each segment of a server."""
    files = sorted((Path(server.folder) / "log").glob("*.log"))
    return {path.name: path.read_bytes() for path in files}


def replay(*words, environment=None):
    """Run a verb of replay; return what it writes."""
    words = [str(word) for word in words]
    run = subprocess.run(
        [sys.executable, "-m", "joblog.replay", *words],
        capture_output=True,
        check=False,
        text=True,
        env=environment,
    )
    return run.stdout + run.stderr


@pytest.fixture
def taken(led):
    """Return a function that starts a master, and a replica that takes its log."""

    def start(*options, replica_options=()):
        mine = TAKES + replica_options
        return led("joblog", *TAKES, *options, replica_options=mine)

    return start


def require_same_log(both) -> None:
    """Assert that both have the same log, byte for byte, and the same data."""
    both.require_same_digest()
    wait_until(lambda: segments(both.master) == segments(both.replica), both.describe)


def is_taking(both, server=None) -> bool:
    folder = (server or both.replica).folder
    return "log-is-taken" in [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("policy", ["everysec", "always"])
def test_a_fresh_replica_takes_the_log_from_its_beginning_and_goes_on(taken, policy):
    both = taken("--segment-bytes-max", "65536", "--appendfsync", policy)
    both.wait_until_up()
    for number in range(300):
        both.tell("SET", f"k{number % 50}", "v" * 400)
    both.tell("EVAL", SCRIPT, 2, "n", "l", "x")
    both.tell("SELECT", 3)
    both.tell("RPUSH", "other", 1, 2, 3)
    both.tell("SELECT", 0)

    require_same_log(both)

    assert len(segments(both.replica)) > 1
    assert both.syncs() == "1"
    assert both.info()["master_replid"] == both.master_info()["master_replid"]
    assert both.tell("WAIT", 1, 0) == b":1\r\n"
    assert both.ask("SET", "a", 1).startswith(b"-READONLY")
    both.master.stop()
    both.replica.stop()
    told = replay("verify", both.master.folder, "--against", both.replica.folder)
    assert "the same" in told, told
    records = [replay("log", one.folder) for one in (both.master, both.replica)]
    assert records[0] == records[1]
    assert "n l x => INCR n; RPUSH l x" in records[0]


def test_both_have_the_same_log_whatever_is_cut_and_killed(taken):
    both = taken("--segment-bytes-max", "65536")
    both.wait_until_up()
    both.tell("SET", "first", 1)
    both.wait_until_same()
    chance = Chance(5)
    for number in range(500):
        if number % 50 == 25:
            both.relay.cut_after(chance.below(3000))
        if number == 200:
            both.kill_master()
        if number in (120, 350):
            both.kill_replica()
        both.tell(*chance.command())
        if number % 7 == 0:
            both.tell("SET", "padding", "v" * 3000)

    require_same_log(both)

    assert both.master_info("stats")["sync_full"] == "0", both.describe()
    assert len(segments(both.replica)) > 1


def test_a_replica_that_becomes_the_master_goes_on_in_the_next_term(taken):
    both = taken()
    both.wait_until_up()
    both.tell("SET", "a", 1)
    both.wait_until_same()

    assert both.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    assert both.ask("SET", "b", 1) == b"+OK\r\n"
    both.replica.kill()

    assert not is_taking(both)
    assert "SET b 1" in replay("log", both.replica.folder)
    epochs = [data[32] for data in segments(both.replica).values()]
    assert epochs == [1, 2]
    assert "the log is whole" in replay("verify", both.replica.folder)


def test_a_replica_that_has_data_of_its_own_is_sent_the_stream(led):
    both = led("joblog", *TAKES, replica_options=TAKES)
    both.wait_until_up()
    both.ask("REPLICAOF", "NO", "ONE")
    both.ask("SET", "mine", 1)
    with CuttingRelay(both.master.path) as relay, start_joblog(*TAKES) as other:
        client = other.connect()
        client.ask("SET", "mine", 1)
        client.ask("REPLICAOF", "127.0.0.1", relay.port)
        both.tell("SET", "a", 1)
        wait_until(lambda: client.ask("GET", "a") == b"$1\r\n1\r\n", other.output)

        assert client.ask("GET", "mine") == b"$-1\r\n"
        assert "log-is-taken" not in [path.name for path in other.folder.iterdir()]
    both.replica.stop()


@pytest.mark.parametrize(
    ("mine", "theirs"), [((), TAKES), (TAKES, ())], ids=["master", "replica"]
)
def test_the_log_is_given_where_both_say_so(led, mine, theirs):
    both = led("joblog", *mine, replica_options=theirs)
    both.tell("SET", "a", 1)

    both.require_same_digest()

    assert not is_taking(both)


def test_a_redis_is_followed_as_ever(pair):
    both = pair("redis7", *TAKES)
    both.tell("SET", "a", 1)

    both.require_same_data()

    assert not is_taking(both)


GARBAGE = [
    pytest.param(b"hello, there " * 20, id="no header"),
    pytest.param(None, id="a frame that is none"),
]


@pytest.mark.parametrize("log", GARBAGE)
def test_a_master_that_sends_garbage_changes_nothing(log):
    if log is None:
        header = SegmentHeader(1, 1, 1, bytes(16), bytes(32))
        log = encode_header(header) + bytes(40)
    told = b"+LOG " + ID + b" 0 9\r\n" + log
    answers = {"replconf": b"+OK joblog-log x\r\n", "psync": told}
    with start_joblog(*TAKES) as replica, FakeMaster(b"", **answers) as master:
        client = replica.connect()
        client.ask("REPLICAOF", "127.0.0.1", master.port)
        wait_until(
            lambda: b"master_link_last_error:no " in client.ask("INFO", "replication"),
            replica.output,
        )

        assert client.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
        assert client.ask("SET", "a", 1) == b"+OK\r\n"
        replica.kill()
        replica.start()
        assert replica.connect().ask("GET", "a") == b"$1\r\n1\r\n"
        assert "the log is whole" in replay("verify", replica.folder)


def test_a_replica_that_takes_the_log_has_no_stream(taken):
    both = taken()
    both.wait_until_up()

    assert both.ask("PSYNC", "?", "-1").startswith(b"-NOMASTERLINK this replica takes")
