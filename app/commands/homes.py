"""Which module of handlers registers which commands: written by `make docs`.

A command with subcommands is here where all of them are in one module.
"""

from __future__ import annotations

from typing import Final

HOMES: Final[dict[str, str]] = {
    "clients.connection": "AUTH ECHO HELLO PING QUIT RESET",
    "clients.monitor": "MONITOR",
    "clients.pubsub": """
        PSUBSCRIBE PUBLISH PUBSUB PUNSUBSCRIBE SPUBLISH SSUBSCRIBE SUBSCRIBE
        SUNSUBSCRIBE UNSUBSCRIBE
    """,
    "clients.transactions": "DISCARD EXEC MULTI UNWATCH WATCH",
    "geo.positions": "GEOADD GEODIST GEOHASH GEOPOS",
    "geo.radius": "GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO",
    "geo.search": "GEOSEARCH GEOSEARCHSTORE",
    "hashes.expiry": "HEXPIRE HEXPIREAT HPERSIST HPEXPIRE HPEXPIREAT",
    "hashes.reads": """
        HEXISTS HGET HGETALL HKEYS HLEN HMGET HRANDFIELD HSCAN HSTRLEN HVALS
    """,
    "hashes.takes": "HGETDEL",
    "hashes.ttls": "HEXPIRETIME HPEXPIRETIME HPTTL HTTL",
    "hashes.values": "HGETEX HSETEX",
    "hashes.writes": "HDEL HINCRBY HINCRBYFLOAT HMSET HSET HSETNX",
    "keys.databases": "DBSIZE FLUSHALL FLUSHDB SELECT SWAPDB",
    "keys.dump": "DUMP RESTORE RESTORE-ASKING",
    "keys.expiry": """
        EXPIRE EXPIREAT EXPIRETIME PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PTTL TTL
    """,
    "keys.generic": "COPY DEL EXISTS MOVE RENAME RENAMENX TOUCH TYPE UNLINK",
    "keys.iteration": "KEYS RANDOMKEY SCAN",
    "keys.migrate": "MIGRATE",
    "keys.objects": "OBJECT",
    "keys.sort": "SORT SORT_RO",
    "lists.blocking": "BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH",
    "lists.pops": "LMOVE LMPOP LPOP RPOP RPOPLPUSH",
    "lists.reads": "LINDEX LLEN LPOS LRANGE",
    "lists.writes": "LINSERT LPUSH LPUSHX LREM LSET LTRIM RPUSH RPUSHX",
    "scripts.evaluation": "EVAL EVALSHA EVALSHA_RO EVAL_RO SCRIPT",
    "scripts.functions": "FCALL FCALL_RO FUNCTION",
    "server.cluster": "ASKING CLUSTER READONLY READWRITE",
    "server.config": "CONFIG",
    "server.debug": "DEBUG",
    "server.failover": "FAILOVER",
    "server.info": "INFO",
    "server.introspection": "COMMAND",
    "server.latency": "LATENCY",
    "server.log": """
        LOG.DIGEST LOG.HELP LOG.HISTORY LOG.INFO LOG.READ LOG.SEGMENTS LOG.TAG LOG.TAGS
    """,
    "server.memory": "MEMORY",
    "server.modules": "MODULE",
    "server.replicas": "PSYNC REPLCONF SYNC",
    "server.replication": "REPLICAOF ROLE SLAVEOF WAIT WAITAOF",
    "server.running": "BGREWRITEAOF BGSAVE LASTSAVE LOLWUT SAVE SHUTDOWN TIME",
    "server.sentinel": "SENTINEL",
    "server.slowlog": "SLOWLOG",
    "sets.members": """
        SADD SCARD SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP SRANDMEMBER SREM SSCAN
    """,
    "sets.operations": """
        SDIFF SDIFFSTORE SINTER SINTERCARD SINTERSTORE SUNION SUNIONSTORE
    """,
    "sorted_sets.blocking": "BZMPOP BZPOPMAX BZPOPMIN",
    "sorted_sets.members": "ZADD ZCARD ZINCRBY ZMSCORE ZRANK ZREM ZREVRANK ZSCORE",
    "sorted_sets.operations": """
        ZDIFF ZDIFFSTORE ZINTER ZINTERCARD ZINTERSTORE ZUNION ZUNIONSTORE
    """,
    "sorted_sets.picks": "ZMPOP ZPOPMAX ZPOPMIN ZRANDMEMBER ZSCAN",
    "sorted_sets.ranges": """
        ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZREVRANGE ZREVRANGEBYLEX
        ZREVRANGEBYSCORE
    """,
    "sorted_sets.spans": """
        ZCOUNT ZLEXCOUNT ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE
    """,
    "streams.claims": "XAUTOCLAIM XCLAIM",
    "streams.entries": "XADD XDEL XLEN XSETID XTRIM",
    "streams.groups": "XACK XGROUP XPENDING",
    "streams.info": "XINFO",
    "streams.producers": "XCFGSET XIDMPRECORD",
    "streams.reads": "XRANGE XREAD XREADGROUP XREVRANGE",
    "streams.removals": "XACKDEL XDELEX",
    "strings.bitfields": "BITFIELD BITFIELD_RO",
    "strings.bitmaps": "BITCOUNT BITOP BITPOS GETBIT SETBIT",
    "strings.conditions": "DELEX DELIFEQ DIGEST",
    "strings.hyperloglog": "PFADD PFCOUNT PFDEBUG PFMERGE PFSELFTEST",
    "strings.numbers": "DECR DECRBY INCR INCRBY INCRBYFLOAT",
    "strings.ranges": "APPEND GETRANGE LCS SETRANGE STRLEN SUBSTR",
    "strings.values": """
        GET GETDEL GETEX GETSET MGET MSET MSETEX MSETNX PSETEX SET SETEX SETNX
    """,
}
