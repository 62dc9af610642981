"""What becomes of references when entries go: those that are pending in groups.

    KEEPREF    they stay pending, as in Redis 7.2
    DELREF     they are acknowledged for all groups
    ACKED      an entry goes only where each group has acknowledged it

Source: Redis 8.2; see tests/parity/test_stream_references.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app.types.stream_ids import format_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from joblog.app.state.context import Context
    from joblog.app.types.streams import Stream

KEEPREF: Final = b"KEEPREF"
DELREF: Final = b"DELREF"
ACKED: Final = b"ACKED"
POLICIES: Final = frozenset((KEEPREF, DELREF, ACKED))


def is_done_with(stream: Stream, entry_id: int) -> bool:
    """Say whether each group was given an entry and has acknowledged it."""
    return all(
        group.last_id >= entry_id and entry_id not in group.pending.entries
        for group in stream.groups.values()
    )


def forget(stream: Stream, ids: Iterable[int]) -> list[tuple[bytes, list[int]]]:
    """Let entries be pending nowhere; return (group, IDs) of each group concerned."""
    forgotten = []
    for name, group in stream.groups.items():
        if group.pending.entries:
            gone = [entry_id for entry_id in ids if group.acknowledge(entry_id)]
            if gone:
                forgotten.append((name, gone))
    return forgotten


def record_forgotten(
    ctx: Context, key: bytes, forgotten: Iterable[tuple[bytes, list[int]]]
) -> None:
    """Record that entries are pending no longer, in a command that servers know."""
    for name, ids in forgotten:
        ctx.record(b"XACK", key, name, *map(format_id, ids))
