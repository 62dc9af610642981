"""Hash commands that only look.

Source: Redis 7.2; see tests/parity/test_hashes.py.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.keys.scan_options import scan_cursor, scan_options, scan_reply
from joblog.app.errors import CommandError
from joblog.app.keyspace.scan import scan_table
from joblog.app.reply import BulkList, Pairs
from joblog.app.table.arguments import check_paired, repeated, symmetric_integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM, UNORDERED
from joblog.app.types.hashes import HASHTABLE, Hash

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_PEEK: Final = KeySpec("RO")


@command(
    "HGET",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="hash",
    since="2.0.0",
    summary="Return the value of a field.",
    complexity="O(1)",
)
def hget(ctx: Context, key: bytes, field: bytes) -> bytes | None:
    """Return the value, or None where hash or field is missing."""
    table = ctx.db.get(key, Hash)
    return None if table is None else table.get(field)


@command(
    "HMGET",
    arity=-3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_READ,
    group="hash",
    since="2.0.0",
    summary="Return the values of several fields.",
    complexity="O(N) for N fields",
)
def hmget(ctx: Context, key: bytes, field: bytes, *fields: bytes) -> list[bytes | None]:
    """Return a value for each field, None for those that are missing."""
    table = ctx.db.get(key, Hash)
    if table is None:
        return [None] * (1 + len(fields))
    get = table.get
    values = [get(field)]
    for other in fields:
        values.append(get(other))  # noqa: PERF401 - compiled, it is the quicker way
    return values


@command(
    "HGETALL",
    arity=2,
    flags=Flag.READONLY,
    keys=_READ,
    group="hash",
    since="2.0.0",
    summary="Return all fields and their values.",
    complexity="O(N) for N fields",
    tips=(UNORDERED,),
)
def hgetall(ctx: Context, key: bytes) -> dict[bytes, bytes]:
    """Return a map; empty where there is no hash."""
    table = ctx.db.get(key, Hash)
    return {} if table is None else dict(table)


@command(
    "HKEYS",
    arity=2,
    flags=Flag.READONLY,
    keys=_READ,
    group="hash",
    since="2.0.0",
    summary="Return all fields.",
    complexity="O(N) for N fields",
    tips=(UNORDERED,),
)
def hkeys(ctx: Context, key: bytes) -> BulkList:
    """Return the fields; empty where there is no hash."""
    return BulkList(ctx.db.get(key, Hash) or ())


@command(
    "HVALS",
    arity=2,
    flags=Flag.READONLY,
    keys=_READ,
    group="hash",
    since="2.0.0",
    summary="Return all values.",
    complexity="O(N) for N fields",
    tips=(UNORDERED,),
)
def hvals(ctx: Context, key: bytes) -> BulkList:
    """Return the values; empty where there is no hash."""
    table = ctx.db.get(key, Hash)
    return BulkList() if table is None else BulkList(table.values())


@command(
    "HLEN",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="hash",
    since="2.0.0",
    summary="Return the number of fields.",
    complexity="O(1)",
)
def hlen(ctx: Context, key: bytes) -> int:
    """Return the number of fields; 0 where there is no hash."""
    table = ctx.db.get(key, Hash)
    return 0 if table is None else len(table)


@command(
    "HEXISTS",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="hash",
    since="2.0.0",
    summary="Tell whether a field is there.",
    complexity="O(1)",
)
def hexists(ctx: Context, key: bytes, field: bytes) -> int:
    """Return 1 where it is, else 0."""
    table = ctx.db.get(key, Hash)
    return 1 if table is not None and field in table else 0


@command(
    "HSTRLEN",
    arity=3,
    flags=Flag.READONLY | Flag.FAST,
    keys=_PEEK,
    group="hash",
    since="3.2.0",
    summary="Return the length of the value of a field.",
    complexity="O(1)",
)
def hstrlen(ctx: Context, key: bytes, field: bytes) -> int:
    """Return the length in bytes; 0 where hash or field is missing."""
    table = ctx.db.get(key, Hash)
    return 0 if table is None else len(table.get(field, b""))


@command(
    "HRANDFIELD",
    arity=-2,
    flags=Flag.READONLY,
    keys=_READ,
    group="hash",
    since="6.2.0",
    summary="Return random fields, with their values if asked for.",
    complexity="O(N) for N fields returned",
    convert={"count": symmetric_integer},
    tips=(RANDOM,),
)
def hrandfield(
    ctx: Context, key: bytes, count: int | None = None, *options: bytes
) -> bytes | BulkList | Pairs | None:
    """Return a field; or with a count several, none twice unless it is negative."""
    if count is None:
        table = ctx.db.get(key, Hash)
        return None if table is None else table.pick(ctx.random)
    if options:
        if len(options) > 1 or options[0].upper() != b"WITHVALUES":
            raise CommandError(errors.SYNTAX)
        check_paired(count)
    table = ctx.db.get(key, Hash)
    if table is None or not count:
        fields: list[bytes] = []
    elif count > 0:
        fields = table.pick_distinct(count, ctx.random)
    else:
        fields = table.pick_any(repeated(count), ctx.random)
    if options:
        return Pairs([(field, table[field]) for field in fields] if table else ())
    return BulkList(fields)


@command(
    "HSCAN",
    arity=-3,
    flags=Flag.READONLY,
    keys=_READ,
    group="hash",
    since="2.8.0",
    summary="Go through the fields of a hash in steps.",
    complexity="O(1) for a step, O(N) for a whole scan of N fields",
    convert={"cursor": scan_cursor},
    tips=(RANDOM,),
)
def hscan(ctx: Context, key: bytes, cursor: int, *options: bytes) -> list[object]:
    """Return the next cursor, and fields and values in turn, or NOVALUES."""
    table = ctx.db.get(key, Hash)
    if table is None:
        return scan_reply(0, [])
    matches, limit, _, is_without_values = scan_options(options, has_values=True)
    config = ctx.server.config
    encoding = table.encoding(
        listpack_entries=config.hash_max_listpack_entries,
        listpack_value=config.hash_max_listpack_value,
    )
    if encoding != HASHTABLE:
        found, cursor = list(table.items()), 0
    else:
        cursor, fields = scan_table(table, table, cursor, limit)
        found = [(field, table[field]) for field in fields]
    if matches is not None:
        found = [pair for pair in found if matches(pair[0])]
    if is_without_values:
        return scan_reply(cursor, [field for field, _ in found])
    return scan_reply(cursor, list(chain.from_iterable(found)))
