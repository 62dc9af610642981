"""Real servers, and this one, as replicas of this server."""

import pytest

from tests.replication.pairs import fields
from tests.replication.test_following import fill
from tests.support.servers import start_joblog
from tests.support.waiting import wait_until

REPLICAS = ["redis7", "valkey9", "redis6", "redis8", "joblog"]


@pytest.mark.parametrize("kind", REPLICAS)
def test_a_dataset_and_what_follows(led, kind):
    both = led(kind)
    both.wait_until_up()
    fill(both)
    both.require_same_digest()

    both.tell("MULTI")
    both.tell("LPOP", "l")
    both.tell("SELECT", 7)
    both.tell("SET", "in-multi", 1)
    both.tell("EXEC")
    both.tell("SELECT", 0)
    both.tell("EVAL", "redis.call('INCR', 'a') redis.call('SPOP', 's')", 0)
    both.tell("GETEX", "a", "PX", 100000)
    both.tell("EXPIRE", "b", 1000)
    ears = both.replica.connect()
    ears.ask("SUBSCRIBE", "news")
    both.tell("PUBLISH", "news", "here")
    assert b"\r\nhere\r\n" in ears.read()
    both.tell("SET", "short", 1, "PX", 1)
    wait_until(lambda: both.tell("GET", "short") == b"$-1\r\n")
    both.require_same_digest()

    assert both.tell("WAIT", 1, 60000) == b":1\r\n"
    assert both.ask("EXISTS", "short") == b":0\r\n"


def rate_of(tell, way):
    return fields(tell("INFO", "stats"))[f"instantaneous_{way}_repl_kbps"]


@pytest.mark.parametrize("kind", ["redis7", "joblog"])
def test_bytes_between_both_are_counted_by_themselves(led, kind):
    both = led(kind)
    both.wait_until_up()
    both.tell("CONFIG", "RESETSTAT")
    both.ask("CONFIG", "RESETSTAT")
    both.tell("SET", "k", "v" * 10_000)
    assert both.tell("WAIT", 1, 60_000) == b":1\r\n"

    for tell, way in ((both.tell, "output"), (both.ask, "input")):
        stats = fields(tell("INFO", "stats"))
        sent = int(stats[f"total_net_repl_{way}_bytes"])
        # Beside the value there is little: a header, pings.
        assert 10_000 < sent < 11_000
        assert int(stats[f"total_net_{way}_bytes"]) > sent
        wait_until(lambda tell=tell, way=way: rate_of(tell, way) != "0.00")


@pytest.mark.parametrize("kind", ["redis7", "valkey9", "joblog"])
def test_what_was_missed_comes_from_the_log(led, kind):
    both = led(kind)
    both.wait_until_up()
    history = both.master_info()["master_replid"]
    for number in range(0, 60, 20):
        both.relay.cut_after(number)
        for _ in range(5):
            both.tell("INCR", "n")
            both.tell("RPUSH", "l", number)
    both.require_same_digest()
    assert both.syncs() == "1"

    both.relay.shut(is_shut=True)
    for _ in range(2):
        both.tell("SELECT", 5)
        for number in range(50):
            both.tell("SET", f"k{number}", "x" * 1000)
        both.kill_master()
    both.relay.shut(is_shut=False)
    both.wait_until_online()
    both.require_same_digest()
    assert both.syncs() == "0"
    assert both.master_info()["master_replid"] != history


def test_a_replica_that_restarts_goes_on_from_its_file(led):
    both = led("redis7")
    both.wait_until_up()
    both.tell("SET", "before", 1)
    both.wait_until_same()
    both.replica.kill()
    for number in range(50):
        both.tell("SET", f"k{number}", "x" * 1000)
    both.kill_replica()
    both.require_same_digest()

    assert both.syncs() == "1"


def test_another_history_is_replaced(led):
    both = led("redis7")
    both.wait_until_up()
    both.ask("REPLICAOF", "NO", "ONE")
    both.ask("SET", "only-here", 1)
    both.tell("SET", "only-there", 1)

    both.ask("REPLICAOF", "127.0.0.1", both.relay.port)
    both.require_same_digest()

    assert both.ask("EXISTS", "only-here") == b":0\r\n"


