"""Stream commands that add and remove entries.

`stream_reads` reads them, `stream_groups` sees to consumer groups, `stream_claims` to
who has what pending, `stream_removals` removes both, `stream_info` looks inside.

Effects name what was found out: `XADD key *` is recorded with the ID that it got, and
approximate trimming as the exact length that it left.

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.streams.arguments import stream_id, stream_ids
from joblog.app.commands.streams.producers import find_added, name_of, note_added
from joblog.app.commands.streams.references import record_forgotten
from joblog.app.commands.streams.trimming import Trimming, parse_trimming, trim
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.tips import RANDOM
from joblog.app.types.stream_ids import ID_MAX, PART_MAX, format_id, parse_partial_id
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.stream_nodes import Fields

_CHANGE: Final = KeySpec("RW UPDATE")
_REMOVE: Final = KeySpec("RW DELETE")


@command(
    "XADD",
    arity=-5,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    effects=("XADD", "XACK", "XIDMPRECORD"),
    group="stream",
    since="5.0.0",
    summary="Append an entry to a stream, which is made where the key is missing.",
    complexity="O(1), and O(N) for N entries trimmed",
    tips=(RANDOM,),
)
def xadd(
    ctx: Context, key: bytes, word: bytes, field: bytes, value: bytes, *more: bytes
) -> bytes | None:
    """Return the ID of the entry; None where NOMKSTREAM keeps a key from being made."""
    if word == b"*" and not len(more) % 2:
        return _append(ctx, key, None, (field, value, *more), None)
    words = (word, field, value, *more)
    trimming, is_made, once, place = parse_trimming(words, is_add=True)
    fields = words[place + 1 :]
    if not fields or len(fields) % 2:
        raise CommandError(errors.wrong_arity(b"xadd"))
    text = words[place]
    if text != b"*" and text[-2:] != b"-*" and not stream_id(text):
        raise CommandError(errors.XADD_ID_ZERO)
    if once is not None and text != b"*":
        raise CommandError(errors.ONCE_WITH_ID)
    if not is_made and ctx.db.get(key, Stream) is None:
        return None
    if once is None:
        return _append(ctx, key, text, fields, trimming, is_worded=place > 0)
    name = name_of(once, fields)
    added = find_added(ctx, key, once, name)
    if added is not None:
        return format_id(added)
    written = _append(ctx, key, text, fields, trimming)
    note_added(ctx, key, once, name, written)
    return written


def _append(
    ctx: Context,
    key: bytes,
    text: bytes | None,
    fields: Fields,
    trimming: Trimming | None,
    *,
    is_worded: bool = False,
) -> bytes:
    """Add an entry, under the ID that a text asks for or under the next one.

    Args:
        ctx: the context of the command.
        key: the stream.
        text: the ID, `*` or `ms-*`; None for `*`.
        fields: fields and values in turn.
        trimming: what to trim then, or None.
        is_worded: whether the command has options, which a record does not need.
    """
    db, config = ctx.db, ctx.server.config
    found = db.get(key, Stream)
    stream = Stream() if found is None else found
    entry_id = _choose_id(stream, text, ctx.now_ms)
    stream.append(
        entry_id,
        fields,
        node_entries=config.stream_node_max_entries,
        node_bytes=config.stream_node_max_bytes,
    )
    if found is None:
        db.set(key, stream)
    db.touch(key, b"xadd")
    written = format_id(entry_id)
    trimmed = None if trimming is None else trim(ctx, stream, trimming)
    if trimmed is not None and trimmed.removed:
        db.touch(key, b"xtrim", 0)
        ctx.record(b"XADD", key, *trimmed.words, written, *fields)
        record_forgotten(ctx, key, trimmed.forgotten)
    elif text != written or is_worded:
        ctx.record(b"XADD", key, written, *fields)
    return written


def _choose_id(stream: Stream, text: bytes | None, now_ms: int) -> int:
    """Return the ID of an entry that is added.

    Raises:
        CommandError: there is none left, or it is not above the last one.
    """
    last_id = stream.last_id
    if last_id == ID_MAX:
        raise CommandError(errors.STREAM_EXHAUSTED)
    if text is None or text == b"*":
        return stream.next_id(now_ms)
    ms = parse_partial_id(text)
    if ms is None:
        entry_id = stream_id(text)
    elif ms == last_id >> 64:
        if last_id & PART_MAX == PART_MAX:
            raise CommandError(errors.XADD_ID_TOO_SMALL)
        entry_id = last_id + 1
    else:
        entry_id = ms << 64
    if entry_id <= last_id:
        raise CommandError(errors.XADD_ID_TOO_SMALL)
    return entry_id


@command(
    "XLEN",
    arity=2,
    flags=Flag.READONLY | Flag.FAST,
    keys=KeySpec("RO"),
    group="stream",
    since="5.0.0",
    summary="Return how many entries a stream has.",
    complexity="O(1)",
)
def xlen(ctx: Context, key: bytes) -> int:
    """Return the number of entries; 0 where the key is missing."""
    stream = ctx.db.get(key, Stream)
    return 0 if stream is None else stream.length


@command(
    "XDEL",
    arity=-3,
    flags=Flag.WRITE | Flag.FAST,
    keys=_REMOVE,
    group="stream",
    since="5.0.0",
    summary="Remove entries from a stream by their IDs; the stream stays.",
    complexity="O(log N) for each ID",
)
def xdel(ctx: Context, key: bytes, entry_id: bytes, *more: bytes) -> int:
    """Return how many of the entries were there."""
    stream = ctx.db.get(key, Stream)
    if stream is None:
        return 0
    removed = sum(map(stream.delete, stream_ids((entry_id, *more))))
    if removed:
        ctx.db.touch(key, b"xdel", removed)
    return removed


@command(
    "XTRIM",
    arity=-4,
    flags=Flag.WRITE,
    keys=_REMOVE,
    effects=("XTRIM", "XACK"),
    group="stream",
    since="5.0.0",
    summary="Remove the first entries of a stream, by its length or by their IDs.",
    complexity="O(N) for N entries removed",
    tips=(RANDOM,),
)
def xtrim(
    ctx: Context, key: bytes, strategy: bytes, threshold: bytes, *more: bytes
) -> int:
    """Return how many entries were removed."""
    words = (strategy, threshold, *more)
    trimming = parse_trimming(words, is_add=False).trimming
    stream = ctx.db.get(key, Stream)
    if stream is None or trimming is None:
        return 0
    trimmed = trim(ctx, stream, trimming)
    if trimmed.removed:
        ctx.db.touch(key, b"xtrim", trimmed.removed)
        if trimming.is_approximate or trimming.policy:
            ctx.record(b"XTRIM", key, *trimmed.words)
            record_forgotten(ctx, key, trimmed.forgotten)
    return trimmed.removed


@command(
    "XSETID",
    arity=-3,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=_CHANGE,
    group="stream",
    since="5.0.0",
    summary="Set the last ID of a stream, and what it knows of entries long gone.",
    complexity="O(1)",
)
def xsetid(ctx: Context, key: bytes, last_id: bytes, *options: bytes) -> SimpleString:
    """Return OK."""
    new_id = stream_id(last_id)
    added, max_deleted_id = _parse_setid(new_id, options)
    stream = ctx.db.get(key, Stream)
    if stream is None:
        raise CommandError(errors.NO_SUCH_KEY)
    if new_id < stream.max_deleted_id:
        raise CommandError(errors.XSETID_BELOW_DELETED)
    if stream.length:
        if new_id < stream.nodes[-1].ids[-1]:
            raise CommandError(errors.XSETID_BELOW_LAST)
        if added is not None and added < stream.length:
            raise CommandError(errors.XSETID_ADDED_BELOW_LENGTH)
    stream.last_id = new_id
    if added is not None:
        stream.entries_added = added
    if max_deleted_id:
        stream.max_deleted_id = max_deleted_id
    ctx.db.touch(key, b"xsetid")
    return OK


def _parse_setid(new_id: int, options: tuple[bytes, ...]) -> tuple[int | None, int]:
    """Return ENTRIESADDED, or None, and MAXDELETEDID, or 0."""
    added, max_deleted_id = None, 0
    words = iter(options)
    for word in words:
        option, argument = word.upper(), next(words, None)
        if option == b"ENTRIESADDED" and argument is not None:
            added = integer(argument)
            if added < 0:
                raise CommandError(errors.XSETID_ADDED_NEGATIVE)
        elif option == b"MAXDELETEDID" and argument is not None:
            max_deleted_id = stream_id(argument)
            if new_id < max_deleted_id:
                raise CommandError(errors.XSETID_BELOW_GIVEN_DELETED)
        else:
            raise CommandError(errors.SYNTAX)
    return added, max_deleted_id
