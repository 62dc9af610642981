"""CLIENT AT: one connection looks at a moment of the past.

Its commands are answered from a copy of the keyspace as it was, where time stands still
and nothing may be written. All other connections go on as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from app import errors
from app.commands.inquiries import OpenMoment, ask
from app.commands.table import Flag, command
from app.errors import CommandError

if TYPE_CHECKING:
    from app.commands.context import Argv, Context

_PRESENT: Final = b"now"


@command(
    "CLIENT AT",
    arity=3,
    flags=Flag.NOSCRIPT | Flag.NO_MULTI | Flag.BLOCKING,
    group="connection",
    since="0.1.0",
    summary="Look at a moment of the past, or with `now` at the present again.",
    complexity="O(N) for N records up to the moment",
)
def client_at(ctx: Context, moment: bytes) -> Any:
    """Return the number of the last record that has happened by then.

    Raises:
        CommandError: it is no moment, the log does not have it, or there is no log.
    """
    session = ctx.session
    if ctx.engine.log_facts is None:
        raise CommandError(errors.NO_LOG)
    if moment.lower() == _PRESENT:
        if session.past is not None:
            session.past.leave(session)
        return int(ctx.engine.log_facts()["last_seq"])
    inquiry = OpenMoment(session, moment.decode(errors="replace"))

    def enter(past: Any) -> int:
        past.enter(session)
        return int(past.seq)

    return ask(ctx, inquiry, 0, enter)


def is_travel(argv: Argv) -> bool:
    """Say whether a command is CLIENT AT, which the present answers in any case."""
    return len(argv) > 1 and argv[1].upper() == b"AT" and argv[0].upper() == b"CLIENT"
