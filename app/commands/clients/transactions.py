"""MULTI, EXEC, DISCARD, WATCH, UNWATCH; `joblog.app.engine.transactions` does the work.

Source: Redis 7.2; see tests/parity/test_transactions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_EXEC: Final = (
    Flag.NOSCRIPT | Flag.LOADING | Flag.STALE | Flag.SKIP_SLOWLOG | Flag.NEVER_QUEUED
)
_FLAGS: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE | Flag.FAST | Flag.ALLOW_BUSY


@command(
    "MULTI",
    arity=1,
    flags=_FLAGS | Flag.NEVER_QUEUED,
    group="transactions",
    since="1.2.0",
    summary="Begin a transaction: commands are queued until EXEC.",
    complexity="O(1)",
)
def multi(ctx: Context) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: a transaction has begun already.
    """
    ctx.engine.transactions.begin(ctx.session)
    return OK


@command(
    "EXEC",
    arity=1,
    flags=_EXEC,
    group="transactions",
    since="1.2.0",
    summary="Run the commands of a transaction as one, unless a watched key changed.",
    complexity="As of the queued commands",
)
def exec_(ctx: Context) -> Any:
    """Return the replies of the commands, or NULL_ARRAY where nothing was run.

    Raises:
        CommandError: there is no transaction, or a command of it was refused.
    """
    return ctx.engine.transactions.execute(ctx.session)


@command(
    "DISCARD",
    arity=1,
    flags=_FLAGS | Flag.NEVER_QUEUED,
    group="transactions",
    since="2.0.0",
    summary="Drop the commands of a transaction, and watch no key any more.",
    complexity="O(N) for N queued commands",
)
def discard(ctx: Context) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: there is no transaction.
    """
    if ctx.session.queued is None:
        raise CommandError(errors.DISCARD_WITHOUT_MULTI)
    ctx.engine.transactions.discard(ctx.session)
    return OK


@command(
    "WATCH",
    arity=-2,
    flags=_FLAGS | Flag.NEVER_QUEUED,
    keys=KeySpec("RO", last=-1, is_read=False),
    group="transactions",
    since="2.2.0",
    summary="Let the next EXEC run nothing if any of the keys changes before it.",
    complexity="O(1) for each key",
)
def watch(ctx: Context, key: bytes, *keys: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: a transaction has begun already.
    """
    session = ctx.session
    if session.queued is not None:
        raise CommandError(errors.WATCH_INSIDE_MULTI)
    observers = ctx.engine.observers
    for name in (key, *keys):
        observers.watch(session, ctx.db, name)
    return OK


@command(
    "UNWATCH",
    arity=1,
    flags=_FLAGS,
    group="transactions",
    since="2.2.0",
    summary="Watch no key any more.",
    complexity="O(N) for N watched keys",
)
def unwatch(ctx: Context) -> SimpleString:
    """Return OK."""
    ctx.engine.observers.unwatch(ctx.session)
    return OK
