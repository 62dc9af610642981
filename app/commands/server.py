"""Commands about the server as a whole: its time, its end, its safety on disk.

The command log takes the place of Redis's files. SAVE makes durable what was written
so far; BGSAVE asks for it and does not wait; BGREWRITEAOF has nothing to rewrite, since
history is kept.

Source: Redis 7.0.15; see tests/parity/test_server.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app import errors
from app.commands.holds import Hold
from app.commands.table import Flag, command
from app.errors import CommandError
from app.reply import NO_REPLY, OK, BulkList, NoReplyType, SimpleString, Verbatim

if TYPE_CHECKING:
    from app.commands.context import Context

_SAVE_STARTED: Final = SimpleString(b"Background saving started")
_REWRITE_STARTED: Final = SimpleString(b"Background append only file rewriting started")
_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT


@command(
    "TIME",
    arity=1,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="server",
    since="2.6.0",
    summary="Return the server's time.",
    complexity="O(1)",
)
def show_time(ctx: Context) -> BulkList:
    """Return the seconds since the epoch, and the microseconds of this second."""
    seconds, rest = divmod(ctx.server.time_ns(), 1_000_000_000)
    return BulkList([b"%d" % seconds, b"%d" % (rest // 1000)])


@command(
    "SAVE",
    arity=1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING | Flag.NO_MULTI,
    group="server",
    since="1.0.0",
    summary="Make all that was written durable, then answer.",
    complexity="O(1), and one fsync",
)
def save(ctx: Context) -> SimpleString:
    """Return OK once the command log is on the disk."""
    _require_log(ctx)
    ctx.server.last_save_seconds = ctx.now_ms // 1000
    ctx.session.hold_reply(Hold(ends_when_durable=True))
    return OK


@command(
    "BGSAVE",
    arity=-1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING,
    group="server",
    since="1.0.0",
    summary="Ask for all that was written to be made durable, and do not wait for it.",
    complexity="O(1)",
)
def bgsave(ctx: Context, *option: bytes) -> SimpleString:
    """Return that it has started; the log is synced in the background in any case."""
    if option and [word.upper() for word in option] != [b"SCHEDULE"]:
        raise CommandError(errors.SYNTAX)
    _require_log(ctx)
    ctx.server.last_save_seconds = ctx.now_ms // 1000
    return _SAVE_STARTED


def _require_log(ctx: Context) -> None:
    if not ctx.engine.is_recording:
        raise CommandError(errors.NOTHING_TO_SAVE)
    if ctx.engine.guards.disk_error is not None:
        raise CommandError(errors.MISCONF + ctx.engine.guards.disk_error)


@command(
    "LASTSAVE",
    arity=1,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="server",
    since="1.0.0",
    summary="Return when SAVE or BGSAVE last succeeded.",
    complexity="O(1)",
    acl=("admin", "dangerous"),
)
def lastsave(ctx: Context) -> int:
    """Return seconds since the epoch; the start of the server where there was none."""
    return ctx.server.last_save_seconds


@command(
    "BGREWRITEAOF",
    arity=1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING,
    group="server",
    since="1.0.0",
    summary="Do nothing: the command log is history, and is never rewritten.",
    complexity="O(1)",
)
def bgrewriteaof(_: Context) -> SimpleString:
    """Return what Redis returns, for those who call it every night."""
    return _REWRITE_STARTED


@command(
    "SHUTDOWN",
    arity=-1,
    flags=_ADMIN | Flag.LOADING | Flag.STALE | Flag.NO_MULTI | Flag.ALLOW_BUSY,
    group="server",
    since="1.0.0",
    summary="Make everything durable and stop the server.",
    complexity="O(1)",
)
def shutdown(ctx: Context, *option: bytes) -> NoReplyType:
    """Stop without a reply; whatever the options, an acknowledged write is kept.

    Options: NOSAVE or SAVE, NOW, FORCE; ABORT alone, which always comes too late.
    """
    words = {word.upper() for word in option}
    if words - {b"NOSAVE", b"SAVE", b"NOW", b"FORCE", b"ABORT"}:
        raise CommandError(errors.SYNTAX)
    if words >= {b"NOSAVE", b"SAVE"} or (b"ABORT" in words and len(words) > 1):
        raise CommandError(errors.SYNTAX)
    if b"ABORT" in words:
        raise CommandError(errors.NO_SHUTDOWN)
    has_trouble = ctx.engine.guards.disk_error is not None
    if has_trouble and not words & {b"NOSAVE", b"FORCE"}:
        raise CommandError(errors.SHUTDOWN_FAILED)
    ctx.server.stop_requested = True
    return NO_REPLY


@command(
    "LOLWUT",
    arity=-1,
    flags=Flag.READONLY | Flag.FAST,
    group="server",
    since="5.0.0",
    summary="Return the server's name and version.",
    complexity="O(1)",
)
def lolwut(_: Context, *_option: bytes) -> Verbatim:
    """Return one line; there is no art here."""
    return Verbatim(b"txt", b"Redis ver. 7.2.4\n")
