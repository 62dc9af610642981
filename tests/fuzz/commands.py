"""Commands with arguments at random: each of the table but those that nobody survives.

Arguments come from small pools, so that keys are met again, with types that fit or not.
What would stop the server, delete all data, reach other machines or hold all clients up
is barred; where a large number asks for much memory by right, numbers are small.
"""

from __future__ import annotations

from random import Random

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.table.table import COMMANDS

Argv = list[bytes]

BARRED = {
    *("SHUTDOWN", "DEBUG", "FLUSHALL", "FLUSHDB", "SWAPDB", "MIGRATE", "FAILOVER"),
    *("REPLICAOF", "SLAVEOF", "SYNC", "PSYNC", "SAVE", "BGSAVE", "BGREWRITEAOF"),
    *("PFSELFTEST", "AUTH"),
    *("CONFIG SET", "CONFIG REWRITE", "CLIENT PAUSE", "CLIENT KILL", "CLIENT AT"),
    *("CLIENT REPLY", "CLIENT UNBLOCK", "MEMORY PURGE", "MODULE LOAD", "MODULE LOADEX"),
}
HUNGRY = {
    *("SETRANGE", "SETBIT", "BITFIELD", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"),
    *("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"),
}
"""They ask for as much as their numbers say, in Redis as well."""

SMALL = (b"0", b"1", b"-1", b"2", b"3", b"7", b"10", b"0.01", b"100")
LARGE = (
    *(b"255", b"65536", b"-2147483648", b"4294967296", b"9223372036854775807"),
    *(b"-9223372036854775808", b"9223372036854775808", b"1e300", b"nan", b"inf"),
    *(b"3.0e-5", b"0x10", b"1 ", b" 1", b"+1", b"01", b"-0", b"1" * 40),
)
WORDS = (
    *(b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR", b"EX", b"PX", b"PXAT", b"KEEPTTL"),
    *(b"GET", b"COUNT", b"LIMIT", b"MATCH", b"TYPE", b"WITHSCORES", b"WITHVALUES"),
    *(b"BY", b"STORE", b"ASC", b"DESC", b"ALPHA", b"LEFT", b"RIGHT", b"MIN", b"MAX"),
    *(b"IFEQ", b"IFDNE", b"IDS", b"IDMP", b"IDMPAUTO", b"CLAIM", b"ACKED", b"DELREF"),
    *(b"FIELDS", b"STREAMS", b"GROUP", b"BLOCK", b"CREATE", b"MKSTREAM", b"NOACK"),
    *(b"MAXLEN", b"MINID", b"~", b"=", b">", b"$", b"*", b"-", b"+", b"-inf", b"+inf"),
    *(b"(1", b"[a", b"(a", b"BYSCORE", b"BYLEX", b"REV", b"AGGREGATE", b"WEIGHTS"),
    *(b"ANY", b"km", b"FROMLONLAT", b"BYRADIUS", b"WITHCOORD", b"REPLACE", b"DB"),
    *(b"u8", b"i16", b"OVERFLOW", b"SAT", b"BIT", b"AND", b"NOT", b"RANK", b"BEFORE"),
    *(b"LEN", b"IDX", b"FULL", b"JUSTID", b"1-1", b"0-0", b"TIMEOUT", b"ERROR"),
    *(b"ON", b"OFF", b"BCAST", b"OPTIN", b"PREFIX", b"YES", b"NO", b"ASYNC", b"SYNC"),
)
SCRIPTS = (
    b"return redis.call('GET', KEYS[1])",
    b"return {1, 'a', {ARGV[1]}}",
    b"return redis.pcall('LPUSH', KEYS[1], ARGV[1])",
    b"redis.call('INCR', KEYS[1]) error('no')",
    b"return (",
    b"#!lua name=fuzz\nredis.register_function('f', function(keys) return #keys end)",
)
GROUPS = ("string", "list", "hash", "set", "sorted-set", "stream", "bitmap", "geo")
FILLING = (
    "SET string:{0} {1}",
    "RPUSH list:{0} a {1} c",
    "HSET hash:{0} a 1 f{1} v",
    "SADD set:{0} a b {1}",
    "ZADD sorted-set:{0} 1 a 2 b {1} c",
    "XADD stream:{0} * f {1}",
    "XGROUP CREATE stream:{0} g{1} 0 MKSTREAM",
    "GEOADD geo:{0} 13.3 38.1 a 15 37 b",
    "SETBIT bitmap:{0} {1} 1",
    "EXPIRE list:{0} 1",
    "PEXPIRE hash:{0} {1}",
)
"""Commands that leave something for the others to find."""


def _names() -> list[Argv]:
    names = []
    for word, command in COMMANDS.items():
        whole = [[word, sub] for sub in command.subcommands] or [[word]]
        names += [argv for argv in whole if not _is_barred(argv)]
    return names


def _is_barred(argv: Argv) -> bool:
    return argv[0].decode() in BARRED or b" ".join(argv).decode() in BARRED


NAMES = _names()
TAME_NAMES = [name for name in NAMES if name[0].decode() not in HUNGRY]


def any_command(random: Random, *, is_tame: bool = False) -> Argv:
    """Return a command with arguments that may fit.

    Args:
        random: where chance comes from.
        is_tame: it stays cheap also where its numbers are changed.
    """
    if random.random() < 0.25:
        line = random.choice(FILLING).format(random.randrange(3), random.randrange(20))
        return line.encode().split()
    argv = list(random.choice(TAME_NAMES if is_tame else NAMES))
    command = COMMANDS[argv[0]]
    least = abs(command.arity) - len(argv)
    more = random.choice((0, 0, 1, 2, 4, 8)) if command.arity < 0 else 0
    if random.random() < 0.05:
        more -= 1
    numbers = SMALL if argv[0].decode() in HUNGRY else SMALL + LARGE
    places = range(max(least + more, 0))
    return argv + [_argument(random, at, command.group, numbers) for at in places]


def _argument(
    random: Random, place: int, group: str, numbers: tuple[bytes, ...]
) -> bytes:
    chance = random.random()
    if chance < (0.7 if place == 0 else 0.25):
        kind = group if group in GROUPS and random.random() < 0.8 else None
        kind = kind or random.choice(GROUPS)
        return b"%b:%d" % (kind.encode(), random.randrange(3))
    if chance < 0.8:
        return random.choice(numbers if random.random() < 0.6 else WORDS)
    if chance < 0.85:
        return random.choice(SCRIPTS)
    if chance < 0.97:
        return random.choice((b"a", b"b", b"", b"f", b"\0", b"*", b"g1", b"\xff\xfe"))
    return random.randbytes(random.choice((3, 60, 3000)))
