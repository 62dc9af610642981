"""keyspace_hits and keyspace_misses, against Valkey: what each command counts."""

import re

SETUP = """
    SET s 12 | SET t 34 | RPUSH l a b c | SADD set a b | SADD set2 b c
    HSET h f 1 g 2 | ZADD z 1 a 2 b | ZADD z2 1 a | XADD x 1-1 f v | XADD x 1-2 f v
    XGROUP CREATE x g 0 | PFADD p a | PFADD q b | SETBIT b 1 1 | GEOADD geo 1 1 a 2 2 b
"""

COMMANDS = """
    GET s | GET none | MGET s none t | STRLEN s | STRLEN none | GETRANGE s 0 1
    EXISTS s none t | TYPE s | TYPE none | TTL s | PTTL none | EXPIRETIME s
    OBJECT ENCODING s | OBJECT ENCODING none | DUMP s | DUMP none | TOUCH s none
    SET s 5 | SET s 5 GET | SETNX s 5 | GETSET s 6 | GETSET new 6 | GETDEL new
    GETDEL none | GETEX s | GETEX none | APPEND s x | INCR n | SETRANGE s 0 a
    MSET a 1 b2 2 | MSETNX a 1 c 2 | DEL a | DEL none | RENAME t t2 | COPY t2 t
    COPY none t | EXPIRE t 100 | PERSIST t | LCS s t | SUBSTR s 0 1
    HGET h f | HGET h none | HGET none f | HMGET h f none | HGETALL h | HKEYS none
    HVALS h | HLEN h | HLEN none | HEXISTS h f | HSTRLEN h f | HRANDFIELD h
    HRANDFIELD h 1 | HSCAN h 0 | HSCAN none 0 | HSET h f 1 | HSETNX h f 1 | HDEL h none
    HINCRBY h n 1 | HTTL h FIELDS 1 f | HTTL none FIELDS 1 f | HGETEX h FIELDS 1 f
    HEXPIRE h 100 FIELDS 1 f | HPERSIST h FIELDS 1 f | HGETDEL h FIELDS 1 none
    LLEN l | LLEN none | LRANGE l 0 1 | LRANGE none 0 1 | LINDEX l 0 | LPOS l a
    LPUSH l x | RPUSHX none a | LPOP l | LPOP none | LMOVE l l LEFT LEFT | LSET l 0 x
    LREM l 0 none | LTRIM l 0 9 | LINSERT l BEFORE none x | LMPOP 2 none l LEFT
    BLPOP none l 0.01 | BLPOP none 0.01
    SCARD set | SISMEMBER set a | SISMEMBER none a | SMISMEMBER set a b | SMEMBERS set
    SRANDMEMBER set | SRANDMEMBER none | SRANDMEMBER set 1 | SINTER set set2
    SINTER set none | SUNION set none | SDIFF set set2 none | SINTERCARD 2 set set2
    SINTERSTORE d set set2 | SUNIONSTORE d set none | SDIFFSTORE d set set2
    SSCAN set 0
    SADD set z | SREM set z | SMOVE set set2 a | SPOP none
    ZCARD z | ZSCORE z a | ZSCORE none a | ZMSCORE z a x | ZRANK z a | ZREVRANK none a
    ZRANGE z 0 -1 | ZRANGE none 0 -1 | ZREVRANGE z 0 -1 | ZRANGEBYSCORE z 0 9
    ZRANGEBYLEX z - + | ZCOUNT z 0 9 | ZLEXCOUNT z - + | ZRANDMEMBER z | ZSCAN z 0
    ZRANDMEMBER z 1 | ZUNION 2 z none | ZINTER 2 z z2 | ZDIFF 2 z z2
    ZINTERCARD 2 z z2 | ZADD z 1 a | ZINCRBY z 1 a
    ZREM z none | ZRANGESTORE d z 0 -1 | ZRANGESTORE d none 0 -1 | ZPOPMIN none
    ZREMRANGEBYRANK z 5 6 | ZMPOP 1 none MIN
    GETBIT b 1 | GETBIT none 1 | BITCOUNT b | BITCOUNT none | BITPOS b 1
    BITOP AND d b s
    BITFIELD_RO b GET u8 0 | SETBIT b 1 1
    PFCOUNT p | PFCOUNT p q none | PFADD p a
    GEOPOS geo a | GEODIST geo a b | GEOHASH geo a | GEOPOS none a
    GEOSEARCH geo FROMLONLAT 1 1 BYRADIUS 500 km ASC
    GEORADIUS_RO geo 1 1 500 km ASC
    XLEN x | XLEN none | XRANGE x - + | XREVRANGE none + - | XREAD STREAMS x none 0 0
    XINFO STREAM x | XINFO GROUPS x | XPENDING x g | XADD x 1-3 f v | XDEL x 9-9
    XREADGROUP GROUP g c STREAMS x > | XREADGROUP GROUP g c STREAMS x none > >
    XACK x g 1-1 | XACK none g 1-1 | XCLAIM x g c 0 1-2 | XAUTOCLAIM x g c 0 0
    XINFO CONSUMERS x g | XGROUP CREATE x g2 0 | XGROUP SETID x g 0 | XSETID x 9-9
    GEOSEARCHSTORE d geo FROMLONLAT 1 1 BYRADIUS 500 km
    GEORADIUS geo 1 1 500 km STORE d | SORT l ALPHA STORE d | PFMERGE d p none
    ZUNIONSTORE d 2 z none | ZINTERSTORE d 2 z z2 | ZDIFFSTORE d 2 z z2
    SET none2 5 NX | SET none3 5 XX | SET none4 5 NX GET | SET s 5 XX GET
    XTRIM x MAXLEN 9 | SORT l ALPHA | SORT none | SORT_RO l ALPHA
    EVAL 'return(1)' 0 | RANDOMKEY | DBSIZE | KEYS * | SCAN 0 | PING | UNLINK none
    RESTORE none 0 bad | MOVE none 1 | EXPIRE none 1 | PERSIST none | OBJECT FREQ none
"""


def split(text):
    lines = [line.split("|") for line in text.strip().splitlines()]
    return [step.strip() for line in lines for step in line]


def counts(connection):
    text = connection.ask("INFO", "stats").decode()
    return [
        int(re.search(rf"{name}:(\d+)", text)[1])
        for name in ("keyspace_hits", "keyspace_misses")
    ]


def counted(server):
    """Return for each command by how much it raised both counters."""
    connection = server.connect()
    connection.ask("FLUSHALL")
    for line in split(SETUP):
        connection.ask(*line.split())
    connection.ask("CONFIG", "RESETSTAT")
    found, before = {}, counts(connection)
    assert before == [0, 0]
    for line in split(COMMANDS):
        connection.ask(*line.split())
        after = counts(connection)
        found[line] = [new - old for new, old in zip(after, before, strict=True)]
        before = after
    connection.close()
    return found


def test_each_command_counts_hits_and_misses_as_valkey_does(running):
    ours, theirs = counted(running("joblog")), counted(running("valkey"))

    differing = {
        line: (ours[line], theirs[line]) for line in ours if ours[line] != theirs[line]
    }

    lines = [f"{line}: {a}, Valkey {b}" for line, (a, b) in differing.items()]
    assert not differing, "\n".join(lines)
