"""What has been pending for long and is read again: XREADGROUP with CLAIM.

Such entries come first, those that are idle for longest before the others, each with
how long it was idle and how often it was delivered; new ones have two zeroes there.
COUNT is for all together. Who blocks goes on as soon as an entry is idle for so long.

Source: the public documentation and tests of Redis 8.4, of which there is no server to
ask; see tests/app/commands/test_stream_reclaims.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from joblog.app.commands.streams.arguments import note_quiet_change
from joblog.app.commands.streams.effects import add_consumer, record_claims
from joblog.app.types.stream_ids import format_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.commands.streams.read_options import Reading
    from joblog.app.state.context import Context
    from joblog.app.types.stream_groups import Group
    from joblog.app.types.streams import Stream

_LOOK_AGAIN_MS: Final = 100
"""How often a client looks that waits for entries while nothing at all is pending."""


def reclaim(
    ctx: Context,
    key: bytes,
    stream: Stream,
    group: Group,
    reading: Reading,
    most: int,
) -> list[Any]:
    """Hand what has been idle for long over to the consumer that reads.

    Entries that the stream has lost are passed over, and stay pending.

    Args:
        ctx: the context of the command.
        key: the stream.
        stream: the same.
        group: the group that reads.
        reading: what it asks for.
        most: how many entries at the most; 0 sets no limit.

    Returns:
        For each an array of its ID, its fields, for how long it was idle, and how often
        it had been delivered.
    """
    assert reading.group is not None
    assert reading.claim_ms is not None
    now_ms, (group_name, name) = ctx.now_ms, reading.group
    found = []
    for entry_id, pending in group.idle_since(now_ms - reading.claim_ms):
        fields = stream.get(entry_id)
        if fields is not None:
            found.append((entry_id, fields, pending))
            if len(found) == most:
                break
    if not found:
        return []
    consumer = group.consumers.get(name) or add_consumer(ctx, key, group, name)
    consumer.seen_ms = consumer.active_ms = now_ms
    reply: list[Any] = []
    claimed = []
    for entry_id, fields, pending in found:
        idle_ms, deliveries = max(now_ms - pending.delivered_ms, 0), pending.deliveries
        reply.append([format_id(entry_id), fields, idle_ms, deliveries])
        group.assign(entry_id, consumer, now_ms, deliveries + 1)
        claimed.append((entry_id, deliveries + 1))
    note_quiet_change(ctx)
    record_claims(ctx, key, group_name, consumer, claimed, now_ms, group)
    return reply


def wait_ms(ctx: Context, groups: Iterable[Group], idle_ms: int) -> int:
    """Return in how many ms an entry may be idle for so long that is not yet.

    What is delivered from now on will not be before `idle_ms` have passed.
    """
    latest_ms = ctx.now_ms
    delivered = [
        pending.delivered_ms
        for group in groups
        for pending in group.pending.entries.values()
    ]
    soonest_ms = min(delivered, default=latest_ms) + idle_ms - latest_ms
    if not delivered or soonest_ms <= 0:  # what is due already has left its stream
        return max(idle_ms, _LOOK_AGAIN_MS)
    return min(soonest_ms, max(idle_ms, 1))
