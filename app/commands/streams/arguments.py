"""Arguments and replies that stream commands share: IDs, intervals, entries.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.reply import Entries
from joblog.app.types.stream_ids import ID_MAX, PART_MAX, format_id, parse_id
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from joblog.app.state.context import Context
    from joblog.app.types.stream_nodes import Fields

_OPEN: Final = b"("


def stream_id(text: bytes) -> int:
    """Return an ID; a missing sequence number is 0.

    Raises:
        CommandError: it is none.
    """
    entry_id = parse_id(text)
    if entry_id is None:
        raise CommandError(errors.INVALID_STREAM_ID)
    return entry_id


def stream_ids(texts: Iterable[bytes]) -> list[int]:
    """Return IDs.

    Raises:
        CommandError: one of them is none.
    """
    return list(map(stream_id, texts))


def interval_start(text: bytes) -> int:
    """Return the lowest ID of an interval: an ID, `-`, or `(` and an excluded ID.

    Raises:
        CommandError: it is none of them, or no ID follows the excluded one.
    """
    if text[:1] == _OPEN and len(text) > 1:
        start = stream_id(text[1:]) + 1
        if start > ID_MAX:
            raise CommandError(errors.INVALID_INTERVAL_START)
        return start
    return _edge(text, 0)


def interval_end(text: bytes) -> int:
    """Return the highest ID of an interval: an ID, `+`, or `(` and an excluded ID.

    An ID without sequence number has all with that time in the interval.

    Raises:
        CommandError: it is none of them, or no ID precedes the excluded one.
    """
    if text[:1] == _OPEN and len(text) > 1:
        end = parse_id(text[1:], PART_MAX)
        if end is None:
            raise CommandError(errors.INVALID_STREAM_ID)
        if not end:
            raise CommandError(errors.INVALID_INTERVAL_END)
        return end - 1
    return _edge(text, PART_MAX)


def _edge(text: bytes, missing: int) -> int:
    if text == b"-":
        return 0
    if text == b"+":
        return ID_MAX
    entry_id = parse_id(text, missing)
    if entry_id is None:
        raise CommandError(errors.INVALID_STREAM_ID)
    return entry_id


def entries_reply(entries: Sequence[tuple[int, Fields]]) -> Entries:
    """Return entries as a reply."""
    return Entries([(format_id(entry_id), fields) for entry_id, fields in entries])


def note_quiet_change(ctx: Context, changes: int = 1) -> None:
    """Say that something changed which Redis tells nobody of: what is pending.

    It has an effect for the log, but no keyspace event, and WATCH does not see it.
    """
    ctx.keyspace.changes += 1
    ctx.keyspace.counted_besides += changes - 1


def require_stream(ctx: Context, key: bytes) -> Stream:
    """Return the stream at a key.

    Raises:
        CommandError: there is no such key, or it holds another type.
    """
    stream = ctx.db.get(key, Stream)
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    return stream
