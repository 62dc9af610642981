"""Commands about replication: whom the server follows, and what its replicas have.

What replicas themselves send is in `joblog.app.commands.server.replicas`.

Source: Redis 7.2 and Valkey 9.1; see tests/parity/test_replication.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from joblog.app import errors
from joblog.app.config.kinds import decode, encode
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.state.alarm import PAST
from joblog.app.state.operator_lines import note_change
from joblog.app.state.replicas import GETACK, STREAM_KIND, AwaitReplicas
from joblog.app.state.replication import Address
from joblog.app.table.arguments import integer, whole_timeout_ms
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import LEAST, SHARDS
from joblog.app.types.numbers import parse_int64

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_PORT_MAX: Final = 65535


@command(
    "ROLE",
    arity=1,
    flags=Flag.NOSCRIPT | Flag.LOADING | Flag.STALE | Flag.FAST,
    group="server",
    since="2.8.12",
    summary="Return the part that the server plays in replication.",
    complexity="O(1)",
    acl=("admin", "dangerous"),
)
def role(ctx: Context) -> list[Any]:
    """Return whom it follows and how far; or who follows it."""
    state, replicas = ctx.server.replication, ctx.server.replicas
    if state.master is None:
        told = [
            [encode(one.address), b"%d" % one.port, b"%d" % one.offset]
            for one in replicas.attached()
            if one.is_online
        ]
        told += [
            [encode(one.address.host), b"%d" % one.address.port, b"%d" % one.seq]
            for one in ctx.server.cluster.online(ctx.server.steady_ms())
        ]
        return [b"master", replicas.offset if replicas.is_sent else state.offset, told]
    host, port = state.master
    offset = state.offset if state.link.is_up else -1
    return [b"slave", encode(host), port, state.link.state.encode(), offset]


@command(
    "WAIT",
    arity=3,
    flags=Flag.BLOCKING,
    group="generic",
    since="3.0.0",
    summary="Wait until replicas have what was written, or a time is over.",
    complexity="O(1)",
    acl=("-keyspace", "connection"),
    tips=(SHARDS, LEAST),
)
def wait(ctx: Context, numreplicas: bytes, timeout: bytes) -> int:
    """Return how many replicas have it: at once, or when the time is over.

    Raises:
        CommandError: the server is a replica itself, or a number is none.
    """
    if ctx.server.replication.is_replica:
        raise CommandError(errors.WAIT_ON_REPLICA)
    most, wait_ms = integer(numreplicas), whole_timeout_ms(timeout, ctx.now_ms)
    so_far = _reached(ctx)
    if so_far >= most or ctx.unit is not None:
        return so_far
    inquiry = _ask_replicas(ctx, most)
    return cast("int", ctx.ask(inquiry, wait_ms, _answer, at_timeout=so_far))


def _answer(answer: Any) -> Any:
    return answer


def _reached(ctx: Context, *, is_durable: bool = False) -> int:
    """Return how many replicas surely have all that was written so far."""
    replicas, facts = ctx.server.replicas, ctx.server.log_facts
    if not (replicas.is_sent and replicas.known) or facts is None:
        return 0
    if facts()["last_seq"] != replicas.seq:
        return 0  # what was written last is on its way
    return replicas.reached(replicas.written, is_durable=is_durable)


def _ask_replicas(ctx: Context, most: int, local: int = -1) -> AwaitReplicas:
    """Have replicas asked how far they are, behind all that was written so far."""
    asks = any(one.is_online for one in ctx.server.replicas.known.values())
    if asks:
        note = {"kind": STREAM_KIND, "commands": [GETACK]}
        ctx.engine.outbox.note_of_server(note)
    return AwaitReplicas(ctx.session, most, local, asks=asks)


@command(
    "WAITAOF",
    arity=4,
    flags=Flag.BLOCKING,
    group="generic",
    since="7.2.0",
    summary="Wait until the log and those of replicas are durable, or a time is over.",
    complexity="O(1), and one fsync",
    acl=("-keyspace", "connection"),
    tips=(SHARDS, LEAST),
)
def waitaof(
    ctx: Context, numlocal: bytes, numreplicas: bytes, timeout: bytes
) -> list[int]:
    """Return [1 where all that was written is durable here, in how many replicas]."""
    local, replicas, wait_ms = _waitaof_arguments(ctx, numlocal, numreplicas, timeout)
    has_log = ctx.server.has_log
    is_durable = has_log and ctx.engine.outbox.is_durable()
    so_far = [int(is_durable), _reached(ctx, is_durable=True)]
    is_satisfied = so_far[1] >= replicas and (is_durable or not local)
    if is_satisfied or ctx.unit is not None:
        return so_far
    inquiry = _ask_replicas(ctx, replicas, int(has_log))
    inquiry.needs_local = bool(local)
    reply = ctx.ask(inquiry, wait_ms, _answer, at_timeout=so_far)
    return cast("list[int]", reply)


def _waitaof_arguments(
    ctx: Context, numlocal: bytes, numreplicas: bytes, timeout: bytes
) -> tuple[int, int, int]:
    local = parse_int64(numlocal)
    if local is None:
        raise CommandError(errors.NOT_AN_INTEGER)
    if local not in (0, 1):
        raise CommandError(errors.LOCAL_COPIES_OUT_OF_RANGE)
    replicas = parse_int64(numreplicas)
    if replicas is None or replicas < 0:
        raise CommandError(errors.NOT_POSITIVE)
    wait_ms = whole_timeout_ms(timeout, ctx.now_ms)
    if ctx.server.replication.is_replica:
        raise CommandError(errors.WAITAOF_ON_REPLICA)
    if local and not (ctx.server.has_log and ctx.server.config.appendonly):
        raise CommandError(errors.WAITAOF_WITHOUT_LOG)
    return local, replicas, wait_ms


_ADMIN: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.STALE
_SAME: Final = SimpleString(b"OK Already connected to specified master")


def _follow(ctx: Context, host: bytes, port: bytes) -> SimpleString:
    """Return OK, or that it follows that server already.

    Raises:
        CommandError: the port is none, this is a moment of the past, it hands over, or
            its log is kept by a store too.
    """
    state = ctx.server.replication
    if state.failover.is_on:
        raise CommandError(errors.REPLICAOF_IN_FAILOVER)
    if ctx.server.alarm.has(PAST):
        raise CommandError(errors.READ_ONLY)
    if (host.lower(), port.lower()) == (b"no", b"one"):
        if state.is_replica and ctx.server.config.log_store:
            raise CommandError(errors.FOLLOWS_ITS_STORE % b"REPLICAOF")
        if state.is_replica:
            facts = ctx.server.log_facts
            state.follow(None, 0 if facts is None else int(facts()["last_seq"]))
            note_change(ctx, "REPLICAOF NO ONE")
        return OK
    number = parse_int64(port)
    if number is None or not 0 <= number <= _PORT_MAX:
        raise CommandError(errors.INVALID_PRIMARY_PORT)
    if ctx.server.config.log_store:
        raise CommandError(errors.FOLLOWS_ITS_STORE % b"REPLICAOF")
    address = Address(decode(host), number)
    if address == state.master:
        return _SAME
    state.follow(address)
    note_change(ctx, f"REPLICAOF {address.host} {address.port}")
    return OK


for _name, _since in (("REPLICAOF", "5.0.0"), ("SLAVEOF", "1.0.0")):
    command(
        _name,
        arity=3,
        flags=_ADMIN | Flag.NO_ASYNC_LOADING,
        group="server",
        since=_since,
        summary="Follow another server, or no other any more.",
        complexity="O(1)",
    )(_follow)
