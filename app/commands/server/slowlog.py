"""SLOWLOG: the commands that took longest.

Source: Redis 7.0.15; see tests/parity/test_server.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, BulkList, SimpleString
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, NODES, RANDOM, SUM
from joblog.app.table.usage import add_help
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ADMIN: Final = Flag.ADMIN | Flag.LOADING | Flag.STALE
_SHOWN: Final = 10


@command(
    "SLOWLOG GET",
    arity=-2,
    flags=_ADMIN,
    group="server",
    since="2.2.12",
    summary="Return the newest entries, 10 unless a count is given; -1 is all.",
    complexity="O(N) for N entries",
    tips=(NODES, RANDOM),
)
def slowlog_get(ctx: Context, *count: bytes) -> list[Any]:
    """Return for each: id, time, microseconds, command, client address and name."""
    if len(count) > 1:
        raise errors.odd_subcommand(b"GET", b"SLOWLOG")
    wanted = parse_int64(count[0]) if count else _SHOWN
    if wanted is None or wanted < -1:
        raise CommandError(errors.SLOWLOG_COUNT)
    entries = ctx.server.slow_commands
    return [
        [
            entry.id,
            entry.at_seconds,
            entry.microseconds,
            BulkList(entry.argv),
            entry.address,
            entry.name,
        ]
        for entry in islice(entries, None if wanted < 0 else wanted)
    ]


@command(
    "SLOWLOG LEN",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="2.2.12",
    summary="Count the entries.",
    complexity="O(1)",
    tips=(NODES, SUM, RANDOM),
)
def slowlog_len(ctx: Context) -> int:
    """Return how many entries there are."""
    return len(ctx.server.slow_commands)


@command(
    "SLOWLOG RESET",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="2.2.12",
    summary="Forget all entries.",
    complexity="O(N) for N entries",
    tips=(NODES, ALL),
)
def slowlog_reset(ctx: Context) -> SimpleString:
    """Return OK."""
    ctx.server.slow_commands.clear()
    return OK


add_help("SLOWLOG", group="server", since="6.2.0")
