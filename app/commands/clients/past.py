"""CLIENT AT: one connection looks at a moment of the past.

Its commands are answered from a copy of the keyspace as it was, where time stands still
and nothing may be written. All other connections go on as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.state.inquiries import OpenMoment
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.visits import Visit

_PRESENT: Final = b"now"


@command(
    "CLIENT AT",
    arity=3,
    flags=Flag.NOSCRIPT | Flag.NO_MULTI | Flag.BLOCKING | Flag.OF_PRESENT,
    group="connection",
    since="0.1.0",
    summary="Look at a moment of the past, or with `now` at the present again.",
    complexity="O(N) for N records up to the moment",
)
def client_at(ctx: Context, moment: bytes) -> Any:
    """Return the number of the last record that has happened by then.

    Raises:
        CommandError: it is no moment, the log does not have it, too many or too large
            ones are looked at, or there is no log.
    """
    session = ctx.session
    if ctx.server.log_facts is None:
        raise CommandError(errors.NO_LOG)
    if moment.lower() == _PRESENT:
        session.past = None
        session.update_special()
        return int(ctx.server.log_facts()["last_seq"])

    def enter(visit: Visit) -> int:
        session.past = visit
        session.update_special()
        return visit.seq

    inquiry = OpenMoment(session, moment.decode(errors="replace"))
    return ctx.ask(inquiry, 0, enter)
