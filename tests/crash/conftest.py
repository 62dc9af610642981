"""The servers of tests/server, for tests that kill them."""

from pathlib import Path

import pytest

from tests.server.conftest import start

__all__ = ["start"]

TEST_SECONDS = 600


def pytest_collection_modifyitems(items):
    """Give the tests of this folder more time: some start a server twenty times."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
