"""The servers of tests/server, for tests that kill them."""

from tests.server.conftest import start

__all__ = ["start"]
