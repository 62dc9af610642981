"""Effects of what happens to pending entries: the commands that the log keeps for it.

What a consumer is given depends on the time, and on what others did; so not the command
is recorded, but what came of it, in commands that a real server would understand too:

    XCLAIM key group consumer 0 id ... TIME ms RETRYCOUNT n FORCE JUSTID LASTID id
        these entries are pending at this consumer since then, for the nth time;
        those that are no longer in the stream are not pending any more
    XCLAIM key group consumer 0 0-0 TIME ms JUSTID
        the consumer is there, and was seen then
    XGROUP SETID key group id ENTRIESREAD n
        the group has read up to there

A fold has no clock. There TIME also says when the consumer was seen, and LASTID that it
was active at that time: that it was given something new. That a consumer asked in vain
is kept in memory and not recorded: an idle worker asks all day.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from joblog.app.commands.streams.arguments import note_quiet_change
from joblog.app.types.stream_ids import format_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.state.context import Context
    from joblog.app.types.stream_groups import Consumer, Group

_NO_ID = b"0-0"
_UNKNOWN_COUNT = -1


def is_folding(ctx: Context) -> bool:
    """Say whether the command is an effect that a fold applies: no clock runs there."""
    return not ctx.now_ms


def add_consumer(ctx: Context, key: bytes, group: Group, name: bytes) -> Consumer:
    """Add a consumer to a group, and tell of it."""
    consumer = group.add_consumer(name, ctx.now_ms)
    ctx.db.touch(key, b"xgroup-createconsumer")
    return consumer


def record_new_consumer(
    ctx: Context, key: bytes, group_name: bytes, consumer: Consumer
) -> None:
    """Record that a consumer is there now, and was given nothing yet."""
    ctx.record(b"XGROUP", b"CREATECONSUMER", key, group_name, consumer.name)
    record_seen(ctx, key, group_name, consumer)


def record_seen(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    consumer: Consumer,
    group: Group | None = None,
) -> None:
    """Record when a consumer was seen; with its group given, that it was active too."""
    tail = _last_id(group)
    now = b"%d" % ctx.now_ms
    _claim(ctx, key, group_name, consumer, _NO_ID, b"TIME", now, b"JUSTID", *tail)


def record_reading(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    group: Group,
    consumer: Consumer,
    ids: Iterable[bytes],
) -> None:
    """Record that a group has read up to its last ID.

    Args:
        ctx: the context of the command.
        key: the stream.
        group_name: the name of the group.
        group: the group, changed already.
        consumer: who was given the entries.
        ids: those of them that are pending now; none for NOACK.
    """
    note_quiet_change(ctx)
    if ids:
        time = (b"TIME", b"%d" % ctx.now_ms, b"RETRYCOUNT", b"1", b"FORCE", b"JUSTID")
        _claim(ctx, key, group_name, consumer, *ids, *time, *_last_id(group))
    else:
        record_seen(ctx, key, group_name, consumer)
    record_position(ctx, key, group_name, group)


def record_position(ctx: Context, key: bytes, group_name: bytes, group: Group) -> None:
    """Record how far a group has read."""
    read = _UNKNOWN_COUNT if group.entries_read is None else group.entries_read
    last_id = format_id(group.last_id)
    words = (b"XGROUP", b"SETID", key, group_name, last_id, b"ENTRIESREAD")
    ctx.record(*words, b"%d" % read)


def record_rereading(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    consumer: Consumer,
    again: list[tuple[int, int]],
) -> None:
    """Record that entries were delivered again, each with its count of deliveries."""
    if again:
        note_quiet_change(ctx)
        record_claims(ctx, key, group_name, consumer, again, ctx.now_ms)


def record_claims(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    consumer: Consumer,
    claimed: Iterable[tuple[int, int]],
    delivered_ms: int,
    group: Group | None = None,
) -> None:
    """Record who has entries pending.

    Args:
        ctx: the context of the command.
        key: the stream.
        group_name: the name of the group.
        consumer: who has them.
        claimed: the ID of each, and how often it was delivered.
        delivered_ms: when they were delivered.
        group: the group, where the consumer was active by this.
    """
    tail = _last_id(group)
    time = b"%d" % delivered_ms
    for count, run in groupby(claimed, itemgetter(1)):
        ids = [format_id(entry_id) for entry_id, _ in run]
        dated = (b"TIME", time, b"RETRYCOUNT", b"%d" % count, b"FORCE", b"JUSTID")
        _claim(ctx, key, group_name, consumer, *ids, *dated, *tail)


def record_gone(
    ctx: Context, key: bytes, group_name: bytes, consumer: Consumer, gone: list[int]
) -> None:
    """Record that entries are no longer pending, since the stream has lost them."""
    if gone:
        ids = map(format_id, gone)
        now = b"%d" % ctx.now_ms
        _claim(ctx, key, group_name, consumer, *ids, b"TIME", now, b"JUSTID")


def _last_id(group: Group | None) -> tuple[bytes, ...]:
    return () if group is None else (b"LASTID", format_id(group.last_id))


def _claim(
    ctx: Context, key: bytes, group_name: bytes, consumer: Consumer, *words: bytes
) -> None:
    ctx.record(b"XCLAIM", key, group_name, consumer.name, b"0", *words)
