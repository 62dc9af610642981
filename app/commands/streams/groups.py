"""Consumer groups: XGROUP, XACK and XPENDING.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.streams.arguments import (
    interval_end,
    interval_start,
    note_quiet_change,
    stream_id,
    stream_ids,
)
from joblog.app.commands.streams.effects import add_consumer, record_new_consumer
from joblog.app.errors import CommandError
from joblog.app.reply import NULL_ARRAY, OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.table.usage import add_help
from joblog.app.types.stream_groups import Group
from joblog.app.types.stream_ids import ID_MAX, format_id
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from joblog.app.state.context import Context

_KEY: Final = KeySpec("RW UPDATE", first=2)
_KEY_INSERT: Final = KeySpec("RW INSERT", first=2)
_KEY_DELETE: Final = KeySpec("RW DELETE", first=2)
_OPTION_WORDS_MAX: Final = 3
_SETID_OPTION_WORDS: Final = (0, 2)
_UNKNOWN_COUNT: Final = -1


def find_group(ctx: Context, key: bytes, name: bytes) -> tuple[Stream, Group]:
    """Return a stream and a group of it.

    Raises:
        CommandError: one of them is missing, or the key holds another type.
    """
    stream = ctx.db.get(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        raise CommandError(errors.no_key_or_group(key, name))
    return stream, group


def _find_stream(ctx: Context, key: bytes) -> Stream:
    """Return the stream of a subcommand of XGROUP that does not make it."""
    stream = ctx.db.get(key, Stream)
    if stream is None:
        raise CommandError(errors.XGROUP_NO_KEY)
    return stream


def _find_group(ctx: Context, key: bytes, name: bytes) -> tuple[Stream, Group]:
    stream = _find_stream(ctx, key)
    group = stream.groups.get(name)
    if group is None:
        raise CommandError(errors.no_group(key, name))
    return stream, group


# --- XGROUP ------------------------------------------------------------------------


@command(
    "XGROUP CREATE",
    arity=-5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_KEY_INSERT,
    group="stream",
    since="5.0.0",
    summary="Make a consumer group that begins to read behind an ID.",
    complexity="O(1)",
)
def xgroup_create(
    ctx: Context, key: bytes, name: bytes, last_id: bytes, *options: bytes
) -> SimpleString:
    """Return OK."""
    is_made, entries_read = _parse_group(options, b"CREATE")
    stream = ctx.db.get(key, Stream) if is_made else None
    if stream is None and not is_made:
        stream = _find_stream(ctx, key)
    if len(options) > _OPTION_WORDS_MAX:
        raise errors.odd_subcommand(b"CREATE", b"XGROUP")
    if last_id == b"$":
        start = 0 if stream is None else stream.last_id
    else:
        start = stream_id(last_id)
    if stream is None:
        stream = Stream()
        ctx.db.set(key, stream)
        ctx.db.touch(key, b"", 0)  # WATCH minds a new stream, not a new group
    elif name in stream.groups:
        raise CommandError(errors.BUSY_GROUP)
    stream.groups[name] = Group(start, entries_read)
    ctx.db.touch(key, b"xgroup-create")
    return OK


@command(
    "XGROUP SETID",
    arity=-5,
    flags=Flag.WRITE,
    keys=_KEY,
    group="stream",
    since="5.0.0",
    summary="Let a consumer group go on reading behind another ID.",
    complexity="O(1)",
)
def xgroup_setid(
    ctx: Context, key: bytes, name: bytes, last_id: bytes, *options: bytes
) -> SimpleString:
    """Return OK."""
    _, entries_read = _parse_group(options, b"SETID")
    stream, group = _find_group(ctx, key, name)
    if len(options) not in _SETID_OPTION_WORDS:
        raise errors.odd_subcommand(b"SETID", b"XGROUP")
    if last_id in (b"-", b"+"):
        start = ID_MAX if last_id == b"+" else 0
    else:
        start = stream.last_id if last_id == b"$" else stream_id(last_id)
    group.last_id = start
    group.entries_read = entries_read
    ctx.db.touch(key, b"xgroup-setid")
    return OK


def _parse_group(options: tuple[bytes, ...], name: bytes) -> tuple[bool, int | None]:
    """Return whether MKSTREAM is there, and ENTRIESREAD, None where it is unknown."""
    is_made, entries_read = False, _UNKNOWN_COUNT
    words = iter(options)
    for word in words:
        option = word.upper()
        if option == b"MKSTREAM" and name == b"CREATE":
            is_made = True
            continue
        argument = next(words, None)
        if option != b"ENTRIESREAD" or argument is None:
            raise errors.odd_subcommand(name, b"XGROUP")
        entries_read = integer(argument)
        if entries_read < _UNKNOWN_COUNT:
            raise CommandError(errors.ENTRIES_READ_NEGATIVE)
    return is_made, None if entries_read == _UNKNOWN_COUNT else entries_read


@command(
    "XGROUP DESTROY",
    arity=4,
    flags=Flag.WRITE,
    keys=_KEY_DELETE,
    group="stream",
    since="5.0.0",
    summary="Remove a consumer group and all that it has pending.",
    complexity="O(N) for N pending entries",
)
def xgroup_destroy(ctx: Context, key: bytes, name: bytes) -> int:
    """Return 1, or 0 where there is no such group."""
    stream = _find_stream(ctx, key)
    if stream.groups.pop(name, None) is None:
        return 0
    ctx.db.touch(key, b"xgroup-destroy")
    return 1


@command(
    "XGROUP CREATECONSUMER",
    arity=5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=_KEY_INSERT,
    effects=("XGROUP", "XCLAIM"),
    group="stream",
    since="6.2.0",
    summary="Add a consumer to a group.",
    complexity="O(1)",
)
def xgroup_createconsumer(
    ctx: Context, key: bytes, name: bytes, consumer: bytes
) -> int:
    """Return 1, or 0 where the group has that consumer."""
    _, group = _find_group(ctx, key, name)
    if consumer in group.consumers:
        return 0
    made = add_consumer(ctx, key, group, consumer)
    record_new_consumer(ctx, key, name, made)
    return 1


@command(
    "XGROUP DELCONSUMER",
    arity=5,
    flags=Flag.WRITE,
    keys=_KEY_DELETE,
    group="stream",
    since="5.0.0",
    summary="Remove a consumer from a group, with all that it has pending.",
    complexity="O(N) for N pending entries",
)
def xgroup_delconsumer(ctx: Context, key: bytes, name: bytes, consumer: bytes) -> int:
    """Return how many entries it had pending."""
    _, group = _find_group(ctx, key, name)
    found = group.consumers.get(consumer)
    if found is None:
        return 0
    pending = group.remove_consumer(found)
    ctx.db.touch(key, b"xgroup-delconsumer")
    return pending


# --- XACK --------------------------------------------------------------------------


@command(
    "XACK",
    arity=-4,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW UPDATE", is_read=True),
    group="stream",
    since="5.0.0",
    summary="Say that entries are done with, so that they are pending no longer.",
    complexity="O(1) for each ID",
)
def xack(ctx: Context, key: bytes, name: bytes, entry_id: bytes, *more: bytes) -> int:
    """Return how many of the entries were pending."""
    stream = ctx.db.get(key, Stream)
    group = None if stream is None else stream.groups.get(name)
    if group is None:
        return 0
    done = sum(map(group.acknowledge, stream_ids((entry_id, *more))))
    if done:
        note_quiet_change(ctx, done)
    return done


# --- XPENDING ----------------------------------------------------------------------


class _Interval(NamedTuple):
    """Which pending entries XPENDING is asked for."""

    least: int
    most: int
    limit: int
    idle_ms: int
    consumer: bytes | None


@command(
    "XPENDING",
    arity=-3,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="stream",
    since="5.0.0",
    summary="Tell what a group has pending: a summary, or entry for entry.",
    complexity="O(log N + M) for M entries returned; the summary O(N) for N consumers",
    tips=(RANDOM,),
)
def xpending(ctx: Context, key: bytes, name: bytes, *options: bytes) -> list[Any]:
    """Return a count, two IDs and the consumers; or [ID, consumer, ms, times] each."""
    interval = _parse_pending(options) if options else None
    _, group = find_group(ctx, key, name)
    if interval is None:
        return _summary(group)
    pending = group.pending
    if interval.consumer is not None:
        consumer = group.consumers.get(interval.consumer)
        if consumer is None:
            return []
        pending = consumer.pending
    reply: list[Any] = []
    if not interval.limit:
        return reply
    for entry_id, each in pending.between(interval.least, interval.most):
        idle_ms = ctx.now_ms - each.delivered_ms
        if interval.idle_ms and idle_ms < interval.idle_ms:
            continue
        name, idle_ms = each.consumer.name, max(idle_ms, 0)
        reply.append([format_id(entry_id), name, idle_ms, each.deliveries])
        if len(reply) == interval.limit:
            break
    return reply


def _summary(group: Group) -> list[Any]:
    first, last = group.pending.first_id(), group.pending.last_id()
    if first is None or last is None:
        return [0, None, None, NULL_ARRAY]
    consumers = [
        [name, b"%d" % len(consumer.pending)]
        for name, consumer in sorted(group.consumers.items())
        if consumer.pending
    ]
    return [len(group.pending), format_id(first), format_id(last), consumers]


def _parse_pending(options: tuple[bytes, ...]) -> _Interval:
    words = len(options)
    if not 3 <= words <= 6:  # noqa: PLR2004 - Redis counts the words
        raise CommandError(errors.SYNTAX)
    idle_ms = 0
    if options[0].upper() == b"IDLE":
        idle_ms = integer(options[1])
        options = options[2:]
        if len(options) < 3:  # noqa: PLR2004 - start, end and count
            raise CommandError(errors.SYNTAX)
    count = max(integer(options[2]), 0)
    least, most = interval_start(options[0]), interval_end(options[1])
    consumer = options[3] if len(options) > 3 else None  # noqa: PLR2004 - as above
    return _Interval(least, most, count, idle_ms, consumer)


add_help(
    "XGROUP",
    group="stream",
    since="5.0.0",
    syntax={
        "CREATE": "<key> <group> <id|$> [MKSTREAM] [ENTRIESREAD <count>]",
        "SETID": "<key> <group> <id|$> [ENTRIESREAD <count>]",
    },
)
