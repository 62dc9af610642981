"""Commands as effects: each module of handlers is imported when its command comes by.

A server imports them all (`catalogue`). A fold meets a few commands, and `replay` is
started for one question after the other, so here only the modules of those are read.
"""

from __future__ import annotations

import importlib
from typing import Final

from joblog.app.table.table import Command, find_command, require_effect

HOMES: Final[dict[str, str]] = {
    "strings.bitfields": "BITFIELD",
    "strings.bitmaps": "BITOP SETBIT",
    "keys.databases": "FLUSHALL FLUSHDB SWAPDB",
    "keys.dump": "RESTORE",
    "keys.expiry": "EXPIRE EXPIREAT PERSIST PEXPIRE PEXPIREAT",
    "scripts.functions": "FUNCTION",
    "keys.generic": "COPY DEL MOVE RENAME RENAMENX UNLINK",
    "geo.positions": "GEOADD",
    "geo.radius": "GEORADIUS GEORADIUSBYMEMBER",
    "geo.search": "GEOSEARCHSTORE",
    "hashes.expiry": "HEXPIRE HEXPIREAT HPERSIST HPEXPIRE HPEXPIREAT",
    "hashes.takes": "HGETDEL",
    "hashes.values": "HGETEX HSETEX",
    "hashes.writes": "HDEL HINCRBY HINCRBYFLOAT HMSET HSET HSETNX",
    "strings.hyperloglog": "PFADD PFMERGE",
    "lists.pops": "LMOVE LMPOP LPOP RPOP RPOPLPUSH",
    "lists.writes": "LINSERT LPUSH LPUSHX LREM LSET LTRIM RPUSH RPUSHX",
    "sets.operations": "SDIFFSTORE SINTERSTORE SUNIONSTORE",
    "sets.members": "SADD SMOVE SPOP SREM",
    "keys.sort": "SORT",
    "sorted_sets.operations": "ZDIFFSTORE ZINTERSTORE ZUNIONSTORE",
    "sorted_sets.picks": "ZMPOP ZPOPMAX ZPOPMIN",
    "sorted_sets.ranges": "ZRANGESTORE",
    "sorted_sets.spans": "ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE",
    "sorted_sets.members": "ZADD ZINCRBY ZREM",
    "streams.claims": "XAUTOCLAIM XCLAIM",
    "streams.groups": "XACK XGROUP",
    "streams.producers": "XCFGSET XIDMPRECORD",
    "streams.reads": "XREADGROUP",
    "streams.removals": "XACKDEL XDELEX",
    "streams.entries": "XADD XDEL XSETID XTRIM",
    "strings.conditions": "DELEX DELIFEQ",
    "strings.numbers": "DECR DECRBY INCR INCRBY INCRBYFLOAT",
    "strings.ranges": "APPEND SETRANGE",
    "strings.values": "GETDEL GETEX GETSET MSET MSETEX MSETNX PSETEX SET SETEX SETNX",
}
"""Which commands a module of handlers has, of those that write."""

_MODULES: Final[dict[bytes, str]] = {
    name.encode(): module for module, names in HOMES.items() for name in names.split()
}


def find_writer(argv: list[bytes]) -> Command | None:
    """Return the command that an effect calls, or the subcommand, or None."""
    found = find_command(argv)
    if found is None:
        _import_home(argv[0].upper())
        found = find_command(argv)
    return found


def require_writer(argv: list[bytes]) -> Command:
    """Return the command that an effect calls, with the right number of words.

    Raises:
        CommandError: no such command or subcommand, or a wrong number of arguments.
    """
    find_writer(argv)
    return require_effect(argv)


def _import_home(name: bytes) -> None:
    """Register a command; all of them where it is none of those above."""
    importlib.import_module(f"joblog.app.commands.{_MODULES.get(name, 'catalogue')}")
