"""Who waits, until when, and who is served: the engine alone, on a clock of ours."""

import pytest

from joblog.app.commands import catalogue  # noqa: F401 - registers the commands
from joblog.app.config import Config
from joblog.app.engine.engine import Engine
from tests.support.fakes import FakeClock


class Server:
    """An engine with some clients.

    Attributes:
        woken: (client's id, reply) of each client that waits no longer, in order.
    """

    def __init__(self, clients=4):
        self.clock = FakeClock()
        self.engine = Engine(Config(), now_ms=self.clock)
        self.sessions = [self.engine.clients.open(n) for n in range(1, clients + 1)]
        for session in self.sessions:
            session.is_described = True

    def run(self, number, *words):
        """Let a client give one command; return its reply, empty while it waits."""
        argv = [word if type(word) is bytes else str(word).encode() for word in words]
        self.engine.context.read_clock()
        reply = self.engine.run(self.sessions[number - 1], [argv])
        self.sessions[number - 1].check()
        return reply

    def advance(self, ms):
        """Let time pass, and those go on whose time is over."""
        self.clock.advance(ms)
        self.engine.context.read_clock()
        self.engine.blocking.expire()

    @property
    def woken(self):
        woken, self.engine.outbox.woken = self.engine.outbox.woken, []
        return woken


@pytest.fixture
def server():
    return Server()


def test_time_is_over_at_the_millisecond_and_not_before(server):
    server.run(1, "BLPOP", "q", "0.25")
    server.run(2, "BLPOP", "q", "0.1001")
    server.run(3, "BLPOP", "q", "0")

    server.advance(100)
    assert server.woken == []
    server.advance(1)
    assert server.woken == [(2, b"*-1\r\n")]
    server.advance(148)
    assert server.woken == []
    server.advance(1)
    assert server.woken == [(1, b"*-1\r\n")]
    server.advance(10**9)
    assert server.woken == []
    assert server.engine.server.blocked_clients == 1


def test_client_that_has_hung_up_is_passed_over_and_closed(server):
    server.run(1, "BLPOP", "q", "0")
    server.run(2, "BLPOP", "q", "0")
    server.sessions[0].has_hung_up = lambda: True
    server.run(3, "RPUSH", "q", "job")

    assert server.woken == [(2, b"*2\r\n$1\r\nq\r\n$3\r\njob\r\n")]
    assert server.engine.outbox.closings == [1]
    assert server.engine.server.blocked_clients == 0


def test_client_that_has_hung_up_takes_nothing_that_is_there(server):
    server.run(3, "RPUSH", "q", "job")
    server.sessions[0].has_hung_up = lambda: True
    reply = server.run(1, "BLPOP", "q", "0")

    assert reply == b""
    assert server.sessions[0].is_closing
    assert server.run(3, "LLEN", "q") == b":1\r\n"


def test_effect_has_the_waiter_for_its_origin_and_follows_what_woke_it(server):
    server.run(1, "BZPOPMIN", "z", "0")
    server.run(2, "ZADD", "z", 1, "m")
    effects = [(entry[2], entry[3]) for entry in server.engine.outbox.entries]

    assert effects == [
        ([[b"ZADD", b"z", b"1", b"m"]], 2),
        ([[b"ZPOPMIN", b"z"]], [1, [b"BZPOPMIN", b"z", b"0"], None]),
    ]


def test_timeouts_of_those_who_were_served_do_not_pile_up(server):
    for _ in range(5000):
        server.run(1, "BLPOP", "q", "3600")
        server.run(2, "RPUSH", "q", "job")
        server.sessions[0].postponed = None

    assert len(server.woken) == 5000
    assert len(server.engine.blocking.timeouts) < 2000


def test_nobody_listens_to_the_keyspace_once_nobody_waits(server):
    server.run(1, "BLPOP", "q", "0.01")
    database = server.engine.keyspace.databases[0]
    was_observed = database.is_observed
    server.advance(10)
    server.engine.upkeep.look_after(10)

    assert was_observed
    assert not database.is_observed


def test_client_that_leaves_is_forgotten(server):
    server.run(1, "BLPOP", "q", "r", "5")
    server.engine.clients.close(server.sessions[0])
    server.run(2, "RPUSH", "q", "job")

    assert server.woken == []
    assert server.run(2, "LLEN", "q") == b":1\r\n"
