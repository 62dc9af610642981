"""XINFO: what is known of a stream, its groups and their consumers.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.commands.streams.arguments import entries_reply, require_stream
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.table.usage import add_help
from joblog.app.types.stream_ids import format_id

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.stream_groups import Consumer, Group, PendingList
    from joblog.app.types.stream_nodes import Fields
    from joblog.app.types.stream_producers import Producers
    from joblog.app.types.streams import Stream

_KEY: Final = KeySpec("RO ACCESS", first=2)
_COUNT: Final = 10
_Info = dict[bytes, Any]


@command(
    "XINFO STREAM",
    arity=-3,
    flags=Flag.READONLY,
    keys=_KEY,
    group="stream",
    since="5.0.0",
    summary="Tell what is known of a stream; with FULL its groups and entries too.",
    complexity="O(log N), and O(M) for M entries shown",
)
def xinfo_stream(ctx: Context, key: bytes, *options: bytes) -> _Info:
    """Return facts by name."""
    stream = require_stream(ctx, key)
    if options:
        return _describe_fully(stream, _parse_full(options))
    first, last = stream.between(count=1), stream.between_backwards(count=1)
    return {
        **_describe(stream),
        b"groups": len(stream.groups),
        b"first-entry": _entry_reply(first),
        b"last-entry": _entry_reply(last),
    }


def _parse_full(options: tuple[bytes, ...]) -> int:
    """Return the COUNT of FULL: how much of each list to show; 0 is all."""
    words = [option.upper() for option in options]
    if words == [b"FULL"]:
        return _COUNT
    if words[0] != b"FULL" or words[1] != b"COUNT" or len(words) != 3:  # noqa: PLR2004
        raise errors.odd_subcommand(b"STREAM", b"XINFO")
    count = integer(options[2])
    return _COUNT if count < 0 else count


def _describe(stream: Stream) -> _Info:
    return {
        b"length": stream.length,
        b"radix-tree-keys": len(stream.nodes),
        b"radix-tree-nodes": stream.radix_tree_nodes(),
        b"last-generated-id": format_id(stream.last_id),
        b"max-deleted-entry-id": format_id(stream.max_deleted_id),
        b"entries-added": stream.entries_added,
        b"recorded-first-entry-id": format_id(stream.first_id),
        **({} if stream.producers is None else _describe_producers(stream.producers)),
    }


def _describe_producers(producers: Producers) -> _Info:
    return {
        b"idmp-duration": producers.duration_seconds,
        b"idmp-maxsize": producers.size,
        b"pids-tracked": len(producers.by_producer),
        b"iids-tracked": len(producers),
        b"iids-added": producers.added,
        b"iids-duplicates": producers.duplicates,
    }


def _entry_reply(entries: list[tuple[int, Fields]]) -> Any:
    return entries_reply(entries)[0] if entries else None


def _describe_fully(stream: Stream, count: int) -> _Info:
    return {
        **_describe(stream),
        b"entries": entries_reply(stream.between(count=count)),
        b"groups": [
            {
                b"name": name,
                **_position(stream, group),
                b"pel-count": len(group.pending),
                b"pending": _pending_reply(group.pending, count, with_names=True),
                b"consumers": [
                    _describe_consumer(consumer, count)
                    for _, consumer in sorted(group.consumers.items())
                ],
            }
            for name, group in sorted(stream.groups.items())
        ],
    }


def _describe_consumer(consumer: Consumer, count: int) -> _Info:
    return {
        b"name": consumer.name,
        b"seen-time": consumer.seen_ms,
        b"active-time": consumer.active_ms,
        b"pel-count": len(consumer.pending),
        b"pending": _pending_reply(consumer.pending, count, with_names=False),
    }


def _pending_reply(
    pending: PendingList, count: int, *, with_names: bool
) -> list[list[Any]]:
    reply = []
    for entry_id, each in islice(pending.between(), count or None):
        names = [each.consumer.name] if with_names else []
        reply.append([format_id(entry_id), *names, each.delivered_ms, each.deliveries])
    return reply


def _position(stream: Stream, group: Group) -> _Info:
    """Return how far a group has read."""
    return {
        b"last-delivered-id": format_id(group.last_id),
        b"entries-read": group.entries_read,
        b"lag": stream.lag_of(group),
    }


@command(
    "XINFO GROUPS",
    arity=3,
    flags=Flag.READONLY,
    keys=_KEY,
    group="stream",
    since="5.0.0",
    summary="List the consumer groups of a stream, and how far they have read.",
    complexity="O(N) for N groups",
)
def xinfo_groups(ctx: Context, key: bytes) -> list[_Info]:
    """Return facts by name, for each group."""
    stream = require_stream(ctx, key)
    return [
        {
            b"name": name,
            b"consumers": len(group.consumers),
            b"pending": len(group.pending),
            **_position(stream, group),
        }
        for name, group in sorted(stream.groups.items())
    ]


@command(
    "XINFO CONSUMERS",
    arity=4,
    flags=Flag.READONLY,
    keys=_KEY,
    group="stream",
    since="5.0.0",
    summary="List the consumers of a group, and how long they have been idle.",
    complexity="O(N) for N consumers",
    tips=(RANDOM,),
)
def xinfo_consumers(ctx: Context, key: bytes, name: bytes) -> list[_Info]:
    """Return facts by name, for each consumer."""
    group = require_stream(ctx, key).groups.get(name)
    if group is None:
        raise CommandError(errors.no_group(key, name))
    now_ms = ctx.now_ms
    return [
        {
            b"name": consumer.name,
            b"pending": len(consumer.pending),
            b"idle": max(now_ms - consumer.seen_ms, 0),
            b"inactive": -1 if consumer.active_ms < 0 else now_ms - consumer.active_ms,
        }
        for _, consumer in sorted(group.consumers.items())
    ]


add_help(
    "XINFO",
    group="stream",
    since="5.0.0",
    syntax={
        "STREAM": "<key> [FULL [COUNT <count>]]",
    },
)
