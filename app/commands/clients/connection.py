"""Commands on the connection itself: PING, ECHO, QUIT, RESET, HELLO, AUTH.

Who connects is the user `default`, if that needs no password (`joblog.app.users`). A
client that connected while there was none stays authenticated when one is set.

Source: Redis 7.2; see tests/parity/test_connection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.commands.clients.names import check_name, set_name
from joblog.app.errors import CommandError
from joblog.app.reply import OK, PONG, RESET, RESP2, SimpleString
from joblog.app.state.operator_lines import note_refused_login
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import ALL, SHARDS
from joblog.app.types.numbers import parse_int64
from joblog.app.users.users import DEFAULT
from joblog.app.version import REDIS_VERSION

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session

_AT_ANY_TIME: Final = (
    Flag.NOSCRIPT
    | Flag.LOADING
    | Flag.STALE
    | Flag.FAST
    | Flag.NO_AUTH
    | Flag.ALLOW_BUSY
)
_WHO: Final = _AT_ANY_TIME | Flag.OF_PRESENT
_LAST: Final = _WHO | Flag.NEVER_QUEUED | Flag.WHILE_SUBSCRIBED


@command(
    "PING",
    arity=-1,
    flags=Flag.FAST | Flag.WHILE_SUBSCRIBED,
    group="connection",
    since="1.0.0",
    summary="Answer, to show that the server is there.",
    complexity="O(1)",
    tips=(SHARDS, ALL),
)
def ping(ctx: Context, message: bytes | None = None) -> Any:
    """Return PONG, or the message where one is given.

    A RESP2 client with subscriptions gets it in the form of a message.
    """
    if ctx.session.subscriptions is not None and ctx.session.resp == RESP2:
        return [b"pong", message or b""]
    return PONG if message is None else message


@command(
    "ECHO",
    arity=2,
    flags=Flag.LOADING | Flag.STALE | Flag.FAST,
    group="connection",
    since="1.0.0",
    summary="Answer with the message.",
    complexity="O(1)",
)
def echo(_: Context, message: bytes) -> bytes:
    """Return the message."""
    return message


@command(
    "QUIT",
    arity=-1,
    flags=_LAST,
    group="connection",
    since="1.0.0",
    summary="Close the connection once the replies are sent.",
    complexity="O(1)",
)
def quit_(ctx: Context, *_: bytes) -> SimpleString:
    """Return OK; commands behind it are not run."""
    ctx.session.is_closing = True
    ctx.session.update_special()
    return OK


@command(
    "RESET",
    arity=1,
    flags=_LAST,
    group="connection",
    since="6.2.0",
    summary="Bring the connection back to how it was when it was new.",
    complexity="O(N) for N watched keys",
)
def reset(ctx: Context) -> SimpleString:
    """Return RESET; the library's name and version stay, as they are still true."""
    session = ctx.session
    ctx.engine.transactions.discard(session)
    ctx.engine.monitors.remove(session)
    ctx.engine.pubsub.forget(session)
    ctx.engine.tracking.stop(session)
    session.resp = 2
    session.db = ctx.keyspace.databases[0]
    if session.reply_mode == "off":
        session.reply_mode = "on"
    session.no_evict = session.no_touch = False
    session.past = None
    if session.name:
        session.name = b""
        session.is_described = False
    ctx.engine.access.begin(session)
    return RESET


@command(
    "AUTH",
    arity=-2,
    flags=_WHO,
    group="connection",
    since="1.0.0",
    summary="Authenticate with a password, or with a user and a password.",
    complexity="O(1)",
)
def auth(ctx: Context, given_name: bytes, first: bytes, *rest: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the user is unknown or the password wrong, or none is set.
    """
    if len(rest) > 1:
        raise CommandError(errors.SYNTAX)
    if not rest and ctx.server.users.default.has_no_password:
        raise CommandError(errors.NO_PASSWORD_SET)
    user, password = (first, rest[0]) if rest else (DEFAULT, first)
    _authenticate(ctx, user, password, given_name)
    return OK


def _authenticate(ctx: Context, user: bytes, password: bytes, by: bytes) -> None:
    """Let the client be a user, or refuse."""
    try:
        ctx.engine.access.log_in(ctx.session, user, password, by)
    except CommandError:
        note_refused_login(ctx, user)
        raise


@command(
    "HELLO",
    arity=-1,
    flags=_WHO,
    group="connection",
    since="6.0.0",
    summary="Choose the protocol, authenticate and name the connection in one go.",
    complexity="O(1)",
)
def hello(
    ctx: Context, given_name: bytes, version: bytes | None = None, *options: bytes
) -> dict[Any, Any]:
    """Return what the server is, in the protocol that was chosen.

    Raises:
        CommandError: another protocol than 2 and 3, an unknown option, a wrong
            password, or a client that is not authenticated.
    """
    session = ctx.session
    protocol = _protocol(version) if version is not None else session.resp
    name = _hello_options(ctx, given_name, options)
    if not session.is_authenticated:
        raise CommandError(errors.HELLO_NO_AUTH)
    if name is not None:
        set_name(session, name)
        ctx.engine.clients.introduce(session)
    session.resp = protocol
    session.has_news = True
    return _greeting(session, is_replica=ctx.server.replication.is_replica)


def _protocol(version: bytes) -> int:
    protocol = parse_int64(version)
    if protocol is None:
        raise CommandError(errors.PROTOCOL_NOT_AN_INTEGER)
    if protocol not in (2, 3):
        raise CommandError(errors.NO_PROTO)
    return protocol


def _hello_options(ctx: Context, by: bytes, options: tuple[bytes, ...]) -> bytes | None:
    """Carry out AUTH, and return the name after SETNAME, or None."""
    credentials = name = None
    place, size = 0, len(options)
    while place < size:
        word = options[place].upper()
        if word == b"AUTH" and place + 2 < size:
            credentials = options[place + 1], options[place + 2]
            place += 3
        elif word == b"SETNAME" and place + 1 < size:
            name = options[place + 1]
            check_name(name)
            place += 2
        else:
            raise CommandError(errors.hello_option(options[place]))
    if credentials is not None:
        _authenticate(ctx, *credentials, by)
    return name


def _greeting(session: Session, *, is_replica: bool) -> dict[Any, Any]:
    role = b"replica" if is_replica else b"master"
    return {
        b"server": b"redis",
        b"version": REDIS_VERSION.encode(),
        b"proto": session.resp,
        b"id": session.id,
        b"mode": b"standalone",
        b"role": role,
        b"modules": [],
    }
