"""Trimming of streams: the options that XADD and XTRIM share.

    MAXLEN | MINID [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]

Source: Redis 7.2; see tests/parity/test_streams.py. What becomes of the references that
groups hold: Redis 8.2; see tests/parity/test_stream_references.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from joblog.app import errors
from joblog.app.commands.streams.arguments import stream_id
from joblog.app.commands.streams.producers import WORDS, Once, parse_once
from joblog.app.commands.streams.references import (
    ACKED,
    DELREF,
    POLICIES,
    forget,
    is_done_with,
)
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.types.stream_ids import ID_MAX, parse_partial_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context
    from joblog.app.types.stream_nodes import Fields
    from joblog.app.types.streams import Stream

_LIMIT_NODES: Final = 100
_LIMIT_WITHOUT_NODES: Final = 10_000
_LIMIT_MAX: Final = 1_000_000


class Trimming(NamedTuple):
    """What to remove from the start of a stream.

    Attributes:
        threshold: the length to keep, or the lowest ID to keep.
        is_by_id: whether it is an ID.
        is_approximate: whether more may be kept, to do less work.
        limit: how many entries to remove at the most, 0 for any number; None where
            the command does not say.
        policy: what becomes of references to the entries; empty for KEEPREF.
    """

    threshold: int
    is_by_id: bool
    is_approximate: bool
    limit: int | None
    policy: bytes = b""


class Trimmed(NamedTuple):
    """What trimming did.

    Attributes:
        removed: how many entries were removed.
        words: options with which XTRIM or XADD does the same again.
        forgotten: (group, IDs) of each group that had such entries pending.
    """

    removed: int
    words: tuple[bytes, ...]
    forgotten: list[tuple[bytes, list[int]]]


def trim(ctx: Context, stream: Stream, trimming: Trimming) -> Trimmed:
    """Remove the first entries of a stream."""
    forgotten: list[tuple[bytes, list[int]]] = []
    has_gaps = False
    if trimming.policy not in (ACKED, DELREF):
        removed = _cut(ctx, stream, trimming)
    elif trimming.is_approximate:
        removed = 0  # only whole nodes would go, and Redis removes none of them so
    elif trimming.policy == ACKED:
        removed, has_gaps = _trim_done(stream, trimming)
    else:
        ids = [entry_id for entry_id, _ in _candidates(stream, trimming)]
        removed = _cut(ctx, stream, trimming)
        forgotten = forget(stream, ids)
    words = (b"MAXLEN", b"=", b"%d" % stream.length)
    return Trimmed(removed, (*words, ACKED) if has_gaps else words, forgotten)


def _cut(ctx: Context, stream: Stream, trimming: Trimming) -> int:
    limit = trimming.limit
    if limit is None:
        limit = _default_limit(ctx) if trimming.is_approximate else 0
    cut = stream.trim_before if trimming.is_by_id else stream.trim_to_length
    return cut(trimming.threshold, is_approximate=trimming.is_approximate, limit=limit)


def _candidates(stream: Stream, trimming: Trimming) -> list[tuple[int, Fields]]:
    """Return the entries that exact trimming removes, where nothing is in its way."""
    if trimming.is_by_id:
        return stream.between(0, trimming.threshold - 1)
    excess = stream.length - trimming.threshold
    return stream.between(count=excess) if excess > 0 else []


def _trim_done(stream: Stream, trimming: Trimming) -> tuple[int, bool]:
    """Remove those of the first entries that all groups are done with.

    Returns:
        How many were removed, and whether one stays that is before one of them.
    """
    wanted = len(_candidates(stream, trimming))
    most = trimming.threshold - 1 if trimming.is_by_id else ID_MAX
    candidates = stream.between(0, most) if wanted else []
    done: list[int] = []
    for entry_id, _ in candidates:
        if len(done) == wanted:
            break
        if is_done_with(stream, entry_id):
            done.append(entry_id)
    for entry_id in done:
        stream.discard(entry_id)
    return len(done), bool(done) and candidates[len(done) - 1][0] != done[-1]


def _default_limit(ctx: Context) -> int:
    """Return how many entries approximate trimming removes at the most."""
    limit: int = _LIMIT_NODES * ctx.server.config.stream_node_max_entries
    return min(limit or _LIMIT_WITHOUT_NODES, _LIMIT_MAX)


class Options(NamedTuple):
    """What XADD or XTRIM say.

    Attributes:
        trimming: what to trim, or None.
        is_made: whether a missing stream is to be made.
        once: who adds the entry once, or None.
        size: how many of the words were options.
    """

    trimming: Trimming | None
    is_made: bool
    once: Once | None
    size: int


def parse_trimming(words: Sequence[bytes], *, is_add: bool) -> Options:
    """Read the options of XADD, up to its ID, or those of XTRIM.

    Args:
        words: what follows the key.
        is_add: whether the command is XADD.

    Raises:
        CommandError: an option is wrong, or what XADD has in place of one is no ID.
    """
    trimming: Trimming | None = None
    limit: int | None = None
    policy, once = b"", None
    is_made, at = True, 0
    while at < len(words):
        option, has_more = words[at].upper(), at + 1 < len(words)
        if option in (b"MAXLEN", b"MINID") and has_more:
            if trimming is not None:
                raise CommandError(errors.MAXLEN_AND_MINID)
            trimming, at = _parse_strategy(words, at)
        elif option == b"LIMIT" and has_more:
            limit = integer(words[at + 1])
            if limit < 0:
                raise CommandError(errors.TRIM_LIMIT_NEGATIVE)
            at += 1
        elif option in POLICIES and not policy:
            policy = option
        elif not is_add:
            raise CommandError(errors.SYNTAX)
        elif option == b"NOMKSTREAM":
            is_made = False
        elif option in WORDS and has_more:
            if once is not None:
                raise CommandError(errors.ONCE_TWICE)
            once, at = parse_once(words, at)
        else:
            if option != b"*" and parse_partial_id(option) is None:
                stream_id(option)
            break
        at += 1
    trimming = _check(trimming, limit, is_add=is_add)
    if trimming is not None:
        trimming = trimming._replace(policy=policy)
    return Options(trimming, is_made, once, at)


def _parse_strategy(words: Sequence[bytes], at: int) -> tuple[Trimming, int]:
    """Return what to trim by, and where its last word is."""
    is_by_id = words[at].upper() == b"MINID"
    at += 1
    is_approximate = words[at] == b"~"
    if words[at] in (b"~", b"=") and at + 1 < len(words):
        at += 1
    if is_by_id:
        threshold = stream_id(words[at])
    else:
        threshold = integer(words[at])
        if threshold < 0:
            raise CommandError(errors.TRIM_MAXLEN_NEGATIVE)
    return Trimming(threshold, is_by_id, is_approximate, None), at


def _check(
    trimming: Trimming | None, limit: int | None, *, is_add: bool
) -> Trimming | None:
    """Return what to trim with its limit, where the options go together."""
    if trimming is None:
        if limit:
            raise CommandError(errors.LIMIT_WITHOUT_STRATEGY)
        if not is_add:
            raise CommandError(errors.XTRIM_WITHOUT_STRATEGY)
    if limit is not None and (trimming is None or not trimming.is_approximate):
        raise CommandError(errors.LIMIT_WITHOUT_TILDE)
    return None if trimming is None else trimming._replace(limit=limit)
