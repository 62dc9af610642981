"""Streams as DUMP payloads hold them.

    kind (15, 19 or 21)
    count of nodes, for each: first ID (a string of 16 bytes), a listpack
    length | last ID | [first ID | highest deleted ID | entries added]      from 19 on
    count of groups, for each:
        name | last ID | [entries read]                                     from 19 on
        count of pending entries, for each: ID, delivered_ms (8), deliveries
        count of consumers, for each:
            name | seen_ms (8) | [active_ms (8)]                            from 21 on
            count of pending entries, for each: ID

IDs are two lengths (ms, sequence), those of pending entries 16 bytes, high byte first;
times have their low byte first. A listpack begins with a master entry, whose fields
entries with the same ones leave out:

    count | deleted | number of fields | field ... | 0
    flags | ms | sequence | [number of fields | field, value ...] or value ... | words

ms and sequence are relative to the first ID. Flag 1 marks a deleted entry, flag 2 one
with the fields of the master entry. `words` is how many entries of the listpack the
entry takes, itself left out.

Source: the RDB format; see tests/parity/test_dump.py.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from joblog.app.types.listpack import decode_listpack, encode_listpack
from joblog.app.types.rdb_strings import encode_length, encode_rdb_string
from joblog.app.types.steps import A_STEP, finish
from joblog.app.types.stream_groups import Consumer, Group
from joblog.app.types.stream_ids import ID_MAX, PART_MAX
from joblog.app.types.stream_nodes import Fields, Node
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from joblog.app.types.rdb_reader import Reader

_DELETED, _SAME_FIELDS = 1, 2
_ID_BYTES: Final = 16
_UNKNOWN: Final = PART_MAX
_KIND_1, _KIND_2, _KIND_3 = 15, 19, 21
_VERSION_OF: Final = {_KIND_2: 10, _KIND_3: 11}


# --- writing -------------------------------------------------------------------------


def encode_stream(
    stream: Stream, encode_node: Callable[[bytes], bytes] = encode_rdb_string
) -> tuple[bytes, int]:
    """Serialize a stream.

    Args:
        stream: the stream.
        encode_node: writes the listpack of a node.

    Returns:
        The kind and the stream, and the lowest RDB version that knows it: 10, or 11
        where the times of a consumer need it.
    """
    return finish(encode_stream_in_steps(stream, encode_node))


def encode_stream_in_steps(
    stream: Stream, encode_node: Callable[[bytes], bytes] = encode_rdb_string
) -> Generator[None, None, tuple[bytes, int]]:
    """Return what `encode_stream` does, a node or a group at each step."""
    kind = _KIND_2
    for group in stream.groups.values():
        if any(each.active_ms != each.seen_ms for each in group.consumers.values()):
            kind = _KIND_3
    parts = [bytes([kind]), encode_length(len(stream.nodes))]
    for node in stream.nodes:
        parts.append(encode_rdb_string(node.ids[0].to_bytes(_ID_BYTES, "big")))
        parts.append(encode_node(_encode_node(node)))
        yield
    parts += [
        encode_length(stream.length),
        _encode_id(stream.last_id),
        _encode_id(stream.first_id),
        _encode_id(stream.max_deleted_id),
        encode_length(stream.entries_added),
        encode_length(len(stream.groups)),
    ]
    for name, group in stream.groups.items():
        parts.append(encode_rdb_string(name))
        parts += _encode_group(group, with_active=kind == _KIND_3)
        yield
    return b"".join(parts), _VERSION_OF[kind]


def _encode_id(entry_id: int) -> bytes:
    return encode_length(entry_id >> 64) + encode_length(entry_id & PART_MAX)


def _encode_node(node: Node) -> bytes:
    """Return the listpack of a node; what was deleted from it leaves no trace."""
    names, ids = node.names, node.ids
    first = ids[0]
    words: list[bytes | int] = [len(ids), 0, len(names), *names, 0]
    for entry_id, fields in zip(ids, node.entries, strict=True):
        is_same = fields[::2] == names
        ms = (entry_id >> 64) - (first >> 64)
        sequence = (entry_id & PART_MAX) - (first & PART_MAX)
        flags = _SAME_FIELDS if is_same else 0
        entry: list[bytes | int] = [flags, _as_int64(ms), _as_int64(sequence)]
        entry += fields[1::2] if is_same else (len(fields) // 2, *fields)
        words += (*entry, len(entry))
    return encode_listpack(words)


def _as_int64(number: int) -> int:
    """Return the signed number with the same 64 lowest bits."""
    number &= PART_MAX
    return number - (1 << 64) if number >> 63 else number


def _encode_group(group: Group, *, with_active: bool) -> list[bytes]:
    read = _UNKNOWN if group.entries_read is None else group.entries_read
    parts = [
        _encode_id(group.last_id),
        encode_length(read),
        encode_length(len(group.pending)),
    ]
    for entry_id, pending in group.pending.between():
        parts.append(entry_id.to_bytes(_ID_BYTES, "big"))
        parts.append(_encode_ms(pending.delivered_ms))
        parts.append(encode_length(pending.deliveries))
    parts.append(encode_length(len(group.consumers)))
    for name, consumer in group.consumers.items():
        parts += [encode_rdb_string(name), _encode_ms(consumer.seen_ms)]
        if with_active:
            parts.append(_encode_ms(consumer.active_ms))
        parts.append(encode_length(len(consumer.pending)))
        parts += [
            entry_id.to_bytes(_ID_BYTES, "big")
            for entry_id, _ in consumer.pending.between()
        ]
    return parts


def _encode_ms(ms: int) -> bytes:
    return ms.to_bytes(8, "little", signed=True)


# --- reading -------------------------------------------------------------------------


def _read_stream(kind: int, reader: Reader) -> Generator[None, None, Stream]:
    """Return the stream that a reader comes to, a node or so at each step.

    Raises:
        ValueError: it is damaged.
    """
    stream = Stream()
    for _ in range(reader.length()):
        _read_node(stream, reader)
        yield
    length, last_id = reader.length(), _read_id(reader)
    if length != stream.length or last_id < stream.last_id:
        raise ValueError(f"a stream of {length} entries has {stream.length}")
    stream.last_id = last_id
    stream.entries_added = length
    if kind >= _KIND_2:
        _read_id(reader)  # the first ID: it follows from the entries
        stream.max_deleted_id = _read_id(reader)
        stream.entries_added = reader.length()
    if stream.max_deleted_id > last_id or stream.entries_added < length:
        raise ValueError("what a stream says of its past cannot be")
    for _ in range(reader.length()):
        name = reader.string()
        if name in stream.groups:
            raise ValueError("a group of a stream comes twice")
        stream.groups[name] = yield from _read_group(kind, stream, reader)
    return stream


STREAM_READERS: Final[dict[int, Callable[[Reader], Generator[None, None, Stream]]]] = {
    kind: partial(_read_stream, kind) for kind in (_KIND_1, _KIND_2, _KIND_3)
}
"""For each kind of serialized stream the function that reads it."""


def _read_id(reader: Reader) -> int:
    return reader.length() << 64 | reader.length()


def _read_node(stream: Stream, reader: Reader) -> None:
    key = reader.string()
    if len(key) != _ID_BYTES:
        raise ValueError(f"an ID has {len(key)} bytes")
    first = int.from_bytes(key, "big")
    data = reader.string()
    words = iter(decode_listpack(data))
    try:
        node, last_id = _decode_node(first, words)
    except StopIteration:
        raise ValueError("the last entry of a stream's node is cut") from None
    if next(words, None) is not None or not node.count or first <= stream.last_id:
        raise ValueError("a node of a stream is empty, too long, or out of order")
    node.last_id, node.size = last_id, len(data)
    stream.add_node(first, node)


def _decode_node(first: int, words: Iterator[bytes]) -> tuple[Node, int]:
    """Return a node and the ID of its last entry, be it deleted or not."""
    count, deleted, width = int(next(words)), int(next(words)), int(next(words))
    names = _take(words, width)
    if width < 1 or int(next(words)) != 0:
        raise ValueError("the master entry of a stream's node is damaged")
    node = Node(names)
    node.added = count + deleted
    last_id = first - 1
    for _ in range(node.added):
        flags = int(next(words))
        entry_id = _moved(first, int(next(words)), int(next(words)))
        same = flags & _SAME_FIELDS
        fields = _decode_fields(words, names if same else ())
        if int(next(words)) != 3 + (len(names) if same else 1 + len(fields)):
            raise ValueError("an entry of a stream lies about its size")
        if not last_id < entry_id <= ID_MAX:
            raise ValueError("the entries of a stream are out of order")
        last_id = entry_id
        if not flags & _DELETED:
            node.append(entry_id, fields)
    if node.count != count:
        raise ValueError(f"a node of {count} entries has {node.count}")
    return node, last_id


def _moved(first: int, ms: int, sequence: int) -> int:
    """Return the ID at a distance from another; both parts are added by themselves."""
    high = ((first >> 64) + ms) & PART_MAX
    return high << 64 | ((first & PART_MAX) + sequence) & PART_MAX


def _decode_fields(words: Iterator[bytes], names: Fields) -> Fields:
    """Return fields and values in turn; without names those come with the values."""
    if not names:
        width = int(next(words))
        if width < 1:
            raise ValueError("an entry of a stream has no fields")
        return _take(words, 2 * width)
    fields = [*names, *names]
    fields[::2] = names
    fields[1::2] = _take(words, len(names))
    return tuple(fields)


def _take(words: Iterator[bytes], count: int) -> Fields:
    return tuple([next(words) for _ in range(count)])


def _read_group(
    kind: int, stream: Stream, reader: Reader
) -> Generator[None, None, Group]:
    group = Group(_read_id(reader))
    if kind >= _KIND_2:
        read = reader.length()
        group.entries_read = None if read == _UNKNOWN else read
    else:
        group.entries_read = stream.entries_up_to(group.last_id)
    pending: dict[int, tuple[int, int]] = {}
    for number in range(reader.length()):
        entry_id = int.from_bytes(reader.take(_ID_BYTES), "big")
        if entry_id in pending:
            raise ValueError("an entry is pending twice in a group")
        pending[entry_id] = reader.number(8, is_signed=True), reader.length()
        if number % A_STEP == 0:
            yield
    owners: dict[int, Consumer] = {}
    for _ in range(reader.length()):
        yield from _read_consumer(kind, group, owners, reader)
    if owners.keys() != pending.keys():
        raise ValueError("the pending entries of a group are not those of consumers")
    for number, entry_id in enumerate(sorted(pending)):
        group.assign(entry_id, owners[entry_id], *pending[entry_id])
        if number % A_STEP == 0:
            yield
    return group


def _read_consumer(
    kind: int, group: Group, owners: dict[int, Consumer], reader: Reader
) -> Generator[None, None, None]:
    name = reader.string()
    if name in group.consumers:
        raise ValueError("a consumer of a group comes twice")
    consumer = group.add_consumer(name, reader.number(8, is_signed=True))
    consumer.active_ms = consumer.seen_ms
    if kind >= _KIND_3:
        consumer.active_ms = reader.number(8, is_signed=True)
    for number in range(reader.length()):
        entry_id = int.from_bytes(reader.take(_ID_BYTES), "big")
        if entry_id in owners:
            raise ValueError("an entry is pending at two consumers")
        owners[entry_id] = consumer
        if number % A_STEP == 0:
            yield
