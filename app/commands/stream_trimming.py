"""Trimming of streams: the options that XADD and XTRIM share.

    MAXLEN | MINID [= | ~] threshold [LIMIT count]

Source: Redis 7.2; see tests/parity/test_streams.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from app import errors
from app.commands.arguments import integer
from app.commands.stream_arguments import stream_id
from app.errors import CommandError
from app.types.stream_ids import parse_partial_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.commands.context import Context
    from app.types.streams import Stream

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
    """

    threshold: int
    is_by_id: bool
    is_approximate: bool
    limit: int | None


def trim(ctx: Context, stream: Stream, trimming: Trimming) -> int:
    """Remove the first entries of a stream; return how many."""
    limit = trimming.limit
    if limit is None:
        limit = _default_limit(ctx) if trimming.is_approximate else 0
    cut = stream.trim_before if trimming.is_by_id else stream.trim_to_length
    return cut(trimming.threshold, is_approximate=trimming.is_approximate, limit=limit)


def _default_limit(ctx: Context) -> int:
    """Return how many entries approximate trimming removes at the most."""
    limit: int = _LIMIT_NODES * ctx.server.config.stream_node_max_entries
    return min(limit or _LIMIT_WITHOUT_NODES, _LIMIT_MAX)


def parse_trimming(
    words: Sequence[bytes], *, is_add: bool
) -> tuple[Trimming | None, bool, int]:
    """Read the options of XADD, up to its ID, or those of XTRIM.

    Args:
        words: what follows the key.
        is_add: whether the command is XADD.

    Returns:
        What to trim, or None; whether a missing stream is to be made; and how many of
        the words were options.

    Raises:
        CommandError: an option is wrong, or what XADD has in place of one is no ID.
    """
    trimming: Trimming | None = None
    limit: int | None = None
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
        elif not is_add:
            raise CommandError(errors.SYNTAX)
        elif option == b"NOMKSTREAM":
            is_made = False
        else:
            if option != b"*" and parse_partial_id(option) is None:
                stream_id(option)
            break
        at += 1
    return _check(trimming, limit, is_add=is_add), is_made, at


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
