"""Random commands that write, of every type, as any client may send them."""

from __future__ import annotations

import random

_KEYS = 5


class Chance:
    """Makes commands, of a seed; a server refuses those that it lacks."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def below(self, size):
        return self.random.randrange(size)

    def key(self, kinds):
        return f"{self.random.choice(kinds)}{self.below(_KEYS)}"

    def command(self):
        """Return a command of a kind that is as likely as each other."""
        kinds = (_strings, _lists, _sets, _hashes, _sorted_sets, _streams, _others)
        return self.random.choice(self.random.choice(kinds)(self))


def _strings(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    return [
        ("SET", key("s"), word),
        ("SET", key("s"), word, "PX", pick(3000) + 1),
        ("SET", key("s"), word, "KEEPTTL", "GET"),
        ("SET", key("s"), word, "IFEQ", word),
        ("SETEX", key("s"), pick(3) + 1, word),
        ("GETEX", key("s"), "EX", pick(3) + 1),
        ("GETDEL", key("s")),
        ("GETSET", key("s"), word),
        ("MSET", key("s"), word, key("s"), word),
        ("MSETEX", 1, key("s"), word, "EX", 1),
        ("APPEND", key("s"), word),
        ("SETRANGE", key("s"), pick(20), word),
        ("INCR", key("n")),
        ("INCRBYFLOAT", key("n"), "0.5"),
        ("SETBIT", key("b"), pick(99), pick(2)),
        ("BITFIELD", key("b"), "INCRBY", "u5", pick(90), 3),
        ("BITOP", "XOR", key("b"), key("b"), key("b")),
        ("PFADD", key("p"), word),
        ("PFCOUNT", key("p")),
        ("PFMERGE", key("p"), key("p"), key("p")),
        ("DELIFEQ", key("s"), word),
        ("DELEX", key("s"), "IFEQ", word),
    ]


def _lists(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    return [
        ("RPUSH", key("l"), word, word),
        ("LPUSH", key("l"), word, pick(9)),
        ("LPOP", key("l")),
        ("LMOVE", key("l"), key("l"), "LEFT", "RIGHT"),
        ("RPOPLPUSH", key("l"), key("l")),
        ("BLPOP", key("l"), "0.01"),
        ("BLMOVE", key("l"), key("l"), "LEFT", "LEFT", "0.01"),
        ("LMPOP", 2, key("l"), key("l"), "LEFT", "COUNT", 2),
        ("LINSERT", key("l"), "BEFORE", pick(9), "x"),
        ("LTRIM", key("l"), 0, pick(20)),
        ("LREM", key("l"), 1, pick(9)),
        ("LSET", key("l"), 0, word),
        ("SORT", key("l"), "ALPHA", "STORE", key("l")),
        ("SORT", key("t"), "ALPHA", "BY", "nosort", "STORE", key("l")),
    ]


def _sets(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    return [
        ("SADD", key("t"), word, pick(50)),
        ("SREM", key("t"), pick(50)),
        ("SPOP", key("t")),
        ("SPOP", key("t"), 3),
        ("SMOVE", key("t"), key("t"), pick(50)),
        ("SUNIONSTORE", key("t"), key("t"), key("t")),
        ("SDIFFSTORE", key("t"), key("t"), key("t")),
    ]


def _hashes(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    field, fields = f"f{pick(20)}", ("FIELDS", 1, f"f{pick(20)}")
    return [
        ("HSET", key("h"), field, word, f"f{pick(20)}", word),
        ("HDEL", key("h"), field),
        ("HINCRBY", key("h"), "n", 2),
        ("HINCRBYFLOAT", key("h"), "fl", "1.5"),
        ("HPEXPIRE", key("h"), pick(3000) + 1, *fields),
        ("HEXPIRE", key("h"), pick(3), *fields),
        ("HPERSIST", key("h"), *fields),
        ("HSETEX", key("h"), "PX", pick(900) + 1, *fields, word),
        ("HSETEX", key("h"), "FNX", "EX", 10, *fields, word),
        ("HGETEX", key("h"), "PX", pick(900) + 1, *fields),
        ("HGETEX", key("h"), "PERSIST", *fields),
        ("HGETDEL", key("h"), "FIELDS", 2, field, f"f{pick(20)}"),
    ]


def _sorted_sets(chance):
    key, pick = chance.key, chance.below
    member = f"m{pick(30)}"
    return [
        ("ZADD", key("z"), pick(100), member, pick(100), f"m{pick(30)}"),
        ("ZADD", key("z"), "GT", "CH", pick(100), member),
        ("ZINCRBY", key("z"), "0.5", member),
        ("ZPOPMIN", key("z")),
        ("BZPOPMAX", key("z"), "0.01"),
        ("ZMPOP", 2, key("z"), key("z"), "MIN", "COUNT", 2),
        ("ZREM", key("z"), member),
        ("ZREMRANGEBYRANK", key("z"), 0, 0),
        ("ZRANGESTORE", key("z"), key("z"), 0, 5),
        ("ZUNIONSTORE", key("z"), 2, key("z"), key("z"), "AGGREGATE", "MAX"),
        ("GEOADD", key("z"), pick(90), pick(80), member),
    ]


def _streams(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    of, group = f"c{pick(4)}", ("XREADGROUP", "GROUP", "g")
    entry, ends = f"{pick(9)}-1", ("STREAMS", key("x"), ">")
    return [
        ("XADD", key("x"), "MAXLEN", "~", 50, "*", "f", word),
        ("XADD", key("x"), "NOMKSTREAM", "MINID", pick(9), "*", "f", word),
        ("XADD", key("x"), entry, "f", word),
        ("XTRIM", key("x"), "MAXLEN", pick(30)),
        ("XDEL", key("x"), entry),
        ("XSETID", key("x"), f"{pick(9)}999999999999-1"),
        ("XGROUP", "CREATE", key("x"), "g", "0", "MKSTREAM"),
        ("XGROUP", "CREATECONSUMER", key("x"), "g", of),
        ("XGROUP", "DELCONSUMER", key("x"), "g", of),
        ("XGROUP", "SETID", key("x"), "g", "$"),
        ("XGROUP", "DESTROY", key("x"), "g"),
        (*group, of, *ends),
        (*group, of, "COUNT", 2, "NOACK", *ends),
        (*group, of, "BLOCK", 10, *ends),
        ("XAUTOCLAIM", key("x"), "g", of, 0, "0"),
        ("XCLAIM", key("x"), "g", of, 0, entry),
        ("XACK", key("x"), "g", entry),
        ("XDELEX", key("x"), "ACKED", "IDS", 1, entry),
        ("XACKDEL", key("x"), "g", "DELREF", "IDS", 1, entry),
    ]


def _others(chance):
    key, pick, word = chance.key, chance.below, str(chance.below(1000))
    rarely = pick(30) == 0
    return [
        ("EXPIRE", key("slhz"), pick(3)),
        ("EXPIRE", key("slhz"), 5, "NX"),
        ("PEXPIREAT", key("slhz"), 1),
        ("PERSIST", key("slhz")),
        ("DEL", key("slthzxp")),
        ("UNLINK", key("slthzxp"), key("slthzxp")),
        ("RENAME", key("s"), key("s")),
        ("RENAMENX", key("l"), key("l")),
        ("MOVE", key("slthzxp"), pick(3)),
        ("COPY", key("slthzxp"), key("l"), "REPLACE"),
        ("COPY", key("slthzxp"), key("slthzxp"), "DB", pick(3)),
        ("SELECT", pick(3)),
        ("SWAPDB", 0, 1),
        ("PUBLISH", "channel", word),
        ("SPUBLISH", "channel", word),
        ("EVAL", _SCRIPT, 2, key("s"), key("l"), word),
        ("SCRIPT", "FLUSH"),
        ("FUNCTION", "LOAD", "REPLACE", _LIBRARY % word),
        ("FCALL", "set_it", 1, key("s")),
        ("FUNCTION", "FLUSH") if rarely else ("PING",),
        ("FLUSHDB",) if rarely else ("PING",),
        ("FLUSHALL",) if rarely else ("PING",),
    ]


_SCRIPT = (
    "redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) "
    "return redis.call('SPOP', 't1')"
)
_LIBRARY = (
    "#!lua name=mine\n"
    "redis.register_function('set_it', function(keys)\n"
    "  return redis.call('SET', keys[1], '%s')\n"
    "end)"
)
