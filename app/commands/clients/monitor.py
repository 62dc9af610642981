"""MONITOR: every command that runs, as it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import NO_REPLY, OK, NoReplyType, SimpleString
from joblog.app.state.operator_lines import note_change
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context


@command(
    "MONITOR",
    arity=1,
    flags=Flag.ADMIN | Flag.NOSCRIPT | Flag.LOADING | Flag.STALE,
    group="server",
    since="1.0.0",
    summary="Send each command that runs from now on to this client.",
    complexity="O(1), and for each command O(N) for N such clients",
)
def monitor(ctx: Context) -> SimpleString | NoReplyType:
    """Return OK; the commands follow as status lines, until RESET or the end.

    A second MONITOR is not answered, as in Redis.

    Raises:
        CommandError: it runs inside of EXEC.
    """
    session = ctx.session
    if session.is_monitor:
        return NO_REPLY
    if ctx.unit is not None:
        raise CommandError(errors.MONITOR_IN_EXEC)
    ctx.engine.monitors.add(session)
    note_change(ctx, "MONITOR shows all commands")
    return OK
