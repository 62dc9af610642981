"""Commands on whole databases: choose, count, empty, swap.

Source: Redis 7.2; see tests/parity/test_generic.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.state.operator_lines import note_change
from joblog.app.table.arguments import int32, require_database
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, SHARDS, SUM
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_FLUSH_WORDS = frozenset(((), (b"SYNC",), (b"ASYNC",)))


@command(
    "SELECT",
    arity=2,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="connection",
    since="1.0.0",
    summary="Choose the database that the client's commands work on.",
    complexity="O(1)",
    convert={"index": int32},
)
def select(ctx: Context, index: int) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: there is no such database.
    """
    # A fold has no client whose choice counts: it goes by the context alone.
    ctx.db = ctx.session.db = require_database(ctx.keyspace, index)
    return OK


@command(
    "DBSIZE",
    arity=1,
    flags=Flag.READONLY | Flag.FAST,
    group="server",
    since="1.0.0",
    summary="Count the keys of the database.",
    complexity="O(1)",
    acl=("keyspace",),
    tips=(SHARDS, SUM),
)
def dbsize(ctx: Context) -> int:
    """Return the number of keys, those that have expired unseen included."""
    return len(ctx.db)


@command(
    "FLUSHDB",
    arity=-1,
    flags=Flag.WRITE,
    group="server",
    since="1.0.0",
    summary="Remove all keys of the database.",
    complexity="O(N) for N keys",
    acl=("keyspace", "dangerous"),
    tips=(SHARDS, ALL),
)
def flushdb(ctx: Context, *how: bytes) -> SimpleString:
    """Return OK; SYNC and ASYNC are the same here."""
    _check_flush(how)
    keys = len(ctx.db)
    ctx.keyspace.clear(ctx.db)
    note_change(
        ctx, f"FLUSHDB of database {ctx.db.index} removed {keys} keys", is_data=True
    )
    return OK


@command(
    "FLUSHALL",
    arity=-1,
    flags=Flag.WRITE,
    group="server",
    since="1.0.0",
    summary="Remove all keys of all databases.",
    complexity="O(N) for N keys",
    acl=("keyspace", "dangerous"),
    tips=(SHARDS, ALL),
)
def flushall(ctx: Context, *how: bytes) -> SimpleString:
    """Return OK; SYNC and ASYNC are the same here."""
    _check_flush(how)
    keys = sum(map(len, ctx.keyspace.databases))
    for database in ctx.keyspace.databases:
        ctx.keyspace.clear(database)
    note_change(ctx, f"FLUSHALL removed {keys} keys", is_data=True)
    return OK


@command(
    "SWAPDB",
    arity=3,
    flags=Flag.WRITE | Flag.FAST,
    group="server",
    since="4.0.0",
    summary="Swap all keys of two databases.",
    complexity="O(1), and the number of watched keys",
    acl=("keyspace", "dangerous"),
)
def swapdb(ctx: Context, first: bytes, second: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: one of them is no number, or there is no such database.
    """
    one = _database_number(first, errors.INVALID_FIRST_DATABASE)
    other = _database_number(second, errors.INVALID_SECOND_DATABASE)
    ctx.keyspace.exchange(
        require_database(ctx.keyspace, one), require_database(ctx.keyspace, other)
    )
    note_change(ctx, f"SWAPDB {one} {other}", is_data=True)
    return OK


def _check_flush(how: tuple[bytes, ...]) -> None:
    if tuple(map(bytes.upper, how)) not in _FLUSH_WORDS:
        raise CommandError(errors.SYNTAX)


def _database_number(argument: bytes, refusal: bytes) -> int:
    value = parse_int64(argument)
    if value is None or not -(1 << 31) <= value < 1 << 31:
        raise CommandError(refusal)
    return value
