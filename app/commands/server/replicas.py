"""Commands that replicas send, to follow this server.

    REPLCONF   what a replica tells of itself, and how far it is
    PSYNC      it asks for the stream, from where it is or with a dataset first
    SYNC       the same, as tools and old replicas ask for it

Source: Redis 7.0.15 and Valkey 9.1, recorded between real servers; see
tests/replication.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.config.kinds import decode
from joblog.app.errors import CommandError
from joblog.app.reply import NO_REPLY, OK, NoReplyType, SimpleString
from joblog.app.state.operator_lines import note_change
from joblog.app.state.replicas import (
    LOG,
    LOG_CAPABILITY,
    WAITING,
    Acknowledged,
    ServeReplica,
)
from joblog.app.table.arguments import integer
from joblog.app.table.table import Flag, command
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.state.replicas import Replica

_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.STALE
_SYNC: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.NO_ASYNC_LOADING | Flag.NO_MULTI
_HOST_BYTES_MAX: Final = 255
_VERSION_BYTES_MAX: Final = 32


@command(
    "SYNC",
    arity=1,
    flags=_SYNC,
    group="server",
    since="1.0.0",
    summary="Send the dataset, then all that changes it.",
    complexity="O(N) for N keys, in a child process",
)
def sync(ctx: Context) -> NoReplyType:
    """Have the driver send a dataset; what a client asks that is served is passed over.

    Raises:
        CommandError: nobody can follow this server now.
    """
    return _serve(ctx, "", 0, is_old=True)


@command(
    "PSYNC",
    arity=-3,
    flags=_SYNC,
    group="server",
    since="2.8.0",
    summary="Send all that has changed since an offset, or the dataset first.",
    complexity="O(N) for N keys where it is the dataset, in a child process",
)
def psync(
    ctx: Context,
    replication_id: bytes,
    offset: bytes,
    *option: bytes,
) -> NoReplyType:
    """Have the driver go on behind the offset, or send a dataset.

    Raises:
        CommandError: nobody can follow this server now, or the offset is no number.
    """
    begun, log = integer(offset), None
    if option and option[0].upper() == b"FAILOVER":
        _take_over(ctx, decode(replication_id))
    elif option and option[0].upper() == LOG:
        log = tuple(option[1:])
    return _serve(ctx, decode(replication_id), begun - 1, log=log)


def _take_over(ctx: Context, history: str) -> None:
    """Become the master of the one that was the master of this server.

    Raises:
        CommandError: it is nobody's replica, or not in that history.
    """
    replication, facts = ctx.server.replication, ctx.server.log_facts
    if not replication.is_replica:
        raise CommandError(errors.TAKES_OVER_ALREADY)
    if ctx.server.config.log_store:
        raise CommandError(errors.FOLLOWS_ITS_STORE % b"PSYNC")
    if history != replication.id:
        raise CommandError(errors.TAKES_OVER_OTHER)
    replication.follow(None, 0 if facts is None else int(facts()["last_seq"]))
    note_change(ctx, "PSYNC FAILOVER")


def _serve(
    ctx: Context,
    history: str,
    offset: int,
    *,
    is_old: bool = False,
    log: tuple[bytes, ...] | None = None,
) -> NoReplyType:
    server, session = ctx.server, ctx.session
    if session.is_replica:
        return NO_REPLY
    replication = server.replication
    if not server.has_log or server.log_facts is None:
        raise CommandError(errors.NO_LOG_TO_FOLLOW)
    if replication.is_taking and (log is None or server.config.log_store):
        raise CommandError(errors.LOG_IS_TAKEN)
    is_apart = replication.is_replica and not replication.link.is_up
    if is_apart or replication.is_broken:
        raise CommandError(errors.MASTER_LINK_DOWN)
    session.is_replica = True
    server.replicas.introduce(session).state = WAITING
    inquiry = ServeReplica(session, history, offset, is_old=is_old, log=log)
    ctx.engine.outbox.ask(inquiry)
    return NO_REPLY


@command(
    "REPLCONF",
    arity=-1,
    flags=_ADMIN | Flag.LOADING | Flag.ALLOW_BUSY,
    group="server",
    since="3.0.0",
    summary="Note what a replica tells of itself.",
    complexity="O(1)",
)
def replconf(ctx: Context, *option: bytes) -> SimpleString | NoReplyType:
    """Note it; there is no answer to how far a replica is.

    Raises:
        CommandError: an option is unknown, or what it says is none.
    """
    if len(option) % 2:
        raise CommandError(errors.SYNTAX)
    replica = ctx.server.replicas.introduce(ctx.session)
    for at in range(0, len(option), 2):
        word, value = option[at].lower(), option[at + 1]
        if word in (b"ack", b"fack"):
            return _acknowledge(ctx, replica, option)
        if word == b"getack":
            return NO_REPLY
        _note(replica, word, value, option[at])
    if LOG_CAPABILITY in option and _gives_log(ctx):
        assert ctx.server.replication.log_place is not None
        log_id = ctx.server.replication.log_place().log_id.encode()
        return SimpleString(b"OK %b %b" % (LOG_CAPABILITY, log_id))
    return OK


def _gives_log(ctx: Context) -> bool:
    """Say whether replicas that can take the log itself are sent that."""
    server = ctx.server
    has_place = server.replication.log_place is not None and server.has_log
    return has_place and server.config.replica_log


def _note(replica: Replica, word: bytes, value: bytes, as_given: bytes) -> None:
    if word == b"listening-port":
        replica.port = integer(value)
    elif word == b"ip-address":
        if len(value) > _HOST_BYTES_MAX:
            raise CommandError(errors.replica_address_too_long(len(value)))
        replica.host = decode(value)
    elif word == b"capa":
        replica.capabilities.add(value[:_VERSION_BYTES_MAX].lower())
    elif word == b"version":
        replica.version = value[:_VERSION_BYTES_MAX]
    elif word == b"rdb-only":
        replica.is_rdb_only = integer(value) == 1
    elif word == b"rdb-filter-only":
        words = value.split()
        for one in words:
            if one != b"functions":
                raise CommandError(errors.unsupported_filter(one))
        replica.filters = set(words)
    else:
        raise CommandError(errors.unrecognized_replconf(as_given))


def _acknowledge(
    ctx: Context, replica: Replica, option: tuple[bytes, ...]
) -> NoReplyType:
    """Note how far a replica is: what it has applied, and what it has durably."""
    if not ctx.session.is_replica:
        return NO_REPLY
    for at in range(0, len(option), 2):
        offset = parse_int64(option[at + 1])
        if offset is None:
            break
        if option[at].lower() == b"ack":
            replica.offset = max(replica.offset, offset)
        elif option[at].lower() == b"fack":
            replica.durable_offset = max(replica.durable_offset, offset)
    replica.heard_ms = ctx.server.steady_ms()
    replica.has_acknowledged = True
    ctx.engine.outbox.ask(Acknowledged(ctx.session))
    return NO_REPLY
