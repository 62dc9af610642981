"""States (snapshots, and what is alive) without what had to go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack

from joblog.app.history.snapshots import KEYS_BLOCK
from joblog.app.types.snapshot_values import EXPIRING_HASH_KIND
from joblog.storage.redacting import staged_path
from joblog.storage.snapshot import SnapshotReader, write_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from joblog.replay.redacting.rewriting import Rewriter
    from joblog.storage.filesystem import FileSystem

_STRING, _LIST, _SET, _ZSET, _HASH, _EXPIRING, _STREAM = range(7)
assert EXPIRING_HASH_KIND == _EXPIRING


class Rewritten(NamedTuple):
    """A block of a snapshot without what had to go.

    Attributes:
        payload: its bytes.
        held: how many keys are in it.
        gone: the keys that are not in it any more.
        changed: those that have another value, or another name.
    """

    payload: bytes
    held: int
    gone: list[bytes]
    changed: list[bytes]


def rewrite_block(payload: bytes, rewriter: Rewriter) -> Rewritten:
    """Return a block without what had to go."""
    block = msgpack.unpackb(payload)
    if block[0] != KEYS_BLOCK:
        return _rewrite_libraries(block, payload, rewriter)
    kind, index, keys, kinds, values, places, deadlines = block
    named = range(len(keys)) if places is None else places
    times = dict(zip(named, deadlines, strict=True))
    gone: list[bytes] = []
    changed: list[bytes] = []
    kept: list[tuple[bytes, int, Any, int | None]] = []
    for at, key in enumerate(keys):
        if rewriter.selection.has_key(key):
            gone.append(key)
            continue
        value_kind = kinds[at] if kinds else _STRING
        name = rewriter.replace(key)
        value = _VALUES[value_kind](values[at], rewriter)
        if name != key or value != values[at]:
            changed.append(key)
        kept.append((name, value_kind, value, times.get(at)))
    if not gone and not changed:
        return Rewritten(payload, len(keys), [], [])
    with_time = [at for at, each in enumerate(kept) if each[3] is not None]
    packed: bytes = msgpack.packb(
        [
            kind,
            index,
            [each[0] for each in kept],
            bytes(each[1] for each in kept),
            [each[2] for each in kept],
            with_time,
            [kept[at][3] for at in with_time],
        ]
    )
    return Rewritten(packed, len(kept), gone, changed)


def _rewrite_libraries(
    block: list[Any], payload: bytes, rewriter: Rewriter
) -> Rewritten:
    """Return the block of the libraries of functions; their texts may have a text."""
    kind, libraries = block
    replace = rewriter.replace_deep
    found = [[name, replace(text)] for name, text in libraries]
    if found == libraries:
        return Rewritten(payload, 0, [], [])
    changed = [
        name.encode() if isinstance(name, str) else name
        for (name, text), (_, other) in zip(libraries, found, strict=True)
        if text != other
    ]
    return Rewritten(msgpack.packb([kind, found]), 0, [], changed)


def find_alive(
    blocks: Iterable[tuple[bytes, int]], rewriter: Rewriter
) -> tuple[list[bytes], list[bytes]]:
    """Return which keys would go, and which would have another value or name."""
    gone: list[bytes] = []
    changed: list[bytes] = []
    pieces = rewriter.selection.pieces
    for payload, _ in blocks:
        if any(piece in payload for piece in pieces):
            found = rewrite_block(payload, rewriter)
            gone += found.gone
            changed += found.changed
    return gone, changed


def stage_snapshot(filesystem: FileSystem, path: Path, rewriter: Rewriter) -> bool:
    """Write a snapshot beside itself without what had to go.

    Returns:
        Whether it had any of it; else nothing is written.

    Raises:
        SnapshotError: it is not sound.
        OSError: the disk refused.
    """
    reader = SnapshotReader(filesystem, path)
    try:
        gone, changed = find_alive(((each, 0) for each in reader.blocks()), rewriter)
    finally:
        reader.close()
    if not gone and not changed:
        return False
    reader = SnapshotReader(filesystem, path)
    try:
        blocks = (rewrite_block(each, rewriter) for each in reader.blocks())
        write_snapshot(
            filesystem,
            staged_path(path),
            reader.header,
            ((each.payload, each.held) for each in blocks),
        )
    finally:
        reader.close()
    return True


# --- values, by their kind in a snapshot --------------------------------------------


def _string(value: bytes, rewriter: Rewriter) -> bytes:
    return rewriter.replace(value)


def _list(value: list[bytes], rewriter: Rewriter) -> list[bytes]:
    return list(map(rewriter.replace, value))


def _members(value: list[Any], rewriter: Rewriter) -> list[Any]:
    members, *rest = value
    return [list(map(rewriter.replace, members)), *rest]


def _hash(value: list[bytes], rewriter: Rewriter) -> list[bytes]:
    return rewriter.replace_fields(value)


def _expiring(value: list[Any], rewriter: Rewriter) -> list[Any]:
    fields, deadlines = value
    times = list(deadlines)
    times[::2] = map(rewriter.replace, deadlines[::2])
    return [rewriter.replace_fields(fields), times]


def _stream(value: list[Any], rewriter: Rewriter) -> list[Any]:
    last_id, deleted_id, added, nodes, groups, *producers = value
    replace = rewriter.replace
    found = [
        [replace(name), *rest[:2], _consumers(rest[2], rewriter), *rest[3:]]
        for name, *rest in groups
    ]
    return [
        *(last_id, deleted_id, added),
        [_node(node, rewriter) for node in nodes],
        found,
        *(
            [
                seconds,
                size,
                [[replace(who), replace(name), at] for who, name, at in all_],
            ]
            for seconds, size, all_ in producers
        ),
    ]


def _consumers(consumers: list[Any], rewriter: Rewriter) -> list[Any]:
    return [[rewriter.replace(name), *rest] for name, *rest in consumers]


def _node(node: list[Any], rewriter: Rewriter) -> list[Any]:
    *head, names, ids, same, entries = node
    found = []
    for is_same, entry in zip(same, entries, strict=True):
        pairs = list(entry)
        if is_same:
            pairs = [word for pair in zip(names, entry, strict=True) for word in pair]
        pairs = rewriter.replace_entry(pairs)
        found.append(pairs[1::2] if is_same else pairs)
    return [*head, list(map(rewriter.replace, names)), ids, same, found]


_VALUES: dict[int, Callable[[Any, Rewriter], Any]] = {
    _STRING: _string,
    _LIST: _list,
    _SET: _members,
    _ZSET: _members,
    _HASH: _hash,
    _EXPIRING: _expiring,
    _STREAM: _stream,
}
