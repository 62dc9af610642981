"""Lines for the operator: who changed the server, and who was not let in.

The record of a command says as much of changes of data; what changes the server itself,
or removes everything, is in the server's log file too. How many lines of a kind there
may be in a minute is up to whoever drives the engine; a fold tells nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joblog.app.config.kinds import decode, encode

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session


def note_change(ctx: Context, what: str, *, is_data: bool = False) -> None:
    """Tell that a client has changed the server, in both logs.

    Args:
        ctx: of the command.
        what: what it did; no password may be in it.
        is_data: whether it is data that has changed, which has a record of its own.
    """
    if not is_data:
        record_change(ctx, what)
    tell = ctx.server.tell_operator
    if tell is not None:
        tell("change", f"{what}, by {_who(ctx)}")


def record_change(ctx: Context, what: str) -> None:
    """Put that a client has changed the server into the record of access alone.

    That is for what workers do at each start: the operator would not see the rest.
    """
    if not ctx.is_folding:
        ctx.engine.access.note_change(ctx.session, encode(what))


def note_refused_login(ctx: Context, user: bytes) -> None:
    """Tell that a client gave a wrong password, or the name of nobody.

    What it took for a name may be a password, so only that of a user is shown.
    """
    tell = ctx.server.tell_operator
    if tell is not None:
        is_known = ctx.server.users.find(user) is not None
        name = f"user={decode(user)}" if is_known else "an unknown user"
        tell("login", f"wrong password for {name}, from {_who(ctx)}")


def describe(session: Session) -> str:
    """Return who a client is, for a line."""
    name = f" name={decode(session.name)}" if session.name else ""
    return f"client id={session.id} address={session.address}{name}"


def _who(ctx: Context) -> str:
    # A script has a session of its own, with the number of the client that called it.
    session = ctx.server.sessions.get(ctx.session.id)
    if session is None:
        return "nobody who is connected"
    is_script = session is not ctx.session
    return describe(session) + (" (a script)" if is_script else "")
