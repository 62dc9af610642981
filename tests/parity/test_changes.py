"""How many changes each command counts for (INFO, `save` rules), beside redis-server."""
# ruff: noqa: E501 - what leads to a case reads best on one line

import re

import pytest

CASES = [
    "SET k v",
    "SET k v EX 100",
    "SET k v NX",
    "SET k v; SET k v NX",
    "SETNX k v",
    "SETEX k 100 v",
    "PSETEX k 1000 v",
    "GETSET k v",
    "SET k v; GETDEL k",
    "GETDEL k",
    "SET k v; GETEX k EX 100",
    "SET k v EX 100; GETEX k PERSIST",
    "SET k v; GETEX k PERSIST",
    "SET k v; GETEX k",
    "SET k v; GETEX k PXAT 1",
    "SET k v; SET k v PXAT 1",
    "MSET a 1 b 2",
    "MSET a 1 a 2",
    "MSETNX a 1 b 2",
    "APPEND k v",
    "SET k v; APPEND k x",
    "SETRANGE k 0 v",
    "SET k v; SETRANGE k 0 x",
    "INCR k",
    "INCRBY k 5",
    "INCRBYFLOAT k 1.5",
    "SETBIT k 1 1",
    "SETBIT k 1 0",
    "SETBIT k 1 1; SETBIT k 1 1",
    "BITOP NOT d k",
    "SET k v; BITOP NOT d k",
    "SET d v; BITOP NOT d k",
    "BITFIELD k SET u8 0 1",
    "BITFIELD k SET u8 0 1 SET u8 8 1 INCRBY u8 0 1",
    "BITFIELD k GET u8 0",
    "BITFIELD k SET u8 8 0 SET u8 16 0",
    "BITFIELD k OVERFLOW FAIL INCRBY u2 100 5",
    "SET k abc; BITFIELD k SET u8 0 97 INCRBY u8 8 0",
    "SET k abc; BITFIELD k SET u8 0 97 INCRBY u8 8 1",
    "SET k abc; BITFIELD k SET u8 0 98 SET u8 0 97",
    "SET k abc; BITFIELD k INCRBY u8 0 1 INCRBY u8 0 -1",
    "FUNCTION FLUSH",
    "FUNCTION FLUSH ASYNC",
    "SCRIPT FLUSH",
    "SET k v; DEL k",
    "MSET a 1 b 2; DEL a b c",
    "MSET a 1 b 2; UNLINK a b",
    "DEL k",
    "SET k v; EXPIRE k 100",
    "SET k v; EXPIRE k -1",
    "SET k v; EXPIREAT k 1",
    "SET k v; PEXPIRE k 10000",
    "SET k v EX 100; PERSIST k",
    "SET k v; PERSIST k",
    "SET k v; RENAME k l",
    "MSET k v l w; RENAME k l",
    "SET k v; RENAMENX k l",
    "SET k v; MOVE k 3",
    "SET k v; COPY k l",
    "MSET k v l w; COPY k l REPLACE",
    "SET k v; SWAPDB 0 3",
    "MSET k v l w; FLUSHALL",
    "MSET k v l w; FLUSHDB",
    "FLUSHALL",
    "RPUSH l 1 2 3",
    "LPUSH l 1",
    "LPUSHX l 1",
    "RPUSH l 1; RPUSHX l 1 2",
    "RPUSH l 1 2 3; LPOP l",
    "RPUSH l 1 2 3; LPOP l 2",
    "RPUSH l 1 2 3; RPOP l 5",
    "RPUSH l 1; LPOP l",
    "RPUSH l 1; LPOP l 0",
    "RPUSH l 1 2 3; LMPOP 1 l LEFT COUNT 2",
    "RPUSH l 1 2 3; BLMPOP 0 1 l LEFT COUNT 2",
    "RPUSH l 1 2 3; BLPOP l 0",
    "RPUSH l 1; BLPOP l 0",
    "RPUSH l 1 2 3; LMOVE l m LEFT RIGHT",
    "RPUSH l 1 2 3; RPOPLPUSH l m",
    "RPUSH l 1 2 3; LMOVE l l LEFT RIGHT",
    "RPUSH l 1; RPOPLPUSH l m",
    "RPUSH l 1 2 3; BLMOVE l m LEFT RIGHT 0",
    "RPUSH l 1 2 3; LSET l 0 x",
    "RPUSH l 1 2 3; LINSERT l BEFORE 2 x",
    "RPUSH l 1 2 3; LINSERT l BEFORE 9 x",
    "RPUSH l 1 2 1 1; LREM l 0 1",
    "RPUSH l 1 1; LREM l 0 1",
    "RPUSH l 1 2 3 4; LTRIM l 1 2",
    "RPUSH l 1 2 3 4; LTRIM l 0 -1",
    "RPUSH l 1 2 3 4; LTRIM l 5 6",
    "SADD s 1 2 3",
    "SADD s 1; SADD s 1 2",
    "SADD s 1; SADD s 1",
    "SADD s 1 2 3; SREM s 1 2 9",
    "SADD s 1; SREM s 1",
    "SADD s 1 2 3; SPOP s",
    "SADD s 1 2 3; SPOP s 2",
    "SADD s 1 2 3; SPOP s 5",
    "SADD s 1; SPOP s",
    "SADD s 1 2 3; SMOVE s t 1",
    "SADD s 1; SMOVE s t 1",
    "SADD s 1; SADD t 1; SMOVE s t 1",
    "SADD s 1; SMOVE s s 1",
    "SADD s 1 2 3; SINTERSTORE d s",
    "SADD s 1 2 3; SUNIONSTORE d s",
    "SADD s 1 2 3; SADD d 3; SDIFFSTORE d s s",
    "SINTERSTORE d s",
    "SADD d 1; SINTERSTORE d s",
    "HSET h a 1 b 2",
    "HSET h a 1; HSET h a 2",
    "HSET h a 1; HSET h a 1",
    "HMSET h a 1 b 2",
    "HSETNX h a 1",
    "HINCRBY h a 1",
    "HINCRBYFLOAT h a 1",
    "HSET h a 1 b 2; HDEL h a b c",
    "HSET h a 1; HDEL h a",
    "ZADD z 1 a 2 b",
    "ZADD z 1 a; ZADD z 1 a",
    "ZADD z 1 a; ZADD z 2 a 3 b",
    "ZADD z 1 a; ZADD z CH 2 a 3 b 1 c",
    "ZADD z INCR 1 a",
    "ZINCRBY z 1 a",
    "ZADD z 1 a 2 b; ZREM z a b c",
    "ZADD z 1 a; ZREM z a",
    "ZADD z 1 a 2 b; ZPOPMIN z",
    "ZADD z 1 a 2 b; ZPOPMIN z 2",
    "ZADD z 1 a 2 b; ZPOPMAX z 5",
    "ZADD z 1 a 2 b; BZPOPMIN z 0",
    "ZADD z 1 a 2 b; ZMPOP 1 z MIN COUNT 2",
    "ZADD z 1 a 2 b; BZMPOP 0 1 z MIN COUNT 2",
    "ZADD z 1 a 2 b 3 c; ZREMRANGEBYSCORE z 1 2",
    "ZADD z 1 a 2 b 3 c; ZREMRANGEBYRANK z 0 1",
    "ZADD z 1 a 1 b 1 c; ZREMRANGEBYLEX z [a [b",
    "ZADD z 1 a 2 b; ZRANGESTORE d z 0 -1",
    "ZADD z 1 a 2 b; ZUNIONSTORE d 1 z",
    "ZADD z 1 a 2 b; ZINTERSTORE d 1 z",
    "ZADD z 1 a 2 b; ZDIFFSTORE d 2 z z",
    "ZADD d 1 a 2 b; ZDIFFSTORE d 2 z z",
    "ZADD d 1 a 2 b; ZRANGESTORE d z 0 -1",
    "GEOADD g 1 1 a 2 2 b",
    "GEOADD g 1 1 a 2 2 b; GEOSEARCHSTORE d g FROMLONLAT 1 1 BYRADIUS 1000 km",
    "GEOADD g 1 1 a 2 2 b; GEORADIUS g 1 1 1000 km STORE d",
    "GEOADD d 1 1 a 2 2 b; GEORADIUS g 1 1 1000 km STORE d",
    "RPUSH l 3 1 2; SORT l STORE d",
    "RPUSH d 3 1 2; SORT l STORE d",
    "PFADD p a b",
    "PFADD p a b; PFADD p a",
    "PFADD p",
    "PFADD p a b; PFMERGE q p",
    "PFMERGE q p",
    "PFADD p a b; PFCOUNT p",
    "XADD s * a 1",
    "XADD s MAXLEN 1 * a 1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XADD s MAXLEN 1 * a 1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XDEL s 1-1 2-1 3-1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XTRIM s MAXLEN 0",
    "XADD s 1-1 a 1; XSETID s 5-1",
    "XGROUP CREATE s g $ MKSTREAM",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0; XGROUP SETID s g 0",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0; XGROUP CREATECONSUMER s g c",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0; XGROUP CREATECONSUMER s g c; XGROUP DELCONSUMER s g c",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0; XGROUP DELCONSUMER s g c",
    "XADD s 1-1 a 1; XGROUP CREATE s g 0; XGROUP DESTROY s g",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XGROUP CREATECONSUMER s g c; XREADGROUP GROUP g c STREAMS s >",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XGROUP CREATECONSUMER s g c; XREADGROUP GROUP g c NOACK STREAMS s >",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XREADGROUP GROUP g c STREAMS s 0",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XACK s g 1-1 2-1 3-1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XCLAIM s g d 0 1-1 2-1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XGROUP CREATECONSUMER s g d; XCLAIM s g d 0 1-1 2-1",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XGROUP CREATECONSUMER s g d; XCLAIM s g d 0 1-1 2-1 JUSTID",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XGROUP CREATECONSUMER s g d; XAUTOCLAIM s g d 0 0",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XAUTOCLAIM s g d 0 0",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XDEL s 1-1; XAUTOCLAIM s g c 0 0",
    "XADD s 1-1 a 1; XADD s 2-1 a 1; XGROUP CREATE s g 0; XREADGROUP GROUP g c STREAMS s >; XDEL s 1-1; XCLAIM s g c 0 1-1 2-1",
    "SET k 1 PX 1; DEBUG SLEEP 0.01; GET k",
    "SET k 1 PX 1; DEBUG SLEEP 0.01; SET k 2",
    "SET k 1 PX 1; DEBUG SLEEP 0.01; DEL k",
    "SET k v; OBJECT ENCODING k",
    "PUBLISH a b",
    "SPUBLISH a b",
]
CHANGES = re.compile(rb"rdb_changes_since_last_save:(-?\d+)")


