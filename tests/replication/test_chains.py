"""Replicas of a replica, and of a replica that became the master."""

from contextlib import ExitStack

import pytest

from tests.replication.pairs import fields
from tests.support.cutting import CuttingRelay
from tests.support.servers import start_redis
from tests.support.waiting import wait_until


@pytest.fixture
def follow():
    """Return a function that starts a Redis, or has one follow a server."""
    with ExitStack() as stack:

        def follow_it(server, follower=None):
            relay = stack.enter_context(CuttingRelay(server.path))
            if follower is None:
                follower = stack.enter_context(start_redis()).connect()
            follower.ask("REPLICAOF", "127.0.0.1", str(relay.port))
            return follower

        yield follow_it


def link(client):
    """Return what a server says of its part in replication."""
    return fields(client.ask("INFO", "replication"))


def test_a_replica_of_a_replica(led, follow):
    both = led("joblog")
    both.wait_until_up()
    both.tell("RPUSH", "l", 1, 2, 3)
    end = follow(both.replica)
    wait_until(lambda: link(end)["master_link_status"] == "up")
    both.tell("SET", "a", 1)
    both.tell("EVAL", "redis.call('INCR', 'a') redis.call('LPOP', 'l')", 0)

    both.require_same_digest()
    wait_until(lambda: end.ask("DEBUG", "DIGEST") == both.tell("DEBUG", "DIGEST"))

    assert both.info()["connected_slaves"] == "1"
    # Else somebody could go on in a history that is another.
    assert both.info()["master_replid"] != link(end)["master_replid"]


def test_others_go_on_where_a_new_master_began(pair, follow):
    both = pair("redis7")
    other = follow(both.master)
    both.wait_until_up()
    wait_until(lambda: link(other)["master_link_status"] == "up")
    both.tell("CONFIG", "SET", "repl-ping-replica-period", 3600)
    both.tell("SET", "a", 1)
    both.wait_until_same()
    offset = both.info()["slave_repl_offset"]
    wait_until(lambda: link(other)["slave_repl_offset"] == offset)

    both.ask("REPLICAOF", "NO", "ONE")
    both.ask("SET", "c", 1)
    follow(both.replica, other)

    wait_until(lambda: other.ask("GET", "c") == b"$1\r\n1\r\n")
    assert other.ask("DEBUG", "DIGEST") == both.ask("DEBUG", "DIGEST")
    assert both.info("stats")["sync_partial_ok"] == "1"
    assert both.info()["second_repl_offset"] == str(int(offset) + 1)
