"""A browser for the tests of a module that look at the page."""

import pytest

from tests.replay.web.browsing import browser


# No longer: an event loop seems to run in this thread as long as it is open.
@pytest.fixture(scope="module")
def chromium():
    """Yield the system's chromium; without it the test is skipped, but not in CI."""
    with browser() as found:
        yield found
