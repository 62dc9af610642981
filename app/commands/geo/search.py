"""GEOSEARCH and GEOSEARCHSTORE: the members in a circle or a rectangle.

What is stored depends on sines and cosines, which another machine may round in another
way: the log has the members and scores themselves.

Source: Redis 7.2; see tests/parity/test_geo_search.py.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from joblog.app.commands.geo.options import Family, Search, parse_options
from joblog.app.commands.geo.positions import show_distance, show_position
from joblog.app.commands.sorted_sets.ranges import store_pairs
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.geohash import Position, Shape, boxes_around, position_of
from joblog.app.types.numbers import format_double_17
from joblog.app.types.sorted_ranges import ScoreRange
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.state.context import Context


class _Found(NamedTuple):
    """A member inside of the shape.

    Attributes:
        distance: from the center, in the unit of the search.
    """

    member: bytes
    score: float
    distance: float
    position: Position


def run_search(ctx: Context, search: Search) -> list[Any] | int:
    """Search, and return or store what was found."""
    if search.value is None:
        found = []
    else:
        limit = search.count if search.is_any else 0
        found = _find(search.value, search.shape(), search.meters, limit)
        _choose(search, found)
    if search.destination is not None:
        return _store(ctx, search, found)
    if search.details:
        return [_show(search, each) for each in found]
    return [each.member for each in found]


def _find(value: SortedSet, shape: Shape, meters: float, limit: int) -> list[_Found]:
    """Return the members in a shape, box by box; a limit above 0 ends the search."""
    found: list[_Found] = []
    for box in boxes_around(shape):
        least, end = box.scores()
        wanted = ScoreRange(least, end, excludes_most=True)
        for score, member in value.pairs(*value.ranks_by_score(wanted)):
            position = position_of(score)
            distance = shape.distance_to(position)
            if distance is not None:
                found.append(_Found(member, score, distance / meters, position))
                if len(found) == limit:
                    return found
    return found


def _choose(search: Search, found: list[_Found]) -> None:
    """Sort what was found, and leave as much as was asked for.

    COUNT without an order asks for the nearest, unless ANY will do.
    """
    if search.order or (search.count and not search.is_any):
        by_distance = attrgetter("distance")
        found.sort(key=by_distance, reverse=search.order == b"DESC")
    if search.count:
        del found[search.count :]


def _show(search: Search, found: _Found) -> list[Any]:
    shown: list[Any] = [found.member]
    if b"WITHDIST" in search.details:
        shown.append(show_distance(found.distance))
    if b"WITHHASH" in search.details:
        shown.append(int(found.score))
    if b"WITHCOORD" in search.details:
        shown.append(show_position(found.position))
    return shown


def _store(ctx: Context, search: Search, found: list[_Found]) -> int:
    destination = search.destination
    assert destination is not None
    had_old = ctx.db.peek(destination) is not None
    pairs = [
        (each.distance if search.stores_distance else each.score, each.member)
        for each in found
    ]
    is_search = search.family is Family.SEARCH_STORE
    event = b"geosearchstore" if is_search else b"georadiusstore"
    if had_old:
        ctx.record(b"DEL", destination)
    if pairs:
        words = [
            word
            for score, member in pairs
            for word in (format_double_17(score), member)
        ]
        ctx.record(b"ZADD", destination, *words)
    return store_pairs(ctx, destination, pairs, event, counts_each=True)


def _search_words(
    ctx: Context, key: bytes, words: Sequence[bytes], destination: bytes | None = None
) -> list[Any] | int:
    family = Family.SEARCH if destination is None else Family.SEARCH_STORE
    value = ctx.db.get(key, SortedSet)
    search = Search(value, family, destination=destination)
    parse_options(search, words)
    return run_search(ctx, search)


@command(
    "GEOSEARCH",
    arity=-7,
    flags=Flag.READONLY,
    keys=KeySpec("RO ACCESS"),
    group="geo",
    since="6.2.0",
    summary="Find the members in a circle or a rectangle.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def geosearch(
    ctx: Context,
    key: bytes,
    word1: bytes,
    word2: bytes,
    word3: bytes,
    word4: bytes,
    word5: bytes,
    *words: bytes,
) -> list[Any] | int:
    """Return members, each with the details that were asked for."""
    return _search_words(ctx, key, (word1, word2, word3, word4, word5, *words))


@command(
    "GEOSEARCHSTORE",
    arity=-8,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=(KeySpec("OW UPDATE"), KeySpec("RO ACCESS", first=2)),
    effects=("DEL", "ZADD"),
    group="geo",
    since="6.2.0",
    summary="Find the members in a circle or a rectangle, and store them.",
    complexity="O(N + log M) for N members in the boxes around, M in all",
)
def geosearchstore(
    ctx: Context,
    destination: bytes,
    source: bytes,
    word1: bytes,
    word2: bytes,
    word3: bytes,
    word4: bytes,
    word5: bytes,
    *words: bytes,
) -> list[Any] | int:
    """Return how many members were stored; with none the destination is removed."""
    options = (word1, word2, word3, word4, word5, *words)
    return _search_words(ctx, source, options, destination)
