"""Streams as they lie in a snapshot, in msgpack's types.

    stream    [last id, max deleted id, entries added, [node, ...], [group, ...]], and
              behind them producers, where any has named its entries
    node      [first id, last id, added, size, [name, ...], ids, same, [entry, ...]]
    entry     [value, ...] where `same` says 1 for it: its fields are the node's names;
              [field, value, ...] where it says 0
    group     [name, last id, entries read or nil, [consumer, ...], pending]
    consumer  [name, seen ms, active ms]
    pending   [ids, [consumer, ...], [delivered ms, ...], [deliveries, ...]]: the
              consumer of each by its place above
    producers [seconds, size, [[producer, name, id], ...]]

An ID is 16 bytes, big-endian, the milliseconds first; `ids` are IDs one behind the
other, `same` is one byte for each entry. A node's first ID is the least that may be in
it; its last one may be of an entry that is deleted.
"""

from __future__ import annotations

from typing import Any, Final

from joblog.app.types.stream_groups import Group
from joblog.app.types.stream_nodes import Fields, Node
from joblog.app.types.stream_producers import Producers
from joblog.app.types.streams import Stream

_ID_BYTES: Final = 16


def pack_stream(stream: Stream) -> list[Any]:
    """Return the wire form of a stream, its groups included."""
    firsts = stream._firsts  # noqa: SLF001 - nobody else needs to know them
    wire = [
        _pack_id(stream.last_id),
        _pack_id(stream.max_deleted_id),
        stream.entries_added,
        [
            _pack_node(first_id, node)
            for first_id, node in zip(firsts, stream.nodes, strict=True)
        ],
        [_pack_group(name, group) for name, group in stream.groups.items()],
    ]
    producers = stream.producers
    if producers is not None:
        names = [
            [producer, name, _pack_id(entry_id)]
            for producer, name, entry_id in producers.in_order()
        ]
        wire.append([producers.duration_seconds, producers.size, names])
    return wire


def unpack_stream(wire: list[Any]) -> Stream:
    """Return the stream in a wire form."""
    last_id, max_deleted_id, entries_added, nodes, groups, *rest = wire
    stream = Stream()
    for node in nodes:
        stream.add_node(_unpack_id(node[0]), _unpack_node(node))
    stream.last_id = _unpack_id(last_id)
    stream.max_deleted_id = _unpack_id(max_deleted_id)
    stream.entries_added = entries_added
    for group in groups:
        stream.groups[group[0]] = _unpack_group(group)
    for seconds, size, names in rest:
        stream.producers = Producers(seconds, size)
        for producer, name, entry_id in names:
            stream.producers.note(producer, name, _unpack_id(entry_id))
    return stream


def count_entries(wire: list[Any]) -> int:
    """Return how many entries a stream's wire form has."""
    return sum(len(node[5]) for node in wire[3]) // _ID_BYTES


def _pack_id(entry_id: int) -> bytes:
    return entry_id.to_bytes(_ID_BYTES, "big")


def _unpack_id(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _pack_ids(ids: list[int]) -> bytes:
    return b"".join(map(_pack_id, ids))


def _unpack_ids(data: bytes) -> list[int]:
    return [
        _unpack_id(data[start : start + _ID_BYTES])
        for start in range(0, len(data), _ID_BYTES)
    ]


def _pack_node(first_id: int, node: Node) -> list[Any]:
    names, entries = node.names, node.entries
    same = bytes(entry[::2] == names for entry in entries)
    return [
        _pack_id(first_id),
        _pack_id(node.last_id),
        node.added,
        node.size,
        names,
        _pack_ids(node.ids),
        same,
        [
            entry[1::2] if is_same else entry
            for is_same, entry in zip(same, entries, strict=True)
        ],
    ]


def _unpack_node(wire: list[Any]) -> Node:
    _, last_id, added, size, names, ids, same, entries = wire
    node = Node(tuple(names))
    node.last_id = _unpack_id(last_id)
    node.added, node.size = added, size
    found = [
        _join(node.names, entry) if is_same else tuple(entry)
        for is_same, entry in zip(same, entries, strict=True)
    ]
    node.fill(_unpack_ids(ids), found)
    return node


def _join(names: Fields, values: list[bytes]) -> Fields:
    """Return fields and values in turn; the names are shared."""
    fields = [*names, *names]
    fields[::2] = names
    fields[1::2] = values
    return tuple(fields)


def _pack_group(name: bytes, group: Group) -> list[Any]:
    places = {owner: place for place, owner in enumerate(group.consumers)}
    pending = list(group.pending.between())
    return [
        name,
        _pack_id(group.last_id),
        group.entries_read,
        [
            [owner.name, owner.seen_ms, owner.active_ms]
            for owner in group.consumers.values()
        ],
        [
            _pack_ids([entry_id for entry_id, _ in pending]),
            [places[each.consumer.name] for _, each in pending],
            [each.delivered_ms for _, each in pending],
            [each.deliveries for _, each in pending],
        ],
    ]


def _unpack_group(wire: list[Any]) -> Group:
    _, last_id, entries_read, consumers, pending = wire
    group = Group(_unpack_id(last_id), entries_read)
    owners = []
    for name, seen_ms, active_ms in consumers:
        owner = group.add_consumer(name, seen_ms)
        owner.active_ms = active_ms
        owners.append(owner)
    ids, places, delivered, deliveries = pending
    for entry_id, place, ms, count in zip(
        _unpack_ids(ids), places, delivered, deliveries, strict=True
    ):
        group.assign(entry_id, owners[place], ms, count)
    return group
