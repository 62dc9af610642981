"""Sorted set commands that read a range: ZRANGE, its older forms, and ZRANGESTORE.

All are one command with some options fixed: by rank, score or member; forwards or in
reverse; with a limit; with scores.

Source: Redis 7.2; see tests/parity/test_sorted_sets.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from joblog.app import errors
from joblog.app.commands.sorted_sets.spans import lex_range, rank_range, score_range
from joblog.app.errors import CommandError
from joblog.app.reply import BulkList, Pairs
from joblog.app.table.arguments import integer
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.sorted_ranges import LexRange, ScoreRange
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.state.context import Context
    from joblog.app.types.score_order import Pair

_READ: Final = KeySpec("RO ACCESS")

_RANK: Final = b"BYRANK"
_SCORE: Final = b"BYSCORE"
_LEX: Final = b"BYLEX"
_UNLIMITED: Final = -1


@final
class RankRange:
    """Ranks from a first to a last, both included; negative counts from the end."""

    __slots__ = ("start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        """Name the ends."""
        self.start = start
        self.stop = stop


@final
class Query:
    """What a range command asks for.

    Attributes:
        wanted: the range.
        is_reversed: whether the highest comes first.
        offset: how many to leave out; negative leaves out all.
        limit: how many at most; negative is no limit.
        with_scores: whether the reply has scores.
    """

    __slots__ = ("is_reversed", "limit", "offset", "wanted", "with_scores")

    def __init__(
        self,
        wanted: RankRange | ScoreRange | LexRange,
        offset: int,
        limit: int,
        *,
        is_reversed: bool,
        with_scores: bool,
    ) -> None:
        """Ask for a range."""
        self.wanted = wanted
        self.is_reversed = is_reversed
        self.offset = offset
        self.limit = limit
        self.with_scores = with_scores

    def select(self, zset: SortedSet) -> list[Pair]:
        """Return the pairs asked for, in the order asked for."""
        wanted, size = self.wanted, len(zset)
        if isinstance(wanted, RankRange):
            first, end = rank_range(wanted.start, wanted.stop, size)
            if self.is_reversed:
                first, end = size - end, size - first
        else:
            if isinstance(wanted, ScoreRange):
                first, end = zset.ranks_by_score(wanted)
            elif zset.has_one_score():
                first, end = zset.ranks_by_lex(wanted)
            else:
                return self._walk(zset, wanted)
            first, end = self._cut(first, end)
        found = zset.pairs(first, end)
        if self.is_reversed:
            found.reverse()
        return found

    def _walk(self, zset: SortedSet, wanted: LexRange) -> list[Pair]:
        if self.offset < 0:
            return []
        return zset.walk_by_lex(
            wanted,
            offset=self.offset,
            limit=self.limit,
            is_reversed=self.is_reversed,
        )

    def _cut(self, first: int, end: int) -> tuple[int, int]:
        """Apply offset and limit to ranks."""
        if self.offset < 0:
            return 0, 0
        if self.is_reversed:
            end = max(end - self.offset, first)
            return (first if self.limit < 0 else max(end - self.limit, first)), end
        first = min(first + self.offset, end)
        return first, (end if self.limit < 0 else min(first + self.limit, end))


def _parse_query(
    start: bytes,
    stop: bytes,
    options: tuple[bytes, ...],
    *,
    by: bytes = b"",
    is_reversed: bool | None = None,
    stores: bool = False,
) -> Query:
    """Read a range and its options.

    Args:
        start: where the range starts, in the order of the reply.
        stop: where it ends.
        options: the words that follow.
        by: what the command's name fixes; else BYSCORE and BYLEX are options.
        is_reversed: what the command's name fixes; None lets REV be an option.
        stores: whether the result is stored; WITHSCORES is no option then.

    Raises:
        CommandError: an unknown word, options that exclude each other, a bad range.
    """
    offset, limit, with_scores = 0, _UNLIMITED, False
    place = 0
    while place < len(options):
        word = options[place].upper()
        place += 1
        if word == b"WITHSCORES" and not stores:
            with_scores = True
        elif word == b"LIMIT":
            if place + 2 > len(options):
                raise CommandError(errors.SYNTAX)
            offset, limit = integer(options[place]), integer(options[place + 1])
            place += 2
        elif word == b"REV" and is_reversed is None:
            is_reversed = True
        elif word in (_SCORE, _LEX) and not by:
            by = word
        else:
            raise CommandError(errors.SYNTAX)
    if by not in (_SCORE, _LEX) and limit != _UNLIMITED:
        raise CommandError(errors.LIMIT_BY_RANK)
    if by == _LEX and with_scores:
        raise CommandError(errors.WITHSCORES_BY_LEX)
    is_reversed = bool(is_reversed)
    wanted = _parse_range(start, stop, by, is_reversed=is_reversed)
    return Query(
        wanted, offset, limit, is_reversed=is_reversed, with_scores=with_scores
    )


def _parse_range(
    start: bytes, stop: bytes, by: bytes, *, is_reversed: bool
) -> RankRange | ScoreRange | LexRange:
    if by in (_SCORE, _LEX):
        if is_reversed:  # by score and member, the higher end is given first
            start, stop = stop, start
        return (score_range if by == _SCORE else lex_range)(start, stop)
    return RankRange(integer(start), integer(stop))


def _answer(ctx: Context, key: bytes, query: Query) -> BulkList | Pairs:
    zset = ctx.db.get(key, SortedSet)
    found = [] if zset is None else query.select(zset)
    if query.with_scores:
        return Pairs([(member, score) for score, member in found])
    return BulkList([member for _, member in found])


@command(
    "ZRANGE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="1.2.0",
    summary="Return the members in a range of ranks, scores or members.",
    complexity="O(log N + M) for M members returned",
)
def zrange(
    ctx: Context, key: bytes, start: bytes, stop: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members, with their scores where asked for."""
    return _answer(ctx, key, _parse_query(start, stop, options))


