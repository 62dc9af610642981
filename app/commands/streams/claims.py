"""XCLAIM and XAUTOCLAIM: pending entries go over to another consumer.

XCLAIM is also how the log says what a consumer was given; see `stream_effects`.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.streams.arguments import (
    entries_reply,
    interval_start,
    note_quiet_change,
    stream_id,
)
from joblog.app.commands.streams.effects import (
    add_consumer,
    is_folding,
    record_claims,
    record_gone,
    record_new_consumer,
    record_position,
    record_seen,
)
from joblog.app.commands.streams.groups import find_group
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList, Entries
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.numbers import INT64_MAX, parse_int64
from joblog.app.types.stream_ids import format_id, parse_id

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.stream_groups import Consumer, Group
    from joblog.app.types.stream_nodes import Fields
    from joblog.app.types.streams import Stream

_COUNT: Final = 100
_COUNT_MAX: Final = INT64_MAX // 16
_ATTEMPTS_EACH: Final = 10
_FLAGS: Final = Flag.WRITE | Flag.FAST
_KEYS: Final = KeySpec("RW UPDATE", is_read=True)


class _Options(NamedTuple):
    """The options of XCLAIM.

    Attributes:
        delivered_ms: what is to be noted as the time of delivery; None for now.
        deliveries: what is to be noted as the number of deliveries; None for one more.
        last_id: how far the group has read at the least.
        is_forced: whether entries become pending that were not (FORCE).
        is_just_ids: whether IDs are the answer, and no delivery is counted (JUSTID).
        has_last_id: whether LASTID was given.
    """

    delivered_ms: int | None
    deliveries: int | None
    last_id: int
    is_forced: bool
    is_just_ids: bool
    has_last_id: bool


class _Claims:
    """Hands pending entries over to one consumer, and records that.

    Attributes:
        entries: what the consumer got, in order.
        claimed: (ID, number of deliveries) of each.
        gone: IDs that were pending, but are no longer in the stream.
    """

    def __init__(
        self, ctx: Context, key: bytes, group: tuple[bytes, Group], name: bytes
    ) -> None:
        self.ctx, self.key = ctx, key
        self.group_name, self.group = group
        consumer = self.group.consumers.get(name)
        self.is_new = consumer is None
        self.consumer: Consumer = consumer or add_consumer(ctx, key, self.group, name)
        self.consumer.seen_ms = ctx.now_ms
        self.entries: list[tuple[int, Fields]] = []
        self.claimed: list[tuple[int, int]] = []
        self.gone: list[int] = []

    def drop(self, entry_id: int) -> None:
        """Forget a pending entry that the stream has lost."""
        if self.group.acknowledge(entry_id):
            self.gone.append(entry_id)

    def take(
        self, entry_id: int, fields: Fields, delivered_ms: int, deliveries: int
    ) -> None:
        """Hand an entry over."""
        self.group.assign(entry_id, self.consumer, delivered_ms, deliveries)
        self.entries.append((entry_id, fields))
        self.claimed.append((entry_id, deliveries))

    def finish(self, delivered_ms: int, *, has_moved: bool = False) -> None:
        """Note when the consumer was active, and record what happened.

        Args:
            delivered_ms: the time that was noted for what was claimed.
            has_moved: whether the group's last ID is another one now.
        """
        ctx, consumer = self.ctx, self.consumer
        names = (ctx, self.key, self.group_name)
        if self.claimed:
            consumer.active_ms = ctx.now_ms
        elif self.is_new:
            record_new_consumer(*names, consumer)
        record_gone(*names, consumer, self.gone)
        if delivered_ms == ctx.now_ms:
            record_claims(*names, consumer, self.claimed, delivered_ms, self.group)
        elif self.claimed:
            # The time is not that at which the consumer was seen.
            record_claims(*names, consumer, self.claimed, delivered_ms)
            record_seen(*names, consumer, self.group)
        if has_moved:
            record_position(*names, self.group)
        if self.claimed or self.gone or has_moved:
            note_quiet_change(ctx, len(self.claimed) + len(self.gone))

    def reply(self, *, is_just_ids: bool) -> BulkList | Entries:
        """Return what was claimed, as the client gets it."""
        if is_just_ids:
            return BulkList([format_id(entry_id) for entry_id, _ in self.entries])
        return entries_reply(self.entries)


# --- XCLAIM ------------------------------------------------------------------------


@command(
    "XCLAIM",
    arity=-6,
    flags=_FLAGS,
    keys=_KEYS,
    effects=("XCLAIM", "XGROUP"),
    group="stream",
    since="5.0.0",
    summary="Let a consumer take over pending entries, by their IDs.",
    complexity="O(log N) for each ID",
    tips=(RANDOM,),
)
def xclaim(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    name: bytes,
    min_idle: bytes,
    entry_id: bytes,
    *more: bytes,
) -> BulkList | Entries:
    """Return the entries that were claimed, or their IDs."""
    stream, group = find_group(ctx, key, group_name)
    idle_ms = _min_idle(min_idle, b"XCLAIM")
    words = (entry_id, *more)
    ids: list[int] = []
    for word in words:
        parsed = parse_id(word)
        if parsed is None:
            break
        ids.append(parsed)
    options = _parse_claim(ctx, words[len(ids) :])
    has_moved = options.last_id > group.last_id
    if has_moved:
        group.last_id = options.last_id
    delivered_ms = _delivery_time(ctx, options)
    # Without an idle time to reach, no clock that went back is in the way either.
    idle_since_ms = ctx.now_ms - idle_ms if idle_ms else INT64_MAX
    claims = _Claims(ctx, key, (group_name, group), name)
    for each in ids:
        _claim_one(claims, stream, each, options, idle_since_ms, delivered_ms)
    if is_folding(ctx):
        claims.consumer.seen_ms = delivered_ms
        if options.has_last_id:
            claims.consumer.active_ms = delivered_ms
        note_quiet_change(ctx)  # for the log of a replica, to whom a master says it
    else:
        claims.finish(delivered_ms, has_moved=has_moved)
    return claims.reply(is_just_ids=options.is_just_ids)


def _claim_one(
    claims: _Claims,
    stream: Stream,
    entry_id: int,
    options: _Options,
    idle_since_ms: int,
    delivered_ms: int,
) -> None:
    fields = stream.get(entry_id)
    if fields is None:
        claims.drop(entry_id)
        return
    pending = claims.group.pending.entries.get(entry_id)
    if pending is None:
        if not options.is_forced:
            return
        before = 1
    else:
        if pending.delivered_ms > idle_since_ms:
            return
        before = pending.deliveries
    deliveries = options.deliveries
    if deliveries is None:
        deliveries = before if options.is_just_ids else before + 1
    claims.take(entry_id, fields, delivered_ms, deliveries)


def _delivery_time(ctx: Context, options: _Options) -> int:
    """Return the time of delivery: never in the future, as long as there is a clock."""
    delivered_ms, now_ms = options.delivered_ms, ctx.now_ms
    if is_folding(ctx):
        return delivered_ms or 0
    if delivered_ms is None or not 0 <= delivered_ms <= now_ms:
        return now_ms
    return delivered_ms


def _parse_claim(ctx: Context, words: tuple[bytes, ...]) -> _Options:
    delivered_ms = deliveries = last_id = None
    is_forced = is_just_ids = False
    rest = iter(enumerate(words, 1))
    for at, word in rest:
        option, has_more = word.upper(), at < len(words)
        if option == b"FORCE":
            is_forced = True
        elif option == b"JUSTID":
            is_just_ids = True
        elif option == b"IDLE" and has_more:
            delivered_ms = ctx.now_ms - _number(next(rest)[1], b"IDLE option")
        elif option == b"TIME" and has_more:
            delivered_ms = _number(next(rest)[1], b"TIME option")
        elif option == b"RETRYCOUNT" and has_more:
            deliveries = _number(next(rest)[1], b"RETRYCOUNT option")
        elif option == b"LASTID" and has_more:
            last_id = stream_id(next(rest)[1])
        else:
            raise CommandError(errors.unknown_claim_option(word))
    return _Options(
        delivered_ms,
        None if deliveries is None or deliveries < 0 else deliveries,
        last_id or 0,
        is_forced,
        is_just_ids,
        last_id is not None,
    )


def _number(text: bytes, what: bytes, name: bytes = b"XCLAIM") -> int:
    value = parse_int64(text)
    if value is None:
        raise CommandError(errors.invalid_claim_argument(what, name))
    return value


def _min_idle(text: bytes, name: bytes) -> int:
    return max(_number(text, b"min-idle-time", name), 0)


# --- XAUTOCLAIM --------------------------------------------------------------------


@command(
    "XAUTOCLAIM",
    arity=-6,
    flags=_FLAGS,
    keys=KeySpec("RW DELETE", is_read=True),
    effects=("XCLAIM", "XGROUP"),
    group="stream",
    since="6.2.0",
    summary="Let a consumer take over entries that have been pending for long.",
    complexity="O(log N + M) for M entries looked at",
    tips=(RANDOM,),
)
def xautoclaim(
    ctx: Context,
    key: bytes,
    group_name: bytes,
    name: bytes,
    min_idle: bytes,
    start: bytes,
    *options: bytes,
) -> list[object]:
    """Return where to go on, what was claimed, and the IDs of what was lost."""
    idle_ms = _min_idle(min_idle, b"XAUTOCLAIM")
    least = interval_start(start)
    count, is_just_ids = _parse_autoclaim(options)
    stream, group = find_group(ctx, key, group_name)
    claims = _Claims(ctx, key, (group_name, group), name)
    attempts, now_ms, next_id = count * _ATTEMPTS_EACH, ctx.now_ms, 0
    for entry_id, pending in group.pending.between(least):
        if not attempts or not count:
            next_id = entry_id
            break
        attempts -= 1
        fields = stream.get(entry_id)
        if fields is None:
            claims.drop(entry_id)
        elif idle_ms and now_ms - pending.delivered_ms < idle_ms:
            continue
        else:
            deliveries = pending.deliveries + (not is_just_ids)
            claims.take(entry_id, fields, now_ms, deliveries)
        count -= 1
    claims.finish(now_ms)
    gone = BulkList(map(format_id, claims.gone))
    return [format_id(next_id), claims.reply(is_just_ids=is_just_ids), gone]


def _parse_autoclaim(options: tuple[bytes, ...]) -> tuple[int, bool]:
    count, is_just_ids = _COUNT, False
    words = iter(enumerate(options, 1))
    for at, word in words:
        option = word.upper()
        if option == b"COUNT" and at < len(options):
            number = parse_int64(next(words)[1])
            if number is None or not 0 < number <= _COUNT_MAX:
                raise CommandError(errors.AUTOCLAIM_COUNT)
            count = number
        elif option == b"JUSTID":
            is_just_ids = True
        else:
            raise CommandError(errors.SYNTAX)
    return count, is_just_ids
