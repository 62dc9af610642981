"""LOG.INFO, LOG.TAG, LOG.READ, LOG.DIGEST and their like: the log, for programs.

These are commands of our own, named as a module's would be. A record is shown as a map
of its parts, which docs/log-format.md describes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from joblog.app import errors
from joblog.app.errors import CommandError
from joblog.app.state.inquiries import (
    AskDigests,
    FindMovedTag,
    ListSegments,
    ListTags,
    ReadRecords,
)
from joblog.app.table.arguments import integer, whole_timeout_ms
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.table.usage import sibling_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.reply import SimpleString
    from joblog.app.state.context import Context

_FLAGS: Final = Flag.ADMIN | Flag.NOSCRIPT | Flag.NO_MULTI
_TAG: Final = re.compile(rb"[A-Za-z][A-Za-z0-9_.:/-]{0,99}")
_TAKEN: Final = frozenset((b"now", b"today", b"yesterday"))
_COUNT: Final = 100
_COUNT_MAX: Final = 10_000
_DIGESTS_MAX: Final = 1000
_SYNTAX: Final = {
    "LOG.HISTORY": "<key> [FROM <seq>] [COUNT <count>]",
    "LOG.READ": "FROM <seq> [COUNT <count>] [BLOCK <milliseconds>] [MATCH <pattern>]",
    "LOG.SEGMENTS": "[FROM <seq>] [COUNT <count>]",
    "LOG.TAGS": "[MATCH <pattern>]",
}


@command(
    "LOG.INFO",
    arity=1,
    flags=_FLAGS | Flag.LOADING,
    group="log",
    since="0.1.0",
    summary="Tell how far the log goes.",
    complexity="O(1)",
)
def log_info(ctx: Context) -> dict[bytes, Any]:
    """Return a map: the numbers of its first, last and last durable record, its size.

    Raises:
        CommandError: the server keeps no log.
    """
    return {name.encode(): value for name, value in _log_facts(ctx).items()}


@command(
    "LOG.TAG",
    arity=2,
    flags=_FLAGS | Flag.WRITE | Flag.FAST,
    group="log",
    since="0.1.0",
    summary="Give this moment a name that `replay` and CLIENT AT take for a moment.",
    complexity="O(N) for N records that came since a tag was given or asked for last",
)
def log_tag(ctx: Context, name: bytes) -> Any:
    """Return the number of the record that holds the name.

    Of a name that was given before it is two: that of the last record that held it
    comes second. That moment stays, as `NAME~1`.

    Raises:
        CommandError: the name is empty, or looks like another way to write a moment.
    """
    first_seq = max(int(_log_facts(ctx)["first_seq"]), 1)
    if ctx.server.replication.is_taking:
        raise CommandError(errors.READ_ONLY)
    if not is_tag(name):
        raise CommandError(errors.BAD_TAG)
    if not ctx.session.is_described:
        ctx.engine.outbox.describe(ctx.session)
    ctx.engine.outbox.note(ctx.session, {"kind": "tag", "name": name})
    seq = int(_log_facts(ctx)["last_seq"])
    inquiry = FindMovedTag(ctx.session, first_seq, name, seq)
    return ctx.ask(inquiry, 0, lambda moved: seq if moved is None else [seq, moved])


@command(
    "LOG.TAGS",
    arity=-1,
    flags=_FLAGS,
    group="log",
    since="0.1.0",
    summary="List the moments that were given names, with record and time.",
    complexity="O(N) for N tags and records that came since they were last asked for",
)
def log_tags(ctx: Context, *options: bytes) -> Any:
    """Return a map for each tag, in order: name, seq, at-ms, client and moved-to.

    A name that was given again has several: `moved-to` is the number of the last, null
    in that one.

    Raises:
        CommandError: unknown or bad options.
    """
    words = _parse(options, (b"MATCH",))
    first_seq = int(_log_facts(ctx)["first_seq"])
    inquiry = ListTags(ctx.session, max(first_seq, 1), words.get(b"MATCH"))
    return ctx.ask(inquiry, 0, lambda found: found)


@command(
    "LOG.HELP",
    arity=1,
    flags=Flag.LOADING | Flag.STALE,
    group="log",
    since="0.1.0",
    summary="List what can be asked of the log.",
    complexity="O(1)",
)
def log_help(_: Context) -> list[SimpleString]:
    """Return a line for each command of the log, and one for what it does."""
    return sibling_lines("LOG", _SYNTAX)


def is_tag(name: bytes) -> bool:
    """Say whether a name can be a tag: one word that is no other way to write a moment.

    It begins with a letter; `now`, `today` and `yesterday` are taken.
    """
    return bool(_TAG.fullmatch(name)) and name.lower() not in _TAKEN


@command(
    "LOG.READ",
    arity=-3,
    flags=_FLAGS | Flag.BLOCKING,
    group="log",
    since="0.1.0",
    summary="Read records from a number on, or wait for one.",
    complexity="O(N) for N records that are passed over and read",
)
def log_read(ctx: Context, word: bytes, seq: bytes, *options: bytes) -> Any:
    """Return the number to go on from, the last number there is, and the records.

    One call passes over a bounded stretch of the log: it may find no record, and yet
    not be at its end. Null when a wait is over.

    Raises:
        CommandError: unknown or bad options, or the records are pruned.
    """
    if word.upper() != b"FROM":
        raise CommandError(errors.SYNTAX)
    words = _parse(options, (b"COUNT", b"BLOCK", b"MATCH"))
    _log_facts(ctx)
    inquiry = ReadRecords(
        ctx.session,
        from_seq=_seq(seq),
        count=_count(words),
        glob=words.get(b"MATCH"),
        waits=b"BLOCK" in words,
    )
    wait_ms = whole_timeout_ms(words.get(b"BLOCK", b"0"), ctx.now_ms)
    return ctx.ask(inquiry, wait_ms, lambda found: found)


@command(
    "LOG.HISTORY",
    arity=-2,
    flags=_FLAGS,
    keys=KeySpec("RO ACCESS", is_read=False),
    group="log",
    since="0.1.0",
    summary="Read the records that changed a key.",
    complexity="O(N) for N records that are passed over and read",
)
def log_history(ctx: Context, key: bytes, *options: bytes) -> Any:
    """Return the number to go on from, the last number there is, and the records.

    Raises:
        CommandError: unknown or bad options, or the records are pruned.
    """
    words = _parse(options, (b"FROM", b"COUNT"))
    _log_facts(ctx)
    inquiry = ReadRecords(
        ctx.session,
        from_seq=_seq(words.get(b"FROM", b"1")),
        count=_count(words),
        db=ctx.db.index,
        key=key,
    )
    return ctx.ask(inquiry, 0, lambda found: found)


@command(
    "LOG.DIGEST",
    arity=-2,
    flags=_FLAGS,
    group="log",
    since="0.1.0",
    summary="Tell the digests of the log at some records.",
    complexity="O(N) for N bytes of the segments in which the records are",
)
def log_digest(ctx: Context, seq: bytes, *seqs: bytes) -> Any:
    """Return a digest for each number: SHA-256 of the segment up to that record.

    The segment's header ties it to all before, so two logs that have the same there are
    the same up to there. Null where there is no such record yet, or it is damaged.

    Raises:
        CommandError: something is no number, they are too many, or one is pruned.
    """
    wanted = [_seq(word) for word in (seq, *seqs)]
    if len(wanted) > _DIGESTS_MAX:
        raise CommandError(errors.COUNT_OUT_OF_RANGE)
    _log_facts(ctx)
    return ctx.ask(AskDigests(ctx.session, wanted), 0, lambda found: found)


@command(
    "LOG.SEGMENTS",
    arity=-1,
    flags=_FLAGS,
    group="log",
    since="0.1.0",
    summary="List the segments of the log, with what their headers say.",
    complexity="O(N) for N segments",
)
def log_segments(ctx: Context, *options: bytes) -> Any:
    """Return a map for each segment, from that which has a record on.

    It has first-seq, last-seq, created-at-ms, epoch, previous-digest (SHA-256 of the
    footer before, zeroes in a log's first) and header-digest (that of the header).

    Raises:
        CommandError: unknown or bad options, or the record is pruned.
    """
    words = _parse(options, (b"FROM", b"COUNT"))
    _log_facts(ctx)
    from_seq = _seq(words[b"FROM"]) if b"FROM" in words else None
    inquiry = ListSegments(ctx.session, from_seq, _count(words))
    return ctx.ask(inquiry, 0, lambda found: found)


def _log_facts(ctx: Context) -> dict[str, int | bytes]:
    """Return how far the log goes, and the like.

    Raises:
        CommandError: the server keeps no log.
    """
    if ctx.server.log_facts is None:
        raise CommandError(errors.NO_LOG)
    return ctx.server.log_facts()


def _parse(words: Sequence[bytes], known: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the values of options by name."""
    if len(words) % 2:
        raise CommandError(errors.SYNTAX)
    options = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name.upper() not in known:
            raise CommandError(errors.SYNTAX)
        options[name.upper()] = value
    return options


def _seq(word: bytes) -> int:
    seq = integer(word.removeprefix(b"@"))
    if seq < 0:
        raise CommandError(errors.NOT_AN_INTEGER)
    return max(seq, 1)


def _count(words: dict[bytes, bytes]) -> int:
    count = integer(words.get(b"COUNT", b"%d" % _COUNT))
    if not 0 < count <= _COUNT_MAX:
        raise CommandError(errors.COUNT_OUT_OF_RANGE)
    return count