def test_clients_wait_and_are_told_of_replicas(led):
    both = led("redis7")
    both.wait_until_up()
    both.wait_until_online()
    both.tell("SET", "a", 1)

    assert both.tell("WAIT", 1, 60000) == b":1\r\n"
    assert both.tell("WAIT", 2, 1) == b":1\r\n"
    info = both.master_info()
    assert (info["role"], info["connected_slaves"]) == ("master", "1")
    port = info["slave0"].split("port=")[1].split(",")[0]
    assert f"\r\n${len(port)}\r\n{port}\r\n".encode() in both.tell("ROLE")
    assert b"flags=S" in both.tell("CLIENT", "LIST", "TYPE", "replica")

    assert both.tell("CLIENT", "KILL", "TYPE", "replica") == b":1\r\n"
    both.require_same_digest()
    both.relay.shut(is_shut=True)
    wait_until(lambda: both.master_info()["connected_slaves"] == "0")
    both.tell("SET", "a", 2)
    assert both.tell("WAIT", 1, 1) == b":0\r\n"


def test_too_few_replicas_to_write(led):
    both = led("redis7", "--min-replicas-to-write", "1")
    both.wait_until_up()
    refused = b"-NOREPLICAS Not enough good replicas to write.\r\n"

    wait_until(lambda: both.tell("SET", "a", 1) == b"+OK\r\n")
    assert both.master_info()["min_slaves_good_slaves"] == "1"
    both.relay.shut(is_shut=True)
    wait_until(lambda: both.tell("SET", "a", 1) == refused)
    script = ("EVAL", "return redis.call('SET', 'a', 1)", 0)
    assert b"NOREPLICAS" in both.tell(*script)
    assert both.tell("GET", "a") == b"$1\r\n1\r\n"
    both.tell("CONFIG", "SET", "min-replicas-to-write", 0)
    assert both.tell("SET", "a", 1) == b"+OK\r\n"


def test_nobody_can_follow_a_server_without_a_log():
    with start_joblog("--memory-only", "yes") as server:
        client = server.connect()

        refused = b"-NOMASTERLINK this server keeps no log that replicas follow\r\n"
        assert client.ask("PSYNC", "?", "-1") == refused
        assert client.ask("SYNC") == refused


def test_a_replica_that_cannot_read_a_dataset_waits(led):
    both = led("redis7")
    both.wait_until_up()
    both.tell("HSET", "h", "f", 1)
    both.tell("HEXPIRE", "h", 1000, "FIELDS", 1, "f")
    both.ask("REPLICAOF", "NO", "ONE")
    both.ask("REPLICAOF", "127.0.0.1", both.relay.port)

    wait_until(lambda: "did not take the dataset 3 times" in both.master.output())
    both.tell("DEL", "h")


@pytest.mark.parametrize("kind", ["redis6", "redis7", "redis8", "valkey9", "joblog"])
def test_a_command_that_a_replica_lacks_takes_none_of_the_others_with_it(led, kind):
    both = led(kind)
    both.wait_until_online()
    library = "#!lua name=f\nredis.register_function('f', function() end)"
    for words in (
        ("MULTI",),
        ("FUNCTION", "LOAD", library),
        ("HSET", "h", "a", 1, "b", 2),
        ("HPEXPIRE", "h", 1000000, "FIELDS", 1, "a"),
        ("SET", "k", 1),
        ("HSET", "h", "a", 3),  # takes its deadline: behind that, everywhere
        ("EXEC",),
        ("HSETEX", "h", "EX", 1000, "FIELDS", 1, "c", 1),
        ("XADD", "st", "IDMP", "producer", "1", "*", "job", 1),
    ):
        reply = both.tell(*words)
        assert not reply.startswith(b"-"), reply
    both.wait_until_same()

    assert both.ask("GET", "k") == b"$1\r\n1\r\n"
    assert both.ask("XLEN", "st") == b":1\r\n"
    assert both.dump(both.replica)[0, b"h"] == both.dump(both.master)[0, b"h"]
    if kind in ("redis8", "valkey9", "joblog"):
        for field in "abc":
            asked = ("HPEXPIRETIME", "h", "FIELDS", 1, field)
            assert both.ask(*asked) == both.tell(*asked)
    said = both.master.output()
    assert "is sent XIDMPRECORD, which servers before Redis 8.6 do not know" in said
    assert said.count("is sent HPEXPIREAT") == (kind not in ("valkey9", "joblog"))
