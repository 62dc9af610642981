"""CLIENT, about how the connection is served: replies, eviction, help.

Source: Redis 7.2; see tests/parity/test_connection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import NO_REPLY, OK, NoReplyType, SimpleString
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_FLAGS: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE


@command(
    "CLIENT REPLY",
    arity=3,
    flags=_FLAGS,
    group="connection",
    since="3.2.0",
    summary="Send replies, send none any more, or send none to the next command.",
    complexity="O(1)",
)
def client_reply(ctx: Context, mode: bytes) -> SimpleString | NoReplyType:
    """Return OK for ON; nothing is sent for OFF and SKIP.

    Raises:
        CommandError: the mode is none of these.
    """
    session = ctx.session
    word = mode.upper()
    if word == b"ON":
        session.reply_mode = "on"
    elif word == b"OFF":
        session.reply_mode = "off"
    elif word != b"SKIP":
        raise CommandError(errors.SYNTAX)
    elif session.reply_mode != "off":
        session.reply_mode = "skip next"
    session.update_special()
    return OK if word == b"ON" else NO_REPLY


@command(
    "CLIENT NO-EVICT",
    arity=3,
    flags=_FLAGS | Flag.ADMIN,
    group="connection",
    since="7.0.0",
    summary="Spare the connection when clients are closed to save memory.",
    complexity="O(1)",
)
def client_no_evict(ctx: Context, switch: bytes) -> SimpleString:
    """Return OK; `maxmemory-clients` does not concern the client any more, or again.

    Raises:
        CommandError: it is neither ON nor OFF.
    """
    ctx.session.no_evict = _is_on(switch)
    return OK


@command(
    "CLIENT NO-TOUCH",
    arity=3,
    flags=_FLAGS,
    group="connection",
    since="7.2.0",
    summary="Let what the connection reads not pass as used.",
    complexity="O(1)",
)
def client_no_touch(ctx: Context, switch: bytes) -> SimpleString:
    """Return OK; what the client uses is not noted any more, or again.

    Raises:
        CommandError: it is neither ON nor OFF.
    """
    ctx.session.no_touch = _is_on(switch)
    return OK


def _is_on(switch: bytes) -> bool:
    word = switch.upper()
    if word not in (b"ON", b"OFF"):
        raise CommandError(errors.SYNTAX)
    return word == b"ON"


add_help(
    "CLIENT",
    group="connection",
    since="5.0.0",
    syntax={
        "CACHING": "<YES|NO>",
        "KILL": "<ip:port> | <filter> <value> [<filter> <value> ...]",
        "LIST": "[TYPE <NORMAL|MASTER|REPLICA|PUBSUB>] [ID <id> [<id> ...]]",
        "NO-EVICT": "<ON|OFF>",
        "NO-TOUCH": "<ON|OFF>",
        "PAUSE": "<timeout> [WRITE|ALL]",
        "REPLY": "<ON|OFF|SKIP>",
        "SETINFO": "<LIB-NAME|LIB-VER> <value>",
        "TRACKING": (
            "<ON|OFF> [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] "
            "[NOLOOP]"
        ),
        "UNBLOCK": "<id> [TIMEOUT|ERROR]",
    },
)
