"""What a geo search asks for: where to search, in which shape, what to return.

    FROMMEMBER member | FROMLONLAT longitude latitude
    BYRADIUS radius unit | BYBOX width height unit
    [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]

Source: Redis 7.2; see tests/parity/test_geo_search.py.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from joblog.app import errors
from joblog.app.commands.geo.positions import parse_position, parse_unit
from joblog.app.errors import CommandError
from joblog.app.table.arguments import integer
from joblog.app.types.geohash import Position, Shape, circle, position_of, rectangle
from joblog.app.types.numbers import parse_double

if TYPE_CHECKING:
    from collections.abc import Sequence

    from joblog.app.types.sorted_sets import SortedSet


class Family(enum.Enum):
    """The commands that search; their options differ."""

    SEARCH = "GEOSEARCH"
    SEARCH_STORE = "GEOSEARCHSTORE"
    RADIUS = "GEORADIUS"
    RADIUS_RO = "GEORADIUS_RO"


_STORING: Final = {
    Family.SEARCH_STORE: b"GEOSEARCHSTORE",
    Family.RADIUS: b"STORE option in GEORADIUS",
}
_DETAILS: Final = frozenset((b"WITHDIST", b"WITHHASH", b"WITHCOORD"))
_ORDERS: Final = frozenset((b"ASC", b"DESC"))
_CENTERS: Final = frozenset((b"FROMMEMBER", b"FROMLONLAT"))
_SHAPES: Final = frozenset((b"BYRADIUS", b"BYBOX"))
_PLACES: Final = {
    b"FROMMEMBER": (1, b"FROMLONLAT"),
    b"FROMLONLAT": (2, b"FROMMEMBER"),
    b"BYRADIUS": (2, b"BYBOX"),
    b"BYBOX": (3, b"BYRADIUS"),
}
"""Options that say where to search: how many words follow, and what rules it out."""


@dataclass(slots=True)
class Search:
    """What a call asks for.

    Attributes:
        value: the sorted set, or None where the key is missing.
        family: which of the commands it is, since options differ.
        center: where to search; None while that is not known.
        sizes: the radius of a circle or width and height of a rectangle, in meters.
        meters: how many meters the unit has.
        order: ASC, DESC, or empty.
        count: how many members at the most; 0 is all.
        is_any: whether any will do, rather than the nearest.
        details: what to tell beside the member.
        destination: where to store the result, or None.
        stores_distance: whether distances become the scores that are stored.
        places: which options that say where to search were given.
    """

    value: SortedSet | None
    family: Family
    center: Position | None = None
    sizes: tuple[float, ...] = ()
    meters: float = 1.0
    order: bytes = b""
    count: int = 0
    is_any: bool = False
    details: frozenset[bytes] = frozenset()
    destination: bytes | None = None
    stores_distance: bool = False
    places: frozenset[bytes] = frozenset()

    def take_member(self, member: bytes) -> None:
        """Search around a member.

        Raises:
            CommandError: the key is there, and the member is not.
        """
        if self.value is None:
            return
        score = self.value.scores.get(member)
        if score is None:
            raise CommandError(errors.GEO_NO_MEMBER)
        self.center = position_of(score)

    def take_position(self, longitude: bytes, latitude: bytes) -> None:
        """Search around a position."""
        self.center = parse_position(longitude, latitude)

    def take_radius(self, radius: bytes, unit: bytes) -> None:
        """Search in a circle."""
        size = parse_double(radius)
        if size is None:
            raise CommandError(errors.GEO_RADIUS)
        if size < 0:
            raise CommandError(errors.GEO_RADIUS_NEGATIVE)
        self.meters = parse_unit(unit)
        self.sizes = (size * self.meters,)

    def take_box(self, width: bytes, height: bytes, unit: bytes) -> None:
        """Search in a rectangle."""
        sizes = parse_double(width), parse_double(height)
        if sizes[0] is None:
            raise CommandError(errors.GEO_WIDTH)
        if sizes[1] is None:
            raise CommandError(errors.GEO_HEIGHT)
        if sizes[0] < 0 or sizes[1] < 0:
            raise CommandError(errors.GEO_BOX_NEGATIVE)
        self.meters = parse_unit(unit)
        self.sizes = (sizes[0] * self.meters, sizes[1] * self.meters)

    def shape(self) -> Shape:
        """Return the shape to search in."""
        assert self.center is not None
        if len(self.sizes) == 1:
            return circle(self.center, self.sizes[0])
        return rectangle(self.center, self.sizes[0], self.sizes[1])


def parse_options(search: Search, words: Sequence[bytes]) -> None:
    """Read the options of any of the commands into a search.

    Raises:
        CommandError: one is unknown or damaged, or they don't go together.
    """
    rest = list(reversed(words))
    while rest:
        word = rest.pop().upper()
        if word in _DETAILS:
            search.details |= {word}
        elif word in _ORDERS:
            search.order = word
        elif word == b"ANY":
            search.is_any = True
        elif word == b"COUNT" and rest:
            search.count = integer(rest.pop())
            if search.count <= 0:
                raise CommandError(errors.GEO_COUNT)
        elif not _take_own(search, word, rest):
            raise CommandError(errors.SYNTAX)
    if search.destination is not None and search.details:
        name = _STORING[search.family]
        raise CommandError(errors.geo_store_with_details(name))
    if search.family in (Family.SEARCH, Family.SEARCH_STORE):
        name = search.family.value.encode()
        if not search.places & _CENTERS:
            options = b"FROMMEMBER or FROMLONLAT"
            raise errors.geo_needs_one(options, name)
        if not search.places & _SHAPES:
            options = b"BYRADIUS and BYBOX"
            raise errors.geo_needs_one(options, name)
    if search.is_any and not search.count:
        raise CommandError(errors.GEO_ANY)


def _take_own(search: Search, word: bytes, rest: list[bytes]) -> bool:
    """Take an option that not all of the commands have; say whether it is one."""
    if search.family is Family.RADIUS_RO:
        return False
    if search.family is Family.RADIUS:
        if word not in (b"STORE", b"STOREDIST") or not rest:
            return False
        search.destination = rest.pop()
        search.stores_distance = word == b"STOREDIST"
        return True
    if word == b"STOREDIST" and search.family is Family.SEARCH_STORE:
        search.stores_distance = True
        return True
    return _take_place(search, word, rest)


def _take_place(search: Search, word: bytes, rest: list[bytes]) -> bool:
    """Take an option that says where to search; say whether it is one."""
    count, rival = _PLACES.get(word, (0, b""))
    if not count or len(rest) < count or rival in search.places:
        return False
    search.places |= {word}
    given = [rest.pop() for _ in range(count)]
    match word:
        case b"FROMMEMBER":
            search.take_member(*given)
        case b"FROMLONLAT":
            search.take_position(*given)
        case b"BYRADIUS":
            search.take_radius(*given)
        case _:
            search.take_box(*given)
    return True
