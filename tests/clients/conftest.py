"""The server of tests/server, for real clients."""

from tests.server.conftest import server

__all__ = ["server"]
