"""Positions on the earth as scores of a sorted set, and the search for those nearby.

A geohash cuts longitude and latitude in half, in turn, and notes in which half a
position lies: 26 times each make 52 bits, which a double holds exactly. Positions that
share their first bits share a box, and the members in a box have scores in one range.

    bits   ... lon lat lon lat      the lowest bit is the last of the latitude

A search takes a box of the size that fits, and its eight neighbours; each member found
in them is measured. In which order the boxes come shows in unsorted replies, and what
counts as near at the very edge depends on every rounding: both are Redis's.

Source: Redis 7.2; see tests/parity/test_geo.py. The earth is a sphere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGITUDE_MAX: Final = 180.0
LATITUDE_MAX: Final = 85.05112878
STEPS: Final = 26

_EARTH_RADIUS_M: Final = 6372797.560856
_MERCATOR_MAX_M: Final = 20037726.37
_DEGREE: Final = math.pi / 180.0
_POLAR: Final = (66.0, 80.0)
"""Latitudes from which on boxes are so narrow that a search takes larger ones."""

_ALPHABET: Final = b"0123456789bcdefghjkmnpqrstuvwxyz"
_HASH_LETTERS: Final = 10
_LATITUDE_BITS: Final = 0x5555555555555555
_LONGITUDE_BITS: Final = 0xAAAAAAAAAAAAAAAA
_MASK: Final = (1 << 64) - 1
_SPREADS: Final = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, _LATITUDE_BITS),
)

Position = tuple[float, float]
"""Longitude and latitude, in degrees."""


class Box(NamedTuple):
    """A box: the first bits of all positions in it.

    Attributes:
        bits: the geohash.
        steps: how often longitude and latitude were cut in half.
    """

    bits: int
    steps: int

    def scores(self) -> tuple[float, float]:
        """Return the scores of its members: from the first to before the second."""
        shift = 52 - 2 * self.steps
        return float(self.bits << shift & _MASK), float(self.bits + 1 << shift & _MASK)

    def edges(self) -> tuple[float, float, float, float]:
        """Return its least longitude and latitude, and its highest."""
        west, east = _cell(_squeeze(self.bits >> 1), self.steps, LONGITUDE_MAX)
        south, north = _cell(_squeeze(self.bits), self.steps, LATITUDE_MAX)
        return west, south, east, north

    def moved(self, east: int, north: int) -> Box:
        """Return a neighbour; each of the two numbers is -1, 0 or 1."""
        x, y = self.bits & _LONGITUDE_BITS, self.bits & _LATITUDE_BITS
        shift = 64 - 2 * self.steps
        longitudes, latitudes = _LONGITUDE_BITS >> shift, _LATITUDE_BITS >> shift
        # The bits of the other coordinate are set, so that a carry goes through them.
        if east:
            x = x + latitudes + 1 if east > 0 else (x | latitudes) - latitudes - 1
            x &= longitudes
        if north:
            y = y + longitudes + 1 if north > 0 else (y | longitudes) - longitudes - 1
            y &= latitudes
        return Box(x | y, self.steps)


def _spread(number: int) -> int:
    """Put a zero bit before each of the lowest 32 bits."""
    for shift, mask in _SPREADS:
        number = (number | number << shift) & mask
    return number


def _squeeze(number: int) -> int:
    """Return every second bit, beginning with the lowest, as one number."""
    number &= _LATITUDE_BITS
    number = (number | number >> 1) & 0x3333333333333333
    number = (number | number >> 2) & 0x0F0F0F0F0F0F0F0F
    number = (number | number >> 4) & 0x00FF00FF00FF00FF
    number = (number | number >> 8) & 0x0000FFFF0000FFFF
    return (number | number >> 16) & 0xFFFFFFFF


def _cell(place: int, steps: int, most: float) -> tuple[float, float]:
    cells = 1 << steps
    span = most - -most
    return -most + place / cells * span, -most + (place + 1) / cells * span


def box_of(
    position: Position, steps: int = STEPS, latitude_max: float = LATITUDE_MAX
) -> Box:
    """Return the box of a size that a position lies in."""
    longitude, latitude = position
    x = (longitude + LONGITUDE_MAX) / (LONGITUDE_MAX + LONGITUDE_MAX)
    y = (latitude + latitude_max) / (latitude_max + latitude_max)
    x, y = x * (1 << steps), y * (1 << steps)
    return Box(_spread(int(y)) | _spread(int(x)) << 1, steps)


def score_of(position: Position) -> int:
    """Return the score of a position that is within the limits."""
    return box_of(position).bits


def position_of(score: float) -> Position:
    """Return the position that a score stands for: the middle of the smallest box."""
    west, south, east, north = Box(_as_bits(score), STEPS).edges()
    longitude = max(min((west + east) / 2, LONGITUDE_MAX), -LONGITUDE_MAX)
    latitude = max(min((south + north) / 2, LATITUDE_MAX), -LATITUDE_MAX)
    return longitude, latitude


def _as_bits(score: float) -> int:
    """Return a score as C makes an unsigned integer of it, whatever it is."""
    if -(2.0**63) <= score < 2.0**64:
        return int(score) & _MASK
    return 0 if score > 0 else 1 << 63


def geohash_text(position: Position) -> bytes:
    """Return the geohash of a position as everybody writes it, in 11 letters.

    Others begin with latitudes from -90 to 90, so the bits are not those of the score.
    The last letter would need more bits than there are: it is always 0.
    """
    bits = box_of(position, latitude_max=90.0).bits
    letters = [
        _ALPHABET[bits >> 52 - 5 * (place + 1) & 31] for place in range(_HASH_LETTERS)
    ]
    return bytes(letters) + b"0"


# --- distances -----------------------------------------------------------------------


def distance_m(first: Position, second: Position) -> float:
    """Return the distance between two positions, in meters."""
    longitude_1, latitude_1 = first[0] * _DEGREE, first[1] * _DEGREE
    longitude_2, latitude_2 = second[0] * _DEGREE, second[1] * _DEGREE
    v = math.sin((longitude_2 - longitude_1) / 2)
    if v == 0.0:
        return _EARTH_RADIUS_M * abs(latitude_2 - latitude_1)
    u = math.sin((latitude_2 - latitude_1) / 2)
    a = u * u + math.cos(latitude_1) * math.cos(latitude_2) * v * v
    # Rounding may carry the opposite side of the earth a little too far.
    return 2.0 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(a, 1.0)))


class Shape(NamedTuple):
    """What a search covers, around its center: a circle, or a rectangle.

    Attributes:
        center: its middle.
        radius_m: in meters; of a rectangle from the center to a corner.
        width_m: in meters, west to east; of a circle twice its radius.
        height_m: in meters, south to north; of a circle twice its radius.
    """

    center: Position
    radius_m: float
    width_m: float
    height_m: float
    is_circle: bool

    def distance_to(self, position: Position) -> float | None:
        """Return how far a position is from the center, in meters; None if outside."""
        if self.is_circle:
            distance = distance_m(self.center, position)
            return distance if distance <= self.radius_m else None
        longitude, latitude = self.center
        to_north = abs(position[1] * _DEGREE - latitude * _DEGREE)
        if _EARTH_RADIUS_M * to_north > self.height_m / 2:
            return None
        if distance_m(position, (longitude, position[1])) > self.width_m / 2:
            return None
        return distance_m(self.center, position)

    def edges(self) -> tuple[float, float, float, float]:
        """Return the least longitude and latitude it may cover, and the highest."""
        longitude, latitude = self.center
        to_north = self.height_m / 2 / _EARTH_RADIUS_M / _DEGREE
        # The side that is nearer to a pole covers more degrees.
        side = latitude - to_north if latitude < 0 else latitude + to_north
        narrow = math.cos(side * _DEGREE) if math.isfinite(side) else math.nan
        to_east = self.width_m / 2 / _EARTH_RADIUS_M / narrow / _DEGREE
        return (
            longitude - to_east,
            latitude - to_north,
            longitude + to_east,
            latitude + to_north,
        )


def circle(center: Position, radius_m: float) -> Shape:
    """Return a circle around a position."""
    return Shape(center, radius_m, radius_m * 2, radius_m * 2, is_circle=True)


def rectangle(center: Position, width_m: float, height_m: float) -> Shape:
    """Return a rectangle around a position."""
    radius_m = math.sqrt((width_m / 2) ** 2 + (height_m / 2) ** 2)
    return Shape(center, radius_m, width_m, height_m, is_circle=False)


# --- boxes ---------------------------------------------------------------------------

# In the order of a search: the box itself, north, south, east, west, and the corners.
_MOVES: Final = (
    (0, 0),
    (0, 1),
    (0, -1),
    (1, 0),
    (-1, 0),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
)


def boxes_around(shape: Shape) -> Iterator[Box]:
    """Go through the boxes that together cover a shape, in Redis's order."""
    steps = _steps_for(shape.radius_m, shape.center[1])
    box = box_of(shape.center, steps)
    if steps > 1 and not _reaches(box, shape):
        steps -= 1
        box = box_of(shape.center, steps)
    skipped = _useless(box, shape) if steps > 1 else frozenset()
    last = None
    for place, (east, north) in enumerate(_MOVES):
        if place and (("east", east) in skipped or ("north", north) in skipped):
            continue
        neighbour = box.moved(east, north)
        # Where boxes are huge, neighbours on both sides are the same one.
        if neighbour != last:
            yield neighbour
            last = neighbour


