"""A client of an engine in this process: reply, effects and events of a command."""

import random

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from joblog.app.types.streams import Stream
from tests.support.fakes import FakeClock


class Client:
    """Runs commands and keeps what came of the last one.

    Attributes:
        effects: what is to be recorded of the last command.
        events: (event, key) of each key that it touched, in order.
    """

    def __init__(self):
        self.clock = FakeClock()
        self.engine = Engine(Config(), now_ms=self.clock)
        self.engine.context.random = random.Random(5)
        self.session = self.engine.clients.open(1)
        self.session.is_described = True
        self.engine.context.session = self.session
        self.effects, self.events = [], []
        self.engine.keyspace.observe = lambda _, key, event: self.events.append(
            (event.decode(), key.decode())
        )
        for database in self.engine.keyspace.databases:
            database.is_observed = True

    def __call__(self, *words):
        """Run a command, of words or of one string that is split; return the reply."""
        words = words[0].split() if len(words) == 1 else words
        argv = [w if type(w) is bytes else str(w).encode() for w in words]
        self.engine.outbox.entries.clear()
        self.events.clear()
        self.engine.context.read_clock()
        reply = self.engine.execute(self.session, argv)
        self.effects = [
            effect for entry in self.engine.outbox.entries for effect in entry[2]
        ]
        for value in self.session.db.values.values():
            may_be_empty = type(value) in (bytes, Stream)
            assert may_be_empty or len(value), "an empty collection is left"
            if hasattr(value, "check"):
                value.check()
        return reply

    def value(self, key):
        """Return the value at a key as it lies in the database."""
        return self.session.db.lookup(key.encode())


@pytest.fixture
def client():
    return Client()
