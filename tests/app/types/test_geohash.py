import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joblog.app.types.geohash import (
    Box,
    box_of,
    boxes_around,
    circle,
    distance_m,
    geohash_text,
    position_of,
    rectangle,
    score_of,
)

# Hundredths of a degree: none lies on an edge but for rounding.
POSITIONS = st.tuples(
    st.integers(-17999, 17999).map(lambda number: number / 100),
    st.integers(-8499, 8499).map(lambda number: number / 100),
)


@settings(max_examples=60)
@given(POSITIONS)
def test_a_score_stands_for_a_position_very_near(position):
    assert distance_m(position, position_of(score_of(position))) < 1.0


@settings(max_examples=60)
@given(POSITIONS, st.integers(1, 26))
def test_a_box_holds_its_position_and_its_neighbours_touch_it(position, steps):
    box = box_of(position, steps)
    west, south, east, north = box.edges()

    assert west <= position[0] <= east
    assert south <= position[1] <= north
    for moved in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)):
        assert box.moved(*moved).moved(-moved[0], -moved[1]) == box


def test_scores_of_a_box_are_those_of_the_positions_in_it():
    position = (13.361389, 38.115556)
    first, end = box_of(position, 10).scores()

    assert first <= score_of(position) < end
    assert Box(3, 1).scores() == (3.0 * 2**50, 4.0 * 2**50)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(POSITIONS, POSITIONS, st.floats(1, 1e7))
def test_what_is_near_lies_in_one_of_the_boxes(center, position, radius):
    near = position_of(score_of(position))
    for shape in (circle(center, radius), rectangle(center, radius, radius)):
        # Redis's boxes do not go over the date line.
        west, _, east, _ = shape.edges()
        if shape.distance_to(near) is None or west < -180 or east > 180:
            continue
        score = score_of(position)
        assert any(
            first <= score < end for first, end in map(Box.scores, boxes_around(shape))
        )


def test_no_box_is_searched_twice_however_large_the_circle():
    boxes = list(boxes_around(circle((0.0, 0.0), math.inf)))

    assert len(boxes) == len(set(boxes)) == 4


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ((13.361389338970184, 38.1155563954963), b"sqc8b49rny0"),
        ((0.0, 0.0), b"s0000000000"),
        ((-180.0, -85.0), b"00bh2n0p4w0"),
    ],
)
def test_geohash_has_eleven_letters(position, text):
    assert geohash_text(position)[:6] == text[:6]
    assert len(geohash_text(position)) == 11


def test_distance_is_that_on_a_sphere():
    quarter = math.pi / 2 * 6372797.560856

    assert distance_m((0, 0), (90, 0)) == pytest.approx(quarter)
    assert distance_m((0, 0), (0, 45)) == pytest.approx(quarter / 2)
    assert distance_m((0, 0), (180, 0)) == pytest.approx(quarter * 2)
