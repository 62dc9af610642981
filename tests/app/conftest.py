"""Several clients of an engine in this process, who send batches and read RESP."""

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from tests.support.fakes import FakeClock


class Clients:
    """An engine with several clients, whose replies are read as RESP.

    Attributes:
        entries: what is to be recorded, without the notes on who the clients are.
    """

    def __init__(self, settings=None):
        self.clock = FakeClock()
        self.engine = Engine(Config(settings or {}), now_ms=self.clock)
        self.sessions = {}

    def __call__(self, client, *commands):
        """Run commands of a client as one batch; return the raw replies."""
        if client not in self.sessions:
            session = self.engine.clients.open(len(self.sessions) + 1)
            session.is_described = True
            self.sessions[client] = session
        self.engine.context.read_clock()
        argvs = [[word.encode() for word in line.split()] for line in commands]
        replies = self.engine.run(self.sessions[client], argvs)
        self.sessions[client].check()
        return replies

    @property
    def entries(self):
        return [entry for entry in self.engine.outbox.entries if entry[2]]


@pytest.fixture
def clients():
    return Clients()


@pytest.fixture
def clients_with():
    """Return a function that gives the clients of an engine with settings."""
    return Clients
