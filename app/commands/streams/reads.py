"""Stream commands that read entries: ranges, and what is new.

XREAD and XREADGROUP share their options (`stream_read_options`) and may block. What a
consumer is given is recorded as who has it since when, not as the command; see
`stream_effects`.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.commands.streams.arguments import (
    entries_reply,
    interval_end,
    interval_start,
    stream_id,
)
from joblog.app.commands.streams.effects import (
    add_consumer,
    record_new_consumer,
    record_reading,
    record_rereading,
)
from joblog.app.commands.streams.read_options import (
    Reading,
    find_stream_keys,
    parse_reading,
)
from joblog.app.commands.streams.reclaims import reclaim, wait_ms
from joblog.app.errors import CommandError
from joblog.app.reply import BLOCKED, NULL_ARRAY, Entries, Keyed, NullArrayType
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.stream_ids import ID_MAX, format_id
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context
    from joblog.app.types.stream_groups import Consumer, Group

_READ: Final = KeySpec("RO ACCESS")
_READ_FLAGS: Final = Flag.BLOCKING | Flag.MOVABLEKEYS


@command(
    "XRANGE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="stream",
    since="5.0.0",
    summary="Return the entries from one ID to another.",
    complexity="O(log N + M) for M entries returned",
)
def xrange(
    ctx: Context, key: bytes, start: bytes, end: bytes, *options: bytes
) -> Entries | NullArrayType:
    """Return entries in order; null for a COUNT of 0."""
    return _range(ctx, key, start, end, options, is_backwards=False)


@command(
    "XREVRANGE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="stream",
    since="5.0.0",
    summary="Return the entries from one ID back to another.",
    complexity="O(log N + M) for M entries returned",
)
def xrevrange(
    ctx: Context, key: bytes, end: bytes, start: bytes, *options: bytes
) -> Entries | NullArrayType:
    """Return entries, the highest ID first; null for a COUNT of 0."""
    return _range(ctx, key, start, end, options, is_backwards=True)


def _range(
    ctx: Context,
    key: bytes,
    start: bytes,
    end: bytes,
    options: tuple[bytes, ...],
    *,
    is_backwards: bool,
) -> Entries | NullArrayType:
    least, most = interval_start(start), interval_end(end)
    count: int | None = None
    words = iter(options)
    for word in words:
        argument = next(words, None)
        if word.upper() != b"COUNT" or argument is None:
            raise CommandError(errors.SYNTAX)
        count = max(integer(argument), 0)
    stream = ctx.db.get(key, Stream)
    if stream is None:
        return Entries()
    if count == 0:
        return NULL_ARRAY
    read = stream.between_backwards if is_backwards else stream.between
    return entries_reply(read(least, most, count or 0))


# --- XREAD -------------------------------------------------------------------------


@command(
    "XREAD",
    arity=-4,
    flags=Flag.READONLY | _READ_FLAGS,
    keys=KeySpec("RO ACCESS", 1, -1, 2, keyword=b"STREAMS", find=find_stream_keys),
    group="stream",
    since="5.0.0",
    summary="Return entries behind certain IDs, of one stream or of several.",
    complexity="O(log N + M) for each stream and M entries returned",
)
def xread(ctx: Context, first: bytes, second: bytes, third: bytes, *more: bytes) -> Any:
    """Return entries by stream, or null where there are none; it may block."""
    reading = parse_reading(ctx, (first, second, third, *more), b"xread")
    after = [
        _read_after(ctx, key, text)
        for key, text in zip(reading.keys, reading.ids, strict=True)
    ]
    serve = partial(_read_entries, keys=reading.keys, after=after, count=reading.most)
    if reading.block_ms is not None:
        return ctx.wait(reading.keys, reading.block_ms, Stream, serve, is_sharing=True)
    reply = serve(ctx)
    return NULL_ARRAY if reply is BLOCKED else reply


def _read_after(ctx: Context, key: bytes, text: bytes) -> int:
    """Return the ID behind which XREAD reads a stream."""
    stream = ctx.db.get(key, Stream)
    if text == b"$":
        return 0 if stream is None else stream.last_id
    if text == b"+":
        return 0 if stream is None else _before_newest(stream)
    if text == b">":
        raise CommandError(errors.NEW_ID_IN_XREAD)
    return stream_id(text)


def _before_newest(stream: Stream) -> int:
    """Return the ID behind which there is only the newest entry, or none."""
    newest = stream.between_backwards(0, ID_MAX, 1)
    return newest[0][0] - 1 if newest else stream.last_id


def _read_entries(
    ctx: Context, keys: Sequence[bytes], after: list[int], count: int
) -> Any:
    """Return the entries behind some IDs, or BLOCKED where there are none."""
    found = Keyed()
    for key, last_id in zip(keys, after, strict=True):
        stream = ctx.db.lookup(key)
        if type(stream) is Stream and stream.last_id > last_id:
            entries = stream.between(last_id + 1, ID_MAX, count)
            if entries:
                found.append((key, entries_reply(entries)))
    return found or BLOCKED


# --- XREADGROUP --------------------------------------------------------------------


@command(
    "XREADGROUP",
    arity=-7,
    flags=Flag.WRITE | _READ_FLAGS,
    keys=KeySpec(
        "RO ACCESS",
        first=4,
        last=-1,
        step=2,
        keyword=b"STREAMS",
        find=find_stream_keys,
        is_changed=True,
    ),
    effects=("XCLAIM", "XGROUP"),
    group="stream",
    since="5.0.0",
    summary="Return entries that are new to a group, and note who has them.",
    complexity="O(log N + M) for each stream and M entries returned",
)
def xreadgroup(
    ctx: Context,
    first: bytes,
    second: bytes,
    third: bytes,
    fourth: bytes,
    fifth: bytes,
    sixth: bytes,
    *more: bytes,
) -> Any:
    """Return entries by stream, or null where there are none; it may block."""
    words = (first, second, third, fourth, fifth, sixth, *more)
    reading = parse_reading(ctx, words, b"xreadgroup")
    after = _check_groups(ctx, reading)
    serve = partial(_read_groups, reading=reading, after=after)
    if reading.block_ms is not None:
        # A client that waits is a consumer already, and is told to the log as one.
        _add_consumers(ctx, reading)
        retry = None
        if reading.claim_ms is not None:
            retry = partial(_wait_ms, reading=reading, idle_ms=reading.claim_ms)
        return ctx.wait(reading.keys, reading.block_ms, None, serve, retry=retry)
    reply = serve(ctx)
    if reply is BLOCKED:
        _add_consumers(ctx, reading)
        return NULL_ARRAY
    return reply


def _check_groups(ctx: Context, reading: Reading) -> list[int | None]:
    """Return for each stream the ID behind which to look; None for what is new.

    Raises:
        CommandError: a stream, a group or an ID is not there or wrong.
    """
    after: list[int | None] = []
    for key, text in zip(reading.keys, reading.ids, strict=True):
        _require_group(ctx, key, reading)
        if text == b"$":
            raise CommandError(errors.LAST_ID_IN_XREADGROUP)
        if text == b"+":
            raise CommandError(errors.NEWEST_ID_IN_XREADGROUP)
        last_id = ID_MAX if text == b">" else stream_id(text)
        after.append(None if last_id == ID_MAX else last_id)
    return after


def _require_group(ctx: Context, key: bytes, reading: Reading) -> tuple[Stream, Group]:
    assert reading.group is not None
    name = reading.group[0]
    stream = ctx.db.get(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise CommandError(errors.no_group_to_read(key, name))
    return stream, group


def _add_consumers(ctx: Context, reading: Reading) -> None:
    """Note in each group that the consumer was here."""
    assert reading.group is not None
    group_name, name = reading.group
    for key in reading.keys:
        _, group = _require_group(ctx, key, reading)
        consumer = group.consumers.get(name)
        if consumer is None:
            consumer = add_consumer(ctx, key, group, name)
            record_new_consumer(ctx, key, group_name, consumer)
        consumer.seen_ms = ctx.now_ms


def _read_groups(ctx: Context, reading: Reading, after: list[int | None]) -> Any:
    """Return what is new or still pending, or BLOCKED where nothing is new.

    Raises:
        CommandError: a group is no longer there.
    """
    known = [_require_group(ctx, key, reading) for key in reading.keys]
    reclaimed, left = _reclaim(ctx, reading, after, known)
    found = Keyed()
    for key, last_id, (stream, group), claimed in zip(
        reading.keys, after, known, reclaimed, strict=True
    ):
        entries: Any = claimed
        if last_id is not None:
            consumer = _consumer(ctx, key, group, reading)
            found.append((key, _reread(ctx, key, stream, reading, consumer, last_id)))
            continue
        if stream.last_id > group.last_id and left is not None:
            new = _read_new(ctx, key, stream, group, reading, left)
            if reading.claim_ms is None:
                entries = new
            elif new:
                entries += [[*entry, 0, 0] for entry in new]
                left = _less(left, len(new))
        if entries:
            found.append((key, entries))
    if not found:
        return BLOCKED
    if len(found) < len(reading.keys):
        _add_consumers(ctx, reading)
    return found


def _reclaim(
    ctx: Context,
    reading: Reading,
    after: list[int | None],
    known: list[tuple[Stream, Group]],
) -> tuple[list[Any], int | None]:
    """Return what is claimed of each stream, and how many entries may still be read.

    The number is 0 where there is no limit, and None where no more may be read.
    """
    left: int | None = reading.most
    reclaimed: list[Any] = []
    for key, last_id, (stream, group) in zip(reading.keys, after, known, strict=True):
        entries: list[Any] = []
        if reading.claim_ms is not None and last_id is None and left is not None:
            entries = reclaim(ctx, key, stream, group, reading, left)
            left = _less(left, len(entries))
        reclaimed.append(entries)
    return reclaimed, left


def _less(left: int, read: int) -> int | None:
    """Return how many entries may still be read, as of `_reclaim`."""
    return 0 if not left else (left - read) or None


def _wait_ms(ctx: Context, reading: Reading, idle_ms: int) -> int:
    """Return in how many ms a client that waits should look for idle entries."""
    assert reading.group is not None
    streams = map(ctx.db.peek, reading.keys)
    name = reading.group[0]
    groups = [stream.groups.get(name) for stream in streams if type(stream) is Stream]
    return wait_ms(ctx, [group for group in groups if group is not None], idle_ms)


def _consumer(ctx: Context, key: bytes, group: Group, reading: Reading) -> Consumer:
    """Return the consumer that reads, added where it is not there, with its effect."""
    assert reading.group is not None
    group_name, name = reading.group
    consumer = group.consumers.get(name)
    if consumer is None:
        consumer = add_consumer(ctx, key, group, name)
        record_new_consumer(ctx, key, group_name, consumer)
    consumer.seen_ms = ctx.now_ms
    return consumer


def _read_new(
    ctx: Context, key: bytes, stream: Stream, group: Group, reading: Reading, most: int
) -> Entries | None:
    """Deliver what is new to a group, or return None where nothing is."""
    assert reading.group is not None
    entries = stream.between(group.last_id + 1, ID_MAX, most)
    if not entries:
        return None
    group_name, name = reading.group
    consumer = group.consumers.get(name) or add_consumer(ctx, key, group, name)
    now_ms = consumer.seen_ms = ctx.now_ms
    ids = [entry_id for entry_id, _ in entries]
    group.advance(stream, ids)
    if not reading.is_acknowledged:
        consumer.active_ms = now_ms
        for entry_id in ids:
            group.assign(entry_id, consumer, now_ms, 1)
    reply = entries_reply(entries)
    written = [] if reading.is_acknowledged else [each for each, _ in reply]
    record_reading(ctx, key, group_name, group, consumer, written)
    return reply


def _reread(
    ctx: Context,
    key: bytes,
    stream: Stream,
    reading: Reading,
    consumer: Consumer,
    last_id: int,
) -> list[Any]:
    """Deliver once more what a consumer has pending behind an ID."""
    assert reading.group is not None
    reply: list[Any] = []
    again: list[tuple[int, int]] = []
    for entry_id, pending in consumer.pending.between(last_id + 1):
        fields = stream.get(entry_id)
        if fields is None:
            reply.append([format_id(entry_id), NULL_ARRAY])
        else:
            pending.delivered_ms = ctx.now_ms
            pending.deliveries += 1
            again.append((entry_id, pending.deliveries))
            reply.append([format_id(entry_id), fields])
        if len(reply) == reading.most:
            break
    record_rereading(ctx, key, reading.group[0], consumer, again)
    return reply
