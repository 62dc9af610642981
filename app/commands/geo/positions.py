"""Geo commands that keep positions and read them; `geo_search` finds those nearby.

Positions are the scores of a sorted set (see `joblog.app.types.geohash`).

Source: Redis 7.2; see tests/parity/test_geo.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.sorted_sets.members import zadd
from joblog.app.errors import CommandError
from joblog.app.reply import NULL_ARRAY, DoubleText
from joblog.app.table.arguments import double
from joblog.app.table.key_specs import KeySpec
from joblog.app.table.table import Flag, command
from joblog.app.types.geohash import (
    LATITUDE_MAX,
    LONGITUDE_MAX,
    Position,
    distance_m,
    geohash_text,
    position_of,
    score_of,
)
from joblog.app.types.long_doubles import format_long_double, round_to_long_double
from joblog.app.types.sorted_sets import SortedSet

if TYPE_CHECKING:
    from joblog.app.reply import NullArrayType
    from joblog.app.state.context import Context

_READ: Final = KeySpec("RO ACCESS")
_UNITS_M: Final = {b"m": 1.0, b"km": 1000.0, b"ft": 0.3048, b"mi": 1609.34}
_ADD_OPTIONS: Final = frozenset((b"NX", b"XX", b"CH"))


def parse_position(longitude: bytes, latitude: bytes) -> Position:
    """Return a position that has a score.

    Raises:
        CommandError: it is not two numbers, or too near to a pole.
    """
    x, y = double(longitude), double(latitude)
    if not (abs(x) <= LONGITUDE_MAX and abs(y) <= LATITUDE_MAX):
        raise CommandError(errors.geo_pair(x, y))
    return x, y


def parse_unit(unit: bytes) -> float:
    """Return how many meters a unit has.

    Raises:
        CommandError: there is no such unit.
    """
    meters = _UNITS_M.get(unit.lower())
    if meters is None:
        raise CommandError(errors.GEO_UNIT)
    return meters


def show_distance(distance: float) -> bytes:
    """Return a distance as replies have it, with four decimals."""
    return b"%.4f" % distance


def show_position(position: Position) -> list[DoubleText]:
    """Return a position as replies have it: longitude and latitude."""
    return [_show_coordinate(position[0]), _show_coordinate(position[1])]


def _show_coordinate(degrees: float) -> DoubleText:
    exact = round_to_long_double(*degrees.as_integer_ratio(), 0)
    assert exact is not None, f"{degrees} is not finite"
    return DoubleText(format_long_double(exact))


@command(
    "GEOADD",
    arity=-5,
    flags=Flag.WRITE | Flag.DENYOOM,
    keys=KeySpec("RW UPDATE"),
    group="geo",
    since="3.2.0",
    summary="Add members with positions, or change their positions.",
    complexity="O(log N) for each member",
)
def geoadd(
    ctx: Context,
    key: bytes,
    longitude: bytes,
    latitude: bytes,
    member: bytes,
    *more: bytes,
) -> int | float | None:
    """Return how many members are new; with CH, how many are new or have moved."""
    words = [longitude, latitude, member, *more]
    first = 0
    while first < len(words) and words[first].upper() in _ADD_OPTIONS:
        first += 1
    options = {word.upper() for word in words[:first]}
    places = words[first:]
    if len(places) % 3 or not places or options >= {b"NX", b"XX"}:
        raise CommandError(errors.SYNTAX)
    pairs = []
    for at in range(0, len(places), 3):
        position = parse_position(places[at], places[at + 1])
        pairs += [b"%d" % score_of(position), places[at + 2]]
    first_word, second_word, *rest = [*sorted(options), *pairs]
    return zadd(ctx, key, first_word, second_word, *rest)


@command(
    "GEOPOS",
    arity=-2,
    flags=Flag.READONLY,
    keys=_READ,
    group="geo",
    since="3.2.0",
    summary="Return the positions of members.",
    complexity="O(1) for each member",
)
def geopos(
    ctx: Context, key: bytes, *members: bytes
) -> list[list[DoubleText] | NullArrayType]:
    """Return longitude and latitude of each; a null for what is no member."""
    value = ctx.db.get(key, SortedSet)
    positions = [_position(value, member) for member in members]
    return [NULL_ARRAY if each is None else show_position(each) for each in positions]


@command(
    "GEOHASH",
    arity=-2,
    flags=Flag.READONLY,
    keys=_READ,
    group="geo",
    since="3.2.0",
    summary="Return the positions of members as geohashes of 11 letters.",
    complexity="O(1) for each member",
)
def geohash(ctx: Context, key: bytes, *members: bytes) -> list[bytes | None]:
    """Return the geohash of each; None for what is no member."""
    value = ctx.db.get(key, SortedSet)
    positions = [_position(value, member) for member in members]
    return [None if each is None else geohash_text(each) for each in positions]


@command(
    "GEODIST",
    arity=-4,
    flags=Flag.READONLY,
    keys=_READ,
    group="geo",
    since="3.2.0",
    summary="Return how far two members are from each other.",
    complexity="O(1)",
)
def geodist(
    ctx: Context, key: bytes, member1: bytes, member2: bytes, *unit: bytes
) -> bytes | None:
    """Return the distance, in meters or in a unit; None if one of them is missing."""
    if len(unit) > 1:
        raise CommandError(errors.SYNTAX)
    meters = parse_unit(unit[0]) if unit else 1.0
    value = ctx.db.get(key, SortedSet)
    first, second = _position(value, member1), _position(value, member2)
    if first is None or second is None:
        return None
    return show_distance(distance_m(first, second) / meters)


def _position(value: SortedSet | None, member: bytes) -> Position | None:
    score = None if value is None else value.scores.get(member)
    return None if score is None else position_of(score)
