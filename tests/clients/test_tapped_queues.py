"""Queues on a real Redis that joblog follows: what it tells is what they lived through.

A stream of replication has no scripts, no reads and no names of clients, so stories
are told by the keys alone.
"""

import pytest

from tests.clients.runners import port_options
from tests.clients.tours import TOURS, take
from tests.replay.jobs.tour_reading import check_stories, list_all
from tests.support.tapping import tap

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["rq", "bullmq"])
def test_a_tapped_library_is_told_as_it_was(name, tmp_path):
    tour = next(tour for tour in TOURS if tour.name == name)
    tour.require()
    with tap(*port_options()) as tapped:
        told = take(tour, tapped.master, tmp_path)
        tapped.wait_until_recorded()
        tapped.replica.stop()

        folder = tapped.replica.folder
        assert check_stories(tour.name, folder, told["jobs"]) == {}
        listed = list_all(folder)
        assert set(told["jobs"].values()) <= set(listed)
