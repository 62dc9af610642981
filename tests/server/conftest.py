"""Servers for the tests of this folder; none ends without the fold being checked."""

import pytest

from tests.servers import start_joblog


@pytest.fixture
def server(fold_equals_live):
    """Return a running server with an empty folder of its own."""
    with start_joblog() as running:
        yield running
        if running.is_alive:
            fold_equals_live(running)


@pytest.fixture
def start(fold_equals_live):
    """Return a function that starts a server; all are checked at the end."""
    started = []

    def start_one(*options):
        started.append(start_joblog(*options).__enter__())
        return started[-1]

    yield start_one
    try:
        for running in started:
            if running.is_alive and "--appendonly" not in running.options:
                fold_equals_live(running)
    finally:
        for running in started:
            running.__exit__()
