"""Commands about the server as a whole: its time, its end, its safety on disk.

The command log takes the place of Redis's AOF, and snapshots that of its RDB file:
SAVE, BGSAVE and BGREWRITEAOF have one folded from the log by a child process (see
`joblog.app.state.saves`). History is kept; only retention settings ever prune it.

Source: Redis 7.0.15; see tests/parity/test_server.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import NO_REPLY, BulkList, NoReplyType, SimpleString, Verbatim
from joblog.app.state.inquiries import AwaitSave
from joblog.app.state.operator_lines import describe
from joblog.app.table.arguments import integer
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.version import REDIS_VERSION

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_SAVE_STARTED: Final = SimpleString(b"Background saving started")
_SAVE_SCHEDULED: Final = SimpleString(b"Background saving scheduled")
_REWRITE_SCHEDULED: Final = SimpleString(
    b"Background append only file rewriting scheduled"
)
_REWRITE_STARTED: Final = SimpleString(b"Background append only file rewriting started")
_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT

_LOLWUT_NUMBERS: Final = {5: 3, 6: 2}
"""How many numbers the art of a version takes."""


@command(
    "TIME",
    arity=1,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="server",
    since="2.6.0",
    summary="Return the server's time.",
    complexity="O(1)",
    tips=(RANDOM,),
)
def show_time(ctx: Context) -> BulkList:
    """Return the seconds since the epoch, and the microseconds of this second."""
    unit = ctx.unit
    time_ns = ctx.server.time_ns() if unit is None else unit.time_ns
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return BulkList([b"%d" % seconds, b"%d" % (rest // 1000)])


@command(
    "SAVE",
    arity=1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING | Flag.NO_MULTI,
    group="server",
    since="1.0.0",
    summary="Make a snapshot of the data, then answer; others are served meanwhile.",
    complexity="O(N) for N keys, in a process of its own",
)
def save(ctx: Context) -> SimpleString:
    """Return OK once the snapshot, and the log before it, is on the disk."""
    _require_log(ctx)
    saves = ctx.server.saves
    if saves.running and not saves.has_waiters:
        raise CommandError(errors.SAVE_IN_PROGRESS)
    saves.ask("save", ctx.steady_ms)
    saves.has_waiters = True
    reply = ctx.ask(AwaitSave(ctx.session, saves.asked), 0, lambda ok: ok)
    return cast("SimpleString", reply)


@command(
    "BGSAVE",
    arity=-1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING,
    group="server",
    since="1.0.0",
    summary="Begin a snapshot of the data, and do not wait for it.",
    complexity="O(1)",
)
def bgsave(ctx: Context, *option: bytes) -> SimpleString:
    """Return that it has started, or comes when what is under way is done."""
    if option and [word.upper() for word in option] != [b"SCHEDULE"]:
        raise CommandError(errors.SYNTAX)
    _require_log(ctx)
    saves = ctx.server.saves
    if saves.running == "save":
        raise CommandError(errors.SAVE_IN_PROGRESS)
    if saves.running and not option and ctx.unit is None:
        raise CommandError(errors.CHILD_IS_ACTIVE)
    is_scheduled = bool(saves.running) or ctx.unit is not None
    saves.ask("save", ctx.steady_ms)
    return _SAVE_SCHEDULED if is_scheduled else _SAVE_STARTED


def _require_log(ctx: Context) -> None:
    if not ctx.server.has_log:
        raise CommandError(errors.NOTHING_TO_SAVE)
    if ctx.server.alarm.disk_error is not None:
        raise CommandError(errors.MISCONF + ctx.server.alarm.disk_error)


@command(
    "LASTSAVE",
    arity=1,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="server",
    since="1.0.0",
    summary="Return when a snapshot was last made.",
    complexity="O(1)",
    acl=("admin", "dangerous"),
    tips=(RANDOM,),
)
def lastsave(ctx: Context) -> int:
    """Return seconds since the epoch; the start of the server where there was none."""
    return ctx.server.saves.last_at_ms // 1000


@command(
    "BGREWRITEAOF",
    arity=1,
    flags=_ADMIN | Flag.NO_ASYNC_LOADING,
    group="server",
    since="1.0.0",
    summary="Begin a snapshot; then prune the log, as far as the settings allow.",
    complexity="O(1)",
)
def bgrewriteaof(ctx: Context) -> SimpleString:
    """Return that it has started, or comes when what is under way is done."""
    saves = ctx.server.saves
    reply = _REWRITE_STARTED if ctx.unit is None else _REWRITE_SCHEDULED
    if not ctx.server.has_log:
        return reply  # those who call it every night need no other answer
    if saves.running == "rewrite":
        raise CommandError(errors.REWRITE_IN_PROGRESS)
    if saves.running:
        reply = _REWRITE_SCHEDULED
    saves.ask("rewrite", ctx.steady_ms)
    return reply


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
    has_trouble = ctx.server.alarm.disk_error is not None
    if has_trouble and not words & {b"NOSAVE", b"FORCE"}:
        raise CommandError(errors.SHUTDOWN_FAILED)
    ctx.server.stop_requested = True
    ctx.server.stopped_by = f"SHUTDOWN by {describe(ctx.session)}"
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
def lolwut(_: Context, *option: bytes) -> Verbatim:
    """Return one line; there is no art here, but its numbers are looked at."""
    if len(option) > 1 and option[0].upper() == b"VERSION":
        count = _LOLWUT_NUMBERS.get(integer(option[1]), 0)
        for word in option[2 : 2 + count]:
            integer(word)
    return Verbatim(b"txt", f"Redis ver. {REDIS_VERSION}\n".encode())
