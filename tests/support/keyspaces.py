"""Keyspaces that tests share, and what one is, so that two can be compared whole."""

from __future__ import annotations

from typing import Any

from joblog.app.types.hashes import Hash
from joblog.app.types.lists import List
from joblog.app.types.sets import Set
from joblog.app.types.sorted_sets import SortedSet
from joblog.app.types.streams import Stream

EVERY_TYPE = [
    "SET s hello",
    "SET later v PX 100000",
    "RPUSH l a b c a",
    "SADD numbers 1 2 3",
    "SADD set a b c d e",
    "SREM set b",
    "ZADD z 1.5 m -inf low +inf high 0.1 n",
    "HSET h f v g w",
    "PEXPIREAT h 1800000000000",
    "SETBIT bits 100 1",
    "PFADD hll a b c",
    "GEOADD geo 13.361389 38.115556 Palermo",
    "XADD x 1-1 f v g w",
    "XADD x 1-2 f v2 g w2",
    "XADD x 2-0 other names",
    "XADD x 3-0 f v3",
    "XDEL x 1-2",
    "XGROUP CREATE x group 0 ENTRIESREAD 1",
    "XGROUP CREATE x idle $",
    "XREADGROUP GROUP group ann COUNT 2 STREAMS x >",
    "XREADGROUP GROUP group bob STREAMS x >",
    "XACK x group 2-0",
    "XADD empty 5-5 f v",
    "XDEL empty 5-5",
    "SELECT 3",
    "SET only here",
    "SELECT 0",
]
"""Commands that leave a value of every type and kind, two databases, deadlines."""

WITH_FIELD_DEADLINES = [
    *EVERY_TYPE,
    "HSET leases a 1 b 2 c 3",
    "HPEXPIREAT leases 1800000000000 FIELDS 2 c a",
]
"""The same, and a hash whose fields have deadlines."""


def state_of(keyspace) -> dict[str, Any]:
    """Return all that a keyspace is, its orders included, as plain values."""
    for database in keyspace.databases:
        if database.deadlines:
            assert database.next_deadline_ms() <= min(database.deadlines.values())
    return {
        "libraries": dict(keyspace.libraries),
        "databases": [
            {
                "values": [
                    (key, _value(value)) for key, value in database.values.items()
                ],
                "deadlines": dict(database.deadlines),
                "field_deadlines": dict(database.field_deadlines),
            }
            for database in keyspace.databases
        ],
    }


def _value(value: Any) -> Any:
    kind = type(value).__name__
    if type(value) is bytes:
        return value
    value.check()
    if type(value) is List:
        return kind, list(value)
    if type(value) is Set:
        return kind, list(value)
    if type(value) is Hash:
        return kind, list(value.items()), dict(value.deadlines or {})
    if type(value) is SortedSet:
        return kind, list(value.scores.items())
    assert type(value) is Stream
    return kind, _stream(value)


def _stream(stream: Stream) -> Any:
    return (
        (stream.length, stream.last_id, stream.max_deleted_id, stream.entries_added),
        stream._firsts,
        [(n.ids, n.entries, n.names, n.last_id, n.added, n.size) for n in stream.nodes],
        [
            (
                name,
                group.last_id,
                group.entries_read,
                [(c.name, c.seen_ms, c.active_ms) for c in group.consumers.values()],
                [
                    (entry_id, p.consumer.name, p.delivered_ms, p.deliveries)
                    for entry_id, p in group.pending.between()
                ],
            )
            for name, group in stream.groups.items()
        ],
    )
