"""Streams as plain data: entries, consumer groups, and what these have pending.

    {"entries": {ID: (field, value, ...)}, "last_id": ID,
     "groups": {name: {"last_id": ID, "consumers": [name, ...],
                       "pending": {ID: {"consumer", "delivered_ms", "deliveries"}}}}}

IDs are byte strings such as `1700000000000-0`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from joblog.app.types.stream_ids import format_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from joblog.app.types.stream_groups import Group
    from joblog.app.types.streams import Stream


def plain_stream(stream: Stream) -> dict[str, Any]:
    """Return a stream as plain data that shares nothing which can change."""
    return {
        "entries": {
            format_id(entry_id): fields for entry_id, fields in stream.between()
        },
        "last_id": format_id(stream.last_id),
        "groups": {name: _plain_group(group) for name, group in stream.groups.items()},
    }


def _plain_group(group: Group) -> dict[str, Any]:
    return {
        "last_id": format_id(group.last_id),
        "consumers": sorted(group.consumers),
        "pending": {
            format_id(entry_id): {
                "consumer": pending.consumer.name,
                "delivered_ms": pending.delivered_ms,
                "deliveries": pending.deliveries,
            }
            for entry_id, pending in group.pending.between()
        },
    }


def stream_elements(data: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield (place, content): entries first, then groups and what they have pending.

    Args:
        data: what `plain_stream` returned.
    """
    for entry_id, fields in data["entries"].items():
        yield entry_id, b" ".join(fields)
    for name, group in data["groups"].items():
        place = b"group " + name
        consumers = b" ".join([b"consumers", *group["consumers"]])
        yield place, b"last ID %s, %s" % (group["last_id"], consumers)
        for entry_id, pending in group["pending"].items():
            yield (
                b"%s pending %s" % (place, entry_id),
                b"%s, deliveries %d" % (pending["consumer"], pending["deliveries"]),
            )
