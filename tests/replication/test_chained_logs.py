"""A joblog that takes its master's log gives it on to those that follow it."""

import pytest

from tests.replication.test_logs_taken import TAKES, is_taking, segments
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until


@pytest.fixture
def chain(led):
    """Return a master and its replica, and a function that starts one behind that."""
    both = led("joblog", *TAKES, replica_options=TAKES)
    both.wait_until_up()
    opened = []

    def start(*options):
        relay = CuttingRelay(both.replica.path)
        follows = ("--replicaof", f"127.0.0.1 {relay.port}")
        opened.append(relay)
        opened.append(start_joblog(*options, *follows))
        return opened[-1]

    yield both, start
    for one in reversed(opened):
        one.__exit__()


def test_the_log_goes_on_through_a_replica(chain):
    both, start = chain
    both.tell("SET", "a", 1)
    both.wait_until_same()
    third = start(*TAKES)

    wait_until(lambda: segments(third) == segments(both.master), third.output)
    both.tell("RPUSH", "jobs", "x")
    both.replica.kill()
    both.replica.start()
    both.tell("RPUSH", "jobs", "y")

    client = third.connect()
    wait_until(lambda: client.ask("LLEN", "jobs") == b":2\r\n", third.output)
    wait_until(lambda: segments(third) == segments(both.master), third.output)
    assert is_taking(both, third)
    assert b"connected_slaves:1" in both.replica.connect().ask("INFO", "replication")

    assert both.replica.connect().ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"
    both.replica.connect().ask("RPUSH", "jobs", "z")
    wait_until(lambda: client.ask("LLEN", "jobs") == b":3\r\n", third.output)
    wait_until(lambda: segments(third) == segments(both.replica), third.output)


def test_who_asks_for_the_stream_there_is_told_why_there_is_none(chain):
    _, start = chain
    third = start()

    client = third.connect()
    wait_until(
        lambda: b"takes its master's log" in client.ask("INFO", "replication"),
        third.output,
    )
    assert b"master_link_status:down" in client.ask("INFO", "replication")
