"""Entries that a producer sends again and that are added once: IDMP and IDMPAUTO.

    XADD key IDMP producer name * field value ...     the producer names the entry
    XADD key IDMPAUTO producer * field value ...      its fields do, in any order

XADD answers the ID of the entry that is there already, and changes nothing. What was
added is recorded as XADD, and behind it XIDMPRECORD, which Redis 8.6 knows.

Source: the public documentation and tests of Redis 8.6, of which there is no server to
ask; see tests/app/commands/test_stream_producers.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xxhash import xxh3_128_digest

from joblog.app import errors
from joblog.app.commands.streams.arguments import (
    note_quiet_change,
    require_stream,
    stream_id,
)
from joblog.app.errors import CommandError
from joblog.app.reply import OK, SimpleString
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.stream_producers import (
    DURATION_SECONDS_MAX,
    SIZE_MAX,
    Producers,
)
from joblog.app.types.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context
    from joblog.app.types.stream_nodes import Fields

WORDS: Final = frozenset((b"IDMP", b"IDMPAUTO"))


class Once(NamedTuple):
    """Who adds an entry once, and by which name; empty where its fields say."""

    producer: bytes
    name: bytes


def parse_once(words: Sequence[bytes], at: int) -> tuple[Once, int]:
    """Read IDMP or IDMPAUTO, and return where its last word is.

    Raises:
        CommandError: a word is missing or empty.
    """
    option = words[at].upper()
    size = 2 if option == b"IDMP" else 1
    given = words[at + 1 : at + 1 + size]
    if len(given) < size:
        raise CommandError(errors.SYNTAX)
    if not given[0]:
        raise CommandError(errors.producer_id_empty(option))
    if size > 1 and not given[1]:
        raise CommandError(errors.IDEMPOTENT_ID_EMPTY)
    return Once(given[0], given[1] if size > 1 else b""), at + size


def name_of(once: Once, fields: Fields) -> bytes:
    """Return the name of an entry: as given, or a digest of its fields in any order."""
    if once.name:
        return once.name
    pairs = sorted(zip(fields[::2], fields[1::2], strict=True))
    text = b"".join(
        b"%d:%b%d:%b" % (len(field), field, len(value), value) for field, value in pairs
    )
    return xxh3_128_digest(text)


def find_added(ctx: Context, key: bytes, once: Once, name: bytes) -> int | None:
    """Return the ID under which an entry was added before, or None."""
    stream = ctx.db.get(key, Stream)
    if stream is None or stream.producers is None:
        return None
    found = stream.producers.find(once.producer, name, ctx.now_ms)
    if found is not None:
        stream.producers.duplicates += 1
    return found


def note_added(ctx: Context, key: bytes, once: Once, name: bytes, text: bytes) -> None:
    """Remember an entry that has just been added under an ID, and record that."""
    stream = require_stream(ctx, key)
    _note(stream, once.producer, name, stream_id(text))
    ctx.record(b"XIDMPRECORD", key, once.producer, name, text)


def _note(stream: Stream, producer: bytes, name: bytes, entry_id: int) -> None:
    if stream.producers is None:
        stream.producers = Producers()
    stream.producers.note(producer, name, entry_id)


@command(
    "XIDMPRECORD",
    arity=5,
    flags=Flag.WRITE | Flag.DENYOOM | Flag.FAST,
    keys=KeySpec("RW UPDATE"),
    group="stream",
    since="8.6.2",
    summary="Remember under which ID a producer's entry was added: for logs.",
    complexity="O(1)",
)
def xidmprecord(
    ctx: Context, key: bytes, producer: bytes, name: bytes, entry_id: bytes
) -> SimpleString:
    """Return OK."""
    stream = require_stream(ctx, key)
    _note(stream, producer, name, stream_id(entry_id))
    note_quiet_change(ctx)
    return OK


@command(
    "XCFGSET",
    arity=-2,
    flags=Flag.WRITE | Flag.FAST,
    keys=KeySpec("RW UPDATE"),
    group="stream",
    since="8.6.0",
    summary="Set for how long, and how many, entries of producers are remembered.",
    complexity="O(1)",
)
def xcfgset(ctx: Context, key: bytes, *options: bytes) -> SimpleString:
    """Return OK; what was remembered is forgotten."""
    given: dict[bytes, int] = {}
    words = iter(options)
    for word in words:
        option, argument = word.upper(), next(words, None)
        if option not in _LIMITS or argument is None:
            raise CommandError(errors.SYNTAX)
        most, refusal = _LIMITS[option]
        given[option] = integer(argument)
        if not 1 <= given[option] <= most:
            raise CommandError(refusal)
    if not given:
        raise CommandError(errors.SYNTAX)
    stream = require_stream(ctx, key)
    old = stream.producers or Producers()
    stream.producers = Producers(
        given.get(b"IDMP-DURATION", old.duration_seconds),
        given.get(b"IDMP-MAXSIZE", old.size),
    )
    stream.producers.added, stream.producers.duplicates = old.added, old.duplicates
    note_quiet_change(ctx)
    return OK


_LIMITS: Final = {
    b"IDMP-DURATION": (DURATION_SECONDS_MAX, errors.INVALID_DURATION),
    b"IDMP-MAXSIZE": (SIZE_MAX, errors.INVALID_MAXSIZE),
}
