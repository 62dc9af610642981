"""CONFIG: read and change settings while the server runs.

Source: Redis 7.0.15; see tests/parity/test_config.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.config.kinds import decode
from joblog.app.config.showing import show_openly
from joblog.app.errors import CommandError
from joblog.app.keyspace.glob import matches_glob
from joblog.app.reply import OK, SimpleString
from joblog.app.state.operator_lines import note_change
from joblog.app.state.privileges import is_local
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, NODES
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE


@command(
    "CONFIG GET",
    arity=-3,
    flags=_ADMIN,
    group="server",
    since="2.0.0",
    summary="Return settings whose name matches a glob, and their values.",
    complexity="O(N) for N settings",
)
def config_get(ctx: Context, pattern: bytes, *patterns: bytes) -> dict[bytes, bytes]:
    """Return a map of names and values."""
    return ctx.server.config.matching((pattern, *patterns), matches_glob)


@command(
    "CONFIG SET",
    arity=-4,
    flags=_ADMIN,
    group="server",
    since="2.0.0",
    summary="Change settings: all that are given, or none.",
    complexity="O(N) for N settings",
    tips=(NODES, ALL),
)
def config_set(
    ctx: Context, parameter: bytes, value: bytes, *more: bytes
) -> SimpleString:
    """Return OK; with an error, no setting has changed."""
    if len(more) % 2:
        raise CommandError(errors.SYNTAX)
    pairs = [(parameter, value), *zip(more[::2], more[1::2], strict=True)]
    config = ctx.server.config
    names = [decode(name.lower()) for name, _ in pairs]
    before = {
        name: show_openly(config, name) for name in names if name in config.BY_NAME
    }
    config.change(pairs, is_local=is_local(ctx.session))
    for name in names:
        what = f"CONFIG SET {name} {show_openly(config, name)} (was {before[name]})"
        note_change(ctx, what)
    return OK


@command(
    "CONFIG REWRITE",
    arity=2,
    flags=_ADMIN,
    group="server",
    since="2.8.0",
    summary="Bring the configuration file up to date; comments and order are kept.",
    complexity="O(N) for N lines",
    tips=(NODES, ALL),
)
def config_rewrite(ctx: Context) -> SimpleString:
    """Return OK once the file is written."""
    config, users = ctx.server.config, ctx.server.users
    if config.aclfile:
        config.rewrite()
    else:
        config.rewrite(users.configuration(), adds_users=not users.is_plain)
    note_change(ctx, f"CONFIG REWRITE of {ctx.server.config.path}")
    return OK


@command(
    "CONFIG RESETSTAT",
    arity=2,
    flags=_ADMIN | Flag.LOOKS_UP,  # it sets the counts back
    group="server",
    since="2.0.0",
    summary="Set the counters that INFO reports back to zero.",
    complexity="O(N) for N commands",
    tips=(NODES, ALL),
)
def config_resetstat(ctx: Context) -> SimpleString:
    """Return OK."""
    ctx.server.reset_statistics()
    ctx.keyspace.hits = ctx.keyspace.misses = 0
    if ctx.keyspace.freeing is not None:
        ctx.keyspace.freeing.freed = 0
    note_change(ctx, "CONFIG RESETSTAT")
    return OK


add_help("CONFIG", group="server", since="5.0.0")
