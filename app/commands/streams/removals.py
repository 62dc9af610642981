"""XDELEX and XACKDEL: entries go, and the references to them as one wishes.

They are recorded as what came of them: XACK and XDEL.

Source: Redis 8.2; see tests/parity/test_stream_references.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.streams.arguments import note_quiet_change, stream_ids
from joblog.app.commands.streams.references import (
    ACKED,
    DELREF,
    KEEPREF,
    POLICIES,
    forget,
    is_done_with,
    record_forgotten,
)
from joblog.app.errors import CommandError
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.numbers import parse_int64
from joblog.app.types.stream_ids import format_id
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context

_MISSING: Final = -1
_REMOVED: Final = 1
_REFERENCED: Final = 2


def _parse(words: Sequence[bytes]) -> tuple[bytes, Sequence[bytes]]:
    """Return what becomes of references, and the IDs.

        [KEEPREF | DELREF | ACKED] IDS numids id [id ...]

    Raises:
        CommandError: a word is not one of those, or the number is not that of the IDs.
    """
    policy, ids = b"", words[:0]
    at = 0
    while at < len(words):
        option = words[at].upper()
        if option == b"IDS" and at + 1 < len(words):
            count = parse_int64(words[at + 1])
            if count is None or count <= 0:
                raise CommandError(errors.NUMIDS_NOT_POSITIVE)
            ids = words[at + 2 : at + 2 + count]
            if len(ids) < count:
                raise CommandError(errors.NUMIDS_MISMATCH)
            at += 2 + count
        elif option in POLICIES and not policy:
            policy = option
            at += 1
        else:
            raise CommandError(errors.SYNTAX)
    if not ids:
        raise CommandError(errors.SYNTAX)
    return policy or KEEPREF, ids


class _Removal:
    """Removes entries of a stream one by one, and records it at the end."""

    def __init__(self, ctx: Context, key: bytes, stream: Stream, policy: bytes) -> None:
        self._ctx, self._key, self._stream = ctx, key, stream
        self._policy = policy
        self._forgotten: dict[bytes, list[int]] = {}
        self._removed: list[int] = []

    def note_acknowledged(self, group: bytes, entry_id: int) -> None:
        """Note that an entry is pending no longer in a group."""
        self._forgotten.setdefault(group, []).append(entry_id)

    def remove(self, entry_id: int) -> int:
        """Remove an entry; say what became of it, as the commands answer."""
        if self._policy == ACKED and not is_done_with(self._stream, entry_id):
            return _REFERENCED
        if self._policy == DELREF:
            for group, _ in forget(self._stream, [entry_id]):
                self.note_acknowledged(group, entry_id)
        if not self._stream.delete(entry_id):
            return _MISSING
        self._removed.append(entry_id)
        return _REMOVED

    def finish(self) -> None:
        """Tell and record what was done."""
        ctx, key = self._ctx, self._key
        if self._forgotten:
            note_quiet_change(ctx)
            record_forgotten(ctx, key, self._forgotten.items())
        if self._removed:
            ctx.db.touch(key, b"xdel", len(self._removed))
            ctx.record(b"XDEL", key, *map(format_id, self._removed))


@command(
    "XDELEX",
    arity=-5,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW DELETE"),
    effects=("XDEL", "XACK"),
    group="stream",
    since="8.2.0",
    summary="Remove entries, and say what becomes of references that groups hold.",
    complexity="O(log N + M) for each ID and M groups",
)
def xdelex(
    ctx: Context, key: bytes, first: bytes, second: bytes, third: bytes, *more: bytes
) -> list[int]:
    """Return for each ID 1 where the entry went, 2 where it is in use, else -1."""
    stream = ctx.db.get(key, Stream)
    policy, texts = _parse((first, second, third, *more))
    if stream is None:
        return [_MISSING] * len(texts)
    ids = stream_ids(texts)
    removal = _Removal(ctx, key, stream, policy)
    reply = list(map(removal.remove, ids))
    removal.finish()
    return reply


@command(
    "XACKDEL",
    arity=-6,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW UPDATE DELETE", is_read=True),
    effects=("XACK", "XDEL"),
    group="stream",
    since="8.2.0",
    summary="Acknowledge entries for a group, and remove them at once.",
    complexity="O(log N + M) for each ID and M groups",
)
def xackdel(
    ctx: Context,
    key: bytes,
    name: bytes,
    first: bytes,
    second: bytes,
    third: bytes,
    *more: bytes,
) -> list[int]:
    """Return for each ID -1 where it was not pending, 2 where it is in use, else 1."""
    stream = ctx.db.get(key, Stream)
    policy, texts = _parse((first, second, third, *more))
    group = None if stream is None else stream.groups.get(name)
    if stream is None or group is None:
        return [_MISSING] * len(texts)
    removal = _Removal(ctx, key, stream, policy)
    reply = []
    for entry_id in stream_ids(texts):
        if not group.acknowledge(entry_id):
            reply.append(_MISSING)
            continue
        removal.note_acknowledged(name, entry_id)
        # An entry that had gone before is acknowledged all the same.
        reply.append(abs(removal.remove(entry_id)))
    removal.finish()
    return reply