@command(
    "ZREVRANGE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="1.2.0",
    summary="Return the members in a range of ranks, the highest score first.",
    complexity="O(log N + M) for M members returned",
)
def zrevrange(
    ctx: Context, key: bytes, start: bytes, stop: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members, with their scores where asked for."""
    query = _parse_query(start, stop, options, by=_RANK, is_reversed=True)
    return _answer(ctx, key, query)


@command(
    "ZRANGEBYSCORE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="1.0.5",
    summary="Return the members whose score is in a range.",
    complexity="O(log N + M) for M members returned",
)
def zrangebyscore(
    ctx: Context, key: bytes, least: bytes, most: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members, with their scores where asked for."""
    query = _parse_query(least, most, options, by=_SCORE, is_reversed=False)
    return _answer(ctx, key, query)


@command(
    "ZREVRANGEBYSCORE",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="2.2.0",
    summary="Return the members whose score is in a range, the highest score first.",
    complexity="O(log N + M) for M members returned",
)
def zrevrangebyscore(
    ctx: Context, key: bytes, most: bytes, least: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members, with their scores where asked for."""
    query = _parse_query(most, least, options, by=_SCORE, is_reversed=True)
    return _answer(ctx, key, query)


@command(
    "ZRANGEBYLEX",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="2.8.9",
    summary="Return the members between two members, all scores being equal.",
    complexity="O(log N + M) for M members returned",
)
def zrangebylex(
    ctx: Context, key: bytes, least: bytes, most: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members."""
    query = _parse_query(least, most, options, by=_LEX, is_reversed=False)
    return _answer(ctx, key, query)


@command(
    "ZREVRANGEBYLEX",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="sorted-set",
    since="2.8.9",
    summary="Return the members between two members, the last one first.",
    complexity="O(log N + M) for M members returned",
)
def zrevrangebylex(
    ctx: Context, key: bytes, most: bytes, least: bytes, *options: bytes
) -> BulkList | Pairs:
    """Return the members."""
    query = _parse_query(most, least, options, by=_LEX, is_reversed=True)
    return _answer(ctx, key, query)


@command(
    "ZRANGESTORE",
    arity=-5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=(KeySpec("OW UPDATE"), KeySpec("RO ACCESS", first=2)),
    group="sorted-set",
    since="6.2.0",
    summary="Store the members in a range as another sorted set.",
    complexity="O(log N + M) for M members stored",
)
def zrangestore(
    ctx: Context,
    destination: bytes,
    source: bytes,
    start: bytes,
    stop: bytes,
    *options: bytes,
) -> int:
    """Return how many members were stored; with none the destination is removed."""
    query = _parse_query(start, stop, options, stores=True)
    zset = ctx.db.get(source, SortedSet)
    found = [] if zset is None else query.select(zset)
    return store_pairs(ctx, destination, found, b"zrangestore")


def store_pairs(
    ctx: Context,
    destination: bytes,
    pairs: list[Pair],
    event: bytes,
    *,
    counts_each: bool = False,
) -> int:
    """Store pairs as a sorted set in place of whatever the key held.

    Args:
        ctx: the context of the command.
        destination: the key.
        pairs: what to store.
        event: what is told of it.
        counts_each: whether each pair counts as a change.

    Returns:
        How many there are; with none the key is removed.
    """
    db = ctx.db
    if pairs:
        old = db.peek(destination)
        scanned = old if type(old) is SortedSet else None
        db.overwrite(destination, SortedSet(pairs, in_place_of=scanned))
        db.touch(destination, event, len(pairs) if counts_each else 1)
    elif db.peek(destination) is not None:
        db.delete(destination)
        db.touch(destination, b"del")
    return len(pairs)
