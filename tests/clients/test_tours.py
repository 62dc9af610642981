"""Each library's newest release goes through what its pages offer, and is told right.

What is told of the jobs are the stories of tests/replay/jobs/tour_stories.py. A release
that names its keys anew, or does something else with them, is noticed here.
"""

import pytest

from tests.clients.runners import port_options
from tests.clients.tours import TOURS, take
from tests.replay.jobs.tour_reading import check_stories, list_all
from tests.support import servers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.name)
def test_what_a_librarys_pages_offer_is_told_as_it_was(tour, tmp_path):
    tour.require()
    with servers.start_joblog(*port_options()) as server:
        told = take(tour, server, tmp_path)
        server.stop()

        assert check_stories(tour.name, server.folder, told["jobs"]) == {}
        listed = list_all(server.folder)
        assert set(told["jobs"].values()) <= set(listed)
