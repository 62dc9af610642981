"""SUBSCRIBE, PUBLISH and their like; `joblog.app.engine.pubsub` does the work.

Source: Redis 7.2; see tests/parity/test_pubsub.py.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.keyspace.glob import compile_glob
from joblog.app.reply import BulkList
from joblog.app.state.replicas import STREAM_KIND
from joblog.app.state.subscriptions import CHANNEL, PATTERN, SHARD_CHANNEL
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import add_help

if TYPE_CHECKING:
    from joblog.app.reply import Replies
    from joblog.app.state.context import Context
    from joblog.app.state.subscriptions import Kind

_ANY_TIME: Final = Flag.PUBSUB | Flag.LOADING | Flag.STALE
_ONE_CHANNEL: Final = slice(1, 2)
_ALL_CHANNELS: Final = slice(1, None)
_SUBSCRIBE: Final = _ANY_TIME | Flag.NOSCRIPT | Flag.WHILE_SUBSCRIBED
_PUBLISH: Final = _ANY_TIME | Flag.FAST | Flag.MAY_REPLICATE
_SHARD_CHANNELS: Final = KeySpec("NOT_KEY", last=-1)


@command(
    "SUBSCRIBE",
    arity=-2,
    flags=_SUBSCRIBE,
    channels=_ALL_CHANNELS,
    group="pubsub",
    since="2.0.0",
    summary="Listen to channels.",
    complexity="O(N) for N channels",
)
def subscribe(ctx: Context, channel: bytes, *channels: bytes) -> Replies:
    """Return a confirmation for each channel."""
    return _subscribe(ctx, CHANNEL, channel, *channels)


@command(
    "PSUBSCRIBE",
    arity=-2,
    flags=_SUBSCRIBE,
    channels=_ALL_CHANNELS,
    group="pubsub",
    since="2.0.0",
    summary="Listen to the channels that patterns match.",
    complexity="O(N) for N patterns",
)
def psubscribe(ctx: Context, pattern: bytes, *patterns: bytes) -> Replies:
    """Return a confirmation for each pattern."""
    return _subscribe(ctx, PATTERN, pattern, *patterns)


@command(
    "SSUBSCRIBE",
    arity=-2,
    flags=_SUBSCRIBE,
    keys=_SHARD_CHANNELS,
    channels=_ALL_CHANNELS,
    group="pubsub",
    since="7.0.0",
    summary="Listen to shard channels.",
    complexity="O(N) for N channels",
)
def ssubscribe(ctx: Context, channel: bytes, *channels: bytes) -> Replies:
    """Return a confirmation for each channel.

    Raises:
        CommandError: it runs inside of EXEC, where SUBSCRIBE may.
    """
    if ctx.unit is not None:
        raise CommandError(errors.SSUBSCRIBE_IN_EXEC)
    return _subscribe(ctx, SHARD_CHANNEL, channel, *channels)


def _subscribe(ctx: Context, kind: Kind, *names: bytes) -> Replies:
    confirmations: Replies = ctx.engine.pubsub.subscribe(ctx.session, kind, names)
    return confirmations


@command(
    "UNSUBSCRIBE",
    arity=-1,
    flags=_SUBSCRIBE,
    group="pubsub",
    since="2.0.0",
    summary="Listen to channels no longer, to none at all where none is named.",
    complexity="O(N) for N channels",
)
def unsubscribe(ctx: Context, *channels: bytes) -> Replies:
    """Return a confirmation for each channel."""
    return _unsubscribe(ctx, CHANNEL, *channels)


@command(
    "PUNSUBSCRIBE",
    arity=-1,
    flags=_SUBSCRIBE,
    group="pubsub",
    since="2.0.0",
    summary="Forget patterns of channels, all of them where none is named.",
    complexity="O(N) for N patterns",
)
def punsubscribe(ctx: Context, *patterns: bytes) -> Replies:
    """Return a confirmation for each pattern."""
    return _unsubscribe(ctx, PATTERN, *patterns)


@command(
    "SUNSUBSCRIBE",
    arity=-1,
    flags=_SUBSCRIBE,
    keys=_SHARD_CHANNELS,
    group="pubsub",
    since="7.0.0",
    summary="Listen to shard channels no longer, to none at all where none is named.",
    complexity="O(N) for N channels",
)
def sunsubscribe(ctx: Context, *channels: bytes) -> Replies:
    """Return a confirmation for each channel."""
    return _unsubscribe(ctx, SHARD_CHANNEL, *channels)


def _unsubscribe(ctx: Context, kind: Kind, *names: bytes) -> Replies:
    confirmations: Replies = ctx.engine.pubsub.unsubscribe(ctx.session, kind, names)
    return confirmations


@command(
    "PUBLISH",
    arity=3,
    flags=_PUBLISH,
    channels=_ONE_CHANNEL,
    group="pubsub",
    since="2.0.0",
    summary="Send a message to all who listen to a channel.",
    complexity="O(N+M) for N subscribers and M patterns of all clients",
)
def publish(ctx: Context, channel: bytes, message: bytes) -> int:
    """Return how many got it."""
    count: int = ctx.engine.pubsub.publish(channel, message)
    _tell_replicas(ctx, [b"PUBLISH", channel, message])
    return count


def _tell_replicas(ctx: Context, argv: list[bytes]) -> None:
    """Have replicas publish it too; where the disk takes nothing, they do not."""
    server = ctx.server
    is_own = ctx.session.is_master or not server.replication.is_replica
    if server.replicas.known and is_own and server.alarm.disk_error is None:
        ctx.engine.outbox.note_of_server({"kind": STREAM_KIND, "commands": [argv]})


@command(
    "SPUBLISH",
    arity=3,
    flags=_PUBLISH,
    keys=KeySpec("NOT_KEY"),
    channels=_ONE_CHANNEL,
    group="pubsub",
    since="7.0.0",
    summary="Send a message to all who listen to a shard channel.",
    complexity="O(N) for N subscribers",
)
def spublish(ctx: Context, channel: bytes, message: bytes) -> int:
    """Return how many got it."""
    count: int = ctx.engine.pubsub.publish(channel, message, SHARD_CHANNEL)
    _tell_replicas(ctx, [b"SPUBLISH", channel, message])
    return count


# --- introspection -----------------------------------------------------------------


@command(
    "PUBSUB CHANNELS",
    arity=-2,
    flags=_ANY_TIME,
    group="pubsub",
    since="2.8.0",
    summary="List the channels that somebody listens to.",
    complexity="O(N) for N channels",
)
def pubsub_channels(ctx: Context, *pattern: bytes) -> BulkList:
    """Return their names, of those that the pattern matches where one is given."""
    return _listened_to(ctx, CHANNEL, b"CHANNELS", pattern)


@command(
    "PUBSUB SHARDCHANNELS",
    arity=-2,
    flags=_ANY_TIME,
    group="pubsub",
    since="7.0.0",
    summary="List the shard channels that somebody listens to.",
    complexity="O(N) for N channels",
)
def pubsub_shardchannels(ctx: Context, *pattern: bytes) -> BulkList:
    """Return their names, of those that the pattern matches where one is given."""
    return _listened_to(ctx, SHARD_CHANNEL, b"SHARDCHANNELS", pattern)


def _listened_to(
    ctx: Context, kind: Kind, subcommand: bytes, pattern: tuple[bytes, ...]
) -> BulkList:
    if len(pattern) > 1:
        raise errors.odd_subcommand(subcommand, b"PUBSUB")
    names = list(ctx.engine.pubsub.subscribers[kind.place])
    if pattern:
        names = list(filter(compile_glob(pattern[0]), names))
    return BulkList(names)


@command(
    "PUBSUB NUMSUB",
    arity=-2,
    flags=_ANY_TIME,
    group="pubsub",
    since="2.8.0",
    summary="Count who listens to channels; patterns do not count.",
    complexity="O(N) for N channels",
)
def pubsub_numsub(ctx: Context, *channels: bytes) -> list[Any]:
    """Return the channels and their numbers in turn."""
    return _counts(ctx, CHANNEL, channels)


@command(
    "PUBSUB SHARDNUMSUB",
    arity=-2,
    flags=_ANY_TIME,
    group="pubsub",
    since="7.0.0",
    summary="Count who listens to shard channels.",
    complexity="O(N) for N channels",
)
def pubsub_shardnumsub(ctx: Context, *channels: bytes) -> list[Any]:
    """Return the channels and their numbers in turn."""
    return _counts(ctx, SHARD_CHANNEL, channels)


def _counts(ctx: Context, kind: Kind, channels: tuple[bytes, ...]) -> list[Any]:
    subscribers = ctx.engine.pubsub.subscribers[kind.place]
    counts = [(name, len(subscribers.get(name, ()))) for name in channels]
    return list(chain.from_iterable(counts))


@command(
    "PUBSUB NUMPAT",
    arity=2,
    flags=_ANY_TIME,
    group="pubsub",
    since="2.8.0",
    summary="Count the patterns that somebody listens to.",
    complexity="O(1)",
)
def pubsub_numpat(ctx: Context) -> int:
    """Return their number, each counted once."""
    return len(ctx.engine.pubsub.subscribers[PATTERN.place])


add_help("PUBSUB", group="pubsub", since="6.2.0")