def _steps_for(radius_m: float, latitude: float) -> int:
    """Return the size of boxes of which one and its neighbours cover a radius."""
    if radius_m == 0:
        return STEPS
    steps = 1
    while radius_m < _MERCATOR_MAX_M:
        radius_m *= 2
        steps += 1
    steps -= 2 + sum(abs(latitude) > limit for limit in _POLAR)
    return min(max(steps, 1), STEPS)


def _reaches(box: Box, shape: Shape) -> bool:
    """Say whether the neighbours of a box reach as far as a shape does."""
    west, south, east, north = shape.edges()
    return not (
        box.moved(0, 1).edges()[3] < north
        or box.moved(0, -1).edges()[1] > south
        or box.moved(1, 0).edges()[2] < east
        or box.moved(-1, 0).edges()[0] > west
    )


def _useless(box: Box, shape: Shape) -> frozenset[tuple[str, int]]:
    """Return the directions in which a shape does not leave a box."""
    west, south, east, north = shape.edges()
    box_west, box_south, box_east, box_north = box.edges()
    sides = {
        ("north", -1): box_south < south,
        ("north", 1): box_north > north,
        ("east", -1): box_west < west,
        ("east", 1): box_east > east,
    }
    return frozenset(side for side, is_useless in sides.items() if is_useless)
