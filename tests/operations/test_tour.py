"""The five minutes of docs/tour.md are what a user gets."""

import pytest

from tests.operations import tour
from tests.operations.pages import Machine
from tests.support.servers import require_program

pytestmark = pytest.mark.slow


def test_tour_answers_what_its_page_says(tmp_path):
    require_program("redis-cli")
    machine = Machine(tmp_path)
    try:
        page = tour.played(machine)
    finally:
        machine.close()

    assert tour.normal(page) == tour.normal(tour.PAGE.read_text())
