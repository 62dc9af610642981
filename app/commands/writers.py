"""Commands as effects: each module of handlers is imported when its command comes by.

A server imports them all (`catalogue`). A fold meets a few commands, and `replay` is
started for one question after the other, so here only the modules of those are read.
"""

from __future__ import annotations

import importlib
from typing import Final

from joblog.app.table.table import Command, find_command, require_effect

HOMES: Final[dict[str, str]] = {
    "bitfields": "BITFIELD",
    "bitmaps": "BITOP SETBIT",
    "databases": "FLUSHALL FLUSHDB SWAPDB",
    "dump": "RESTORE",
    "expiry": "EXPIRE EXPIREAT PERSIST PEXPIRE PEXPIREAT",
    "functions": "FUNCTION",
    "generic": "COPY DEL MOVE RENAME RENAMENX UNLINK",
    "geo": "GEOADD",
    "geo_radius": "GEORADIUS GEORADIUSBYMEMBER",
    "geo_search": "GEOSEARCHSTORE",
    "hash_expiry": "HEXPIRE HEXPIREAT HPERSIST HPEXPIRE HPEXPIREAT",
    "hash_takes": "HGETDEL",
    "hash_values": "HGETEX HSETEX",
    "hashes": "HDEL HINCRBY HINCRBYFLOAT HMSET HSET HSETNX",
    "hyperloglog": "PFADD PFMERGE",
    "list_pops": "LMOVE LMPOP LPOP RPOP RPOPLPUSH",
    "lists": "LINSERT LPUSH LPUSHX LREM LSET LTRIM RPUSH RPUSHX",
    "set_operations": "SDIFFSTORE SINTERSTORE SUNIONSTORE",
    "sets": "SADD SMOVE SPOP SREM",
    "sort": "SORT",
    "sorted_set_operations": "ZDIFFSTORE ZINTERSTORE ZUNIONSTORE",
    "sorted_set_picks": "ZMPOP ZPOPMAX ZPOPMIN",
    "sorted_set_ranges": "ZRANGESTORE",
    "sorted_set_spans": "ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE",
    "sorted_sets": "ZADD ZINCRBY ZREM",
    "stream_claims": "XAUTOCLAIM XCLAIM",
    "stream_groups": "XACK XGROUP",
    "stream_producers": "XCFGSET XIDMPRECORD",
    "stream_reads": "XREADGROUP",
    "stream_removals": "XACKDEL XDELEX",
    "streams": "XADD XDEL XSETID XTRIM",
    "string_conditions": "DELEX DELIFEQ",
    "string_numbers": "DECR DECRBY INCR INCRBY INCRBYFLOAT",
    "string_ranges": "APPEND SETRANGE",
    "strings": "GETDEL GETEX GETSET MSET MSETEX MSETNX PSETEX SET SETEX SETNX",
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