def changes(client):
    return int(CHANGES.search(client.ask("INFO", "persistence"))[1])


def count(server, steps):
    """Return how many changes the last step counts for."""
    client = server.connect()
    client.ask("FLUSHALL")
    for step in steps[:-1]:
        client.ask(*step)
    before = changes(client)
    client.ask(*steps[-1])
    counted = changes(client) - before
    client.close()
    return counted


@pytest.fixture
def quiet(running):
    """Return both servers, in which nothing changes by itself."""
    servers = [running("joblog"), running("redis")]
    for server in servers:
        server.connect().ask("DEBUG", "SET-ACTIVE-EXPIRE", 0)
    yield servers
    for server in servers:
        server.connect().ask("DEBUG", "SET-ACTIVE-EXPIRE", 1)


def test_commands_count_for_as_many_changes_as_in_redis(quiet):
    counted = {}
    for case in CASES:
        steps = [step.split() for step in case.split("; ")]
        counted[case] = [count(server, steps) for server in quiet]

    assert {case: each for case, each in counted.items() if len(set(each)) > 1} == {}


def test_script_and_transaction_count_for_what_they_do(quiet):
    script = "redis.call('SET', 'k', 1) redis.call('RPUSH', 'l', 1, 2)"
    for server in quiet:
        assert count(server, [["EVAL", script, 0]]) == 3
        steps = [["MULTI"], ["SET", "k", 1], ["RPUSH", "l", 1, 2]]
        client, control = server.connect(), server.connect()
        for step in steps:
            client.ask(*step)
        before = changes(control)
        client.ask("EXEC")
        assert changes(control) - before == 3


@pytest.mark.parametrize("save", ["SAVE", "BGSAVE", "DEBUG RELOAD"])
def test_snapshot_has_all_changes_that_came_before_it(quiet, save):
    for server in quiet:
        client = server.connect()
        client.ask("MSET", "a", 1, "b", 2)
        assert changes(client) >= 2

        client.ask(*save.split())
        while b"rdb_bgsave_in_progress:1" in client.ask("INFO", "persistence"):
            continue

        assert changes(client) == 0
        client.ask("SET", "k", 1)
        assert changes(client) == 1
