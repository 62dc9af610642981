"""CLIENT, about other clients too: list, kill, pause, unblock.

`client_names` has what a client calls itself, `client_modes` how it is served.

Source: Redis 7.2; see tests/parity/test_connection.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.clients.lines import KINDS, client_kind, client_line
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString, Verbatim
from joblog.app.table.arguments import integer, whole_timeout_ms
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.session import Session
    from joblog.app.users.users import Users

_FLAGS: Final = Flag.NOSCRIPT | Flag.LOADING | Flag.STALE
_ADMIN: Final = _FLAGS | Flag.ADMIN


@command(
    "CLIENT ID",
    arity=2,
    flags=_FLAGS,
    group="connection",
    since="5.0.0",
    summary="Tell the connection's number.",
    complexity="O(1)",
)
def client_id(ctx: Context) -> int:
    """Return the number; a later connection has a higher one."""
    return ctx.session.id


@command(
    "CLIENT INFO",
    arity=2,
    flags=_FLAGS,
    group="connection",
    since="6.2.0",
    summary="Describe the connection.",
    complexity="O(1)",
    tips=(RANDOM,),
)
def client_info(ctx: Context) -> Verbatim:
    """Return one line of `field=value`."""
    line = client_line(ctx.session, ctx.steady_ms, _running(ctx, "client|info"))
    return Verbatim(b"txt", line + b"\n")


@command(
    "CLIENT LIST",
    arity=-2,
    flags=_ADMIN,
    group="connection",
    since="2.4.0",
    summary="Describe all connections, or those of a type or with certain numbers.",
    complexity="O(N) for N clients",
    tips=(RANDOM,),
)
def client_list(ctx: Context, *options: bytes) -> Verbatim:
    """Return a line of `field=value` for each client.

    Raises:
        CommandError: unknown options, a bad type or number.
    """
    running = _running(ctx, "client|list")
    lines = [
        client_line(session, ctx.steady_ms, running, options)
        if session is ctx.session
        else client_line(session, ctx.steady_ms)
        for session in _listed(ctx, options)
    ]
    return Verbatim(b"txt", b"".join([line + b"\n" for line in lines]))


def _running(ctx: Context, name: str) -> str:
    """Return the name of the command that the client runs, seen from outside."""
    return "exec" if ctx.unit is not None else name


def _listed(ctx: Context, options: tuple[bytes, ...]) -> list[Session]:
    sessions = ctx.server.sessions
    if not options:
        return list(sessions.values())
    word = options[0].upper()
    values = options[1:]
    if word == b"TYPE" and len(values) == 1:
        kind = _client_kind(values[0])
        return [s for s in sessions.values() if client_kind(s) == kind]
    if word == b"ID" and values:
        numbers = [parse_int64(number) for number in values]
        if None in numbers:
            raise CommandError(errors.INVALID_CLIENT_ID)
        return [sessions[number] for number in numbers if number in sessions]
    raise CommandError(errors.SYNTAX)


def _client_kind(word: bytes) -> bytes:
    kind = KINDS.get(word.lower())
    if kind is None:
        raise CommandError(errors.unknown_client_type(word))
    return kind


class _Filters(NamedTuple):
    """Which clients CLIENT KILL is about; None means any.

    Attributes:
        number: the client's id.
        kind: its type.
        user: the name of the user that it is.
        address: the peer's address.
        local_address: ours.
        skips_me: whether the client who asks is spared.
        age_ms: how long it must have been connected at the least.
    """

    number: int | None = None
    kind: bytes | None = None
    user: bytes | None = None
    address: str | None = None
    local_address: str | None = None
    skips_me: bool = True
    age_ms: int = 0

    def matches(self, session: Session, me: Session, steady_ms: int) -> bool:
        """Say whether a client is one of them."""
        return (
            self.number in (None, session.id)
            and self.kind in (None, client_kind(session))
            and self.user in (None, session.user)
            and self.address in (None, session.address)
            and self.local_address in (None, session.local_address)
            and steady_ms - session.created_ms >= self.age_ms
            and not (self.skips_me and session is me)
        )


@command(
    "CLIENT KILL",
    arity=-3,
    flags=_ADMIN,
    group="connection",
    since="2.4.0",
    summary="Close the connection from an address, or those that filters select.",
    complexity="O(N) for N clients",
)
def client_kill(ctx: Context, first: bytes, *rest: bytes) -> SimpleString | int:
    """Return OK for an address alone, else how many clients there were.

    Raises:
        CommandError: there is none from the address, or a filter is unknown or bad.
    """
    if not rest:
        wanted = _Filters(address=first.decode(errors="replace"), skips_me=False)
        if not _kill(ctx, wanted):
            raise CommandError(errors.NO_SUCH_CLIENT)
        return OK
    return _kill(ctx, _parse_filters(ctx.server.users, (first, *rest)))


def _parse_filters(users: Users, words: tuple[bytes, ...]) -> _Filters:
    filters = _Filters()
    if len(words) % 2:
        # The pairs before it are checked first, as they come.
        _parse_filters(users, words[:-1])
        raise CommandError(errors.SYNTAX)
    for given, value in zip(words[::2], words[1::2], strict=True):
        name = given.upper()
        if name == b"ID":
            number = parse_int64(value)
            if number is None or number < 1:
                raise CommandError(errors.CLIENT_ID_NOT_POSITIVE)
            filters = filters._replace(number=number)
        elif name == b"TYPE":
            filters = filters._replace(kind=_client_kind(value))
        elif name == b"ADDR":
            filters = filters._replace(address=value.decode(errors="replace"))
        elif name == b"LADDR":
            filters = filters._replace(local_address=value.decode(errors="replace"))
        elif name == b"USER":
            if users.find(value) is None:
                raise CommandError(errors.no_such_user(value))
            filters = filters._replace(user=value)
        elif name == b"MAXAGE":
            filters = filters._replace(age_ms=_age_ms(value))
        elif name == b"SKIPME" and value.lower() in (b"yes", b"no"):
            filters = filters._replace(skips_me=value.lower() == b"yes")
        else:
            raise CommandError(errors.SYNTAX)
    return filters


def _age_ms(seconds: bytes) -> int:
    age = parse_int64(seconds)
    if age is None:
        raise CommandError(errors.MAXAGE_NOT_AN_INTEGER)
    if age < 1:
        raise CommandError(errors.MAXAGE_NOT_POSITIVE)
    return age * 1000


def _kill(ctx: Context, wanted: _Filters) -> int:
    """Disconnect clients; the one who asks gets its reply first."""
    me, steady_ms = ctx.session, ctx.steady_ms
    sessions = ctx.server.sessions.values()
    found = [one for one in sessions if wanted.matches(one, me, steady_ms)]
    for session in found:
        if session is me:
            session.is_closing = True
            session.update_special()
        else:
            ctx.engine.clients.disconnect(session)
    return len(found)


@command(
    "CLIENT UNBLOCK",
    arity=-3,
    flags=_ADMIN,
    group="connection",
    since="5.0.0",
    summary="Let a client go on that waits in a blocking command.",
    complexity="O(log N) for N waiting clients",
)
def client_unblock(ctx: Context, number: bytes, *how: bytes) -> int:
    """Return 1, or 0 where the client does not wait in a blocking command.

    Raises:
        CommandError: the number is none, or the way is neither TIMEOUT nor ERROR.
    """
    if len(how) > 1:
        raise errors.odd_subcommand(b"UNBLOCK", b"CLIENT")
    way = how[0].upper() if how else b"TIMEOUT"
    if way not in (b"TIMEOUT", b"ERROR"):
        raise CommandError(errors.UNBLOCK_REASON)
    session = ctx.server.sessions.get(integer(number))
    if session is None:
        return 0
    return int(ctx.engine.blocking.unblock(session, is_error=way == b"ERROR"))


@command(
    "CLIENT PAUSE",
    arity=-3,
    flags=_ADMIN,
    group="connection",
    since="3.0.0",
    summary="Hold back all commands, or those that write, for some milliseconds.",
    complexity="O(1)",
)
def client_pause(ctx: Context, milliseconds: bytes, *mode: bytes) -> SimpleString:
    """Return OK.

    Raises:
        CommandError: the time is none, or the mode is neither WRITE nor ALL.
    """
    if len(mode) > 1:
        raise errors.odd_subcommand(b"PAUSE", b"CLIENT")
    word = mode[0].upper() if mode else b"ALL"
    if word not in (b"WRITE", b"ALL"):
        raise CommandError(errors.PAUSE_MODE)
    pause_ms = whole_timeout_ms(milliseconds, ctx.now_ms)
    ctx.engine.pause.begin(pause_ms, is_for_all=word == b"ALL")
    return OK


@command(
    "CLIENT UNPAUSE",
    arity=2,
    flags=_ADMIN,
    group="connection",
    since="6.2.0",
    summary="End a pause.",
    complexity="O(N) for N clients that were postponed",
)
def client_unpause(ctx: Context) -> SimpleString:
    """Return OK."""
    ctx.engine.pause.end()
    return OK
