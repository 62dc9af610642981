"""This server as a replica of real ones."""

import pytest

from tests.support.waiting import wait_until

MASTERS = ["redis7", "valkey9", "redis6", "redis8"]


def fill(pair):
    """Give the master a value of each type."""
    tell = pair.tell
    tell("MSET", "a", 1, "b", "x" * 3000)
    tell("RPUSH", "l", *range(200))
    tell("SADD", "s", *range(50), "x")
    tell("HSET", "h", *(word for n in range(300) for word in (f"f{n}", n)))
    tell("ZADD", "z", 1.5, "a", 3, "b", "-inf", "c")
    tell("XADD", "st", "1-1", "f", "v")
    tell("XGROUP", "CREATE", "st", "g", "0")
    tell("XREADGROUP", "GROUP", "g", "c", "STREAMS", "st", ">")
    tell("SET", "e", 1, "EX", 1000)
    tell("PFADD", "p", "a", "b")
    tell("SELECT", 5)
    tell("SET", "five", 5)
    tell("SELECT", 0)


@pytest.mark.parametrize("kind", MASTERS)
def test_a_dataset_and_what_follows(pair, kind):
    both = pair(kind)
    both.wait_until_up()
    fill(both)
    both.require_same_data()

    both.tell("MULTI")
    both.tell("LPOP", "l")
    both.tell("SELECT", 7)
    both.tell("SET", "in-multi", 1)
    both.tell("EXEC")
    both.tell("SELECT", 0)
    both.tell("EVAL", "redis.call('INCR', 'a') redis.call('SPOP', 's')", 0)
    both.tell("GETEX", "a", "PX", 100000)
    both.tell("EXPIRE", "b", 1000)
    both.require_same_data()

    assert int(both.info()["slave_repl_offset"]) > 0
    assert both.tell("WAIT", 1, 60000) == b":1\r\n"


def test_a_dataset_takes_the_place_of_other_data(pair):
    both = pair("redis7", "--replica-read-only", "no")
    both.wait_until_up()
    fill(both)
    both.wait_until_same()
    both.ask("REPLICAOF", "NO", "ONE")
    both.ask("SET", "only-here", 1)
    both.ask("RPUSH", "l", "more")
    both.ask("SET", "h", "another type")
    both.ask("SADD", "s", "more")
    both.ask("HSET", "fresh", "a", 1)

    both.ask("REPLICAOF", "127.0.0.1", both.relay.port)
    both.require_same_data()


def test_clients_may_not_write(pair):
    both = pair("redis7")
    both.wait_until_up()
    refused = b"-READONLY You can't write against a read only replica."

    assert both.ask("SET", "a", 1).startswith(refused)
    assert both.ask("EVAL", "return redis.call('SET', 'a', 1)", 0).startswith(refused)
    both.ask("MULTI")
    assert both.ask("SET", "a", 1).startswith(refused)
    assert both.ask("EXEC").startswith(b"-EXECABORT")
    assert b"flags=M" in both.ask("CLIENT", "LIST", "TYPE", "master")


@pytest.mark.parametrize("kind", ["redis7", "valkey9"])
def test_a_cut_link_goes_on_where_it_was(pair, kind):
    both = pair(kind)
    both.wait_until_up()
    for number in range(8):
        both.relay.cut_after(137 * number + 1)
        for step in range(20):
            both.tell("RPUSH", "l", f"{number}-{step}")
            both.tell("INCR", "n")
    both.require_same_data()

    stats = both.master_info("stats")
    assert stats["sync_full"] == "1"
    assert int(stats["sync_partial_ok"]) > 0


def test_a_killed_replica_goes_on_where_its_log_is(pair):
    both = pair("redis7")
    both.wait_until_up()
    for number in range(3):
        both.tell("INCR", "n")
        both.tell("SELECT", number + 3)
        both.tell("RPUSH", "l", number)
        both.wait_until_same()
        both.replica.kill()
        both.tell("RPUSH", "l", "while it was away")
        both.replica.start()
    both.tell("SELECT", 0)
    both.require_same_data()

    assert both.master_info("stats")["sync_full"] == "1"


def test_it_becomes_a_master(pair):
    both = pair("redis7")
    both.wait_until_up()
    both.tell("SET", "a", 1)
    both.wait_until_same()
    followed = both.info()

    assert both.ask("REPLICAOF", "NO", "ONE") == b"+OK\r\n"

    said = both.info()
    assert said["role"] == "master"
    assert said["master_replid2"] == followed["master_replid"]
    assert int(said["second_repl_offset"]) >= int(followed["slave_repl_offset"]) + 1
    assert both.ask("SET", "a", 2) == b"+OK\r\n"


def test_keys_expire_when_the_master_says_so(pair):
    both = pair("redis7")
    both.wait_until_up()
    both.tell("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    both.tell("SET", "k", 1, "PX", 1)
    both.wait_until_same()

    wait_until(lambda: both.ask("GET", "k") == b"$-1\r\n")
    assert both.ask("DBSIZE") == b":1\r\n"

    wait_until(lambda: both.tell("GET", "k") == b"$-1\r\n")
    wait_until(lambda: both.ask("DBSIZE") == b":0\r\n", both.describe, seconds=20)
