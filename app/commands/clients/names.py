"""How a client calls itself: CLIENT SETNAME, GETNAME, SETINFO.

The log knows who a client is. A client that calls itself something else after it has
written is described anew before its next write.

Source: Redis 7.2; see tests/parity/test_connection.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.table import Flag, command

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session

# CLIENT LIST separates fields by blanks and clients by newlines.
_PRINTABLE: Final = re.compile(rb"[!-~]*")
_FLAGS: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE


def check_name(name: bytes) -> None:
    """Refuse a name that CLIENT LIST could not show.

    Raises:
        CommandError: it has a blank, a control character, or a byte beyond ASCII.
    """
    if not _PRINTABLE.fullmatch(name):
        raise CommandError(errors.BAD_CLIENT_NAME)


def set_name(session: Session, name: bytes) -> None:
    """Give a client a name that was checked, or none where it is empty."""
    if name != session.name:
        session.name = name
        session.is_described = False


@command(
    "CLIENT SETNAME",
    arity=3,
    flags=_FLAGS,
    group="connection",
    since="2.6.9",
    summary="Name the connection; an empty name takes the name away.",
    complexity="O(1)",
)
def client_setname(ctx: Context, name: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the name has a blank or a control character.
    """
    check_name(name)
    set_name(ctx.session, name)
    ctx.engine.clients.introduce(ctx.session)
    return OK


@command(
    "CLIENT GETNAME",
    arity=2,
    flags=_FLAGS,
    group="connection",
    since="2.6.9",
    summary="Tell the connection's name.",
    complexity="O(1)",
)
def client_getname(ctx: Context) -> bytes | None:
    """Return the name, or None where it has none."""
    return ctx.session.name or None


@command(
    "CLIENT SETINFO",
    arity=4,
    flags=_FLAGS,
    group="connection",
    since="7.2.0",
    summary="Tell the name or the version of the client's library.",
    complexity="O(1)",
)
def client_setinfo(ctx: Context, attribute: bytes, value: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: an unknown attribute, or a value with a blank.
    """
    session = ctx.session
    name = attribute.lower()
    if name not in (b"lib-name", b"lib-ver"):
        raise CommandError(errors.unknown_attribute(attribute))
    if not _PRINTABLE.fullmatch(value):
        raise CommandError(errors.bad_attribute(attribute))
    if name == b"lib-name":
        session.library_name = value
    else:
        session.library_version = value
    session.is_described = False
    return OK
