"""Handshakes: one that stalls, breaks or comes in a flood costs nobody but itself."""

import gc
import itertools
import socket
import ssl
import weakref
from pathlib import Path

import pytest

from joblog.actors.failures import Failures
from joblog.actors.loop import Loop
from joblog.actors.messages import Counted
from joblog.actors.tls import handshakes
from joblog.actors.tls.handshakes import Handshakes
from joblog.app.config import Config
from tests.support.fakes import MailTrap

SECONDS = 30


class Door:
    """Handshakes on a loop, and peers that begin them."""

    def __init__(self, certificates):
        self.loop = Loop()
        self.keyspace = MailTrap(self.loop)
        self.config = Config({})
        self.done = []
        self.handshakes = Handshakes(
            self.loop,
            self.config,
            Failures(self.loop, self.keyspace.inbox),
            lambda tls, address: self.done.append((tls, address)),
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificates.server)
        self.certificates = certificates
        self.peers = []

    def connect(self):
        """Return the peer of a connection that was just accepted."""
        ours, peer = socket.socketpair()
        ours.settimeout(0)
        peer.settimeout(0)
        self.handshakes.begin(ours, ("peer", len(self.peers)), self.context)
        self.peers.append(peer)
        return peer

    def connect_tls(self):
        """Return a peer that speaks TLS, whose handshake has yet to begin."""
        peer = self.connect()
        tls = self.certificates.client_context().wrap_socket(
            peer, server_hostname="localhost", do_handshake_on_connect=False
        )
        self.peers.append(tls)
        return tls

    def shake(self, *tls):
        """Run the loop until handshakes are done at their peers' side."""
        left = list(tls)
        while left:
            for one in list(left):
                try:
                    one.do_handshake()
                    left.remove(one)
                except ssl.SSLWantReadError:
                    pass
            self.loop.run_once(0.001)

    def run_until(self, is_so):
        for _ in range(10_000):
            if is_so():
                return
            self.loop.run_once(0.01)
        pytest.fail("it never came to that")

    @property
    def failed(self):
        return [x for x in self.keyspace.mail if isinstance(x, Counted)]

    def close(self):
        self.handshakes.close()
        for tls, _ in self.done:
            tls.close()
        for peer in self.peers:
            peer.close()
        self.loop.close()


def open_files():
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def is_closed(peer):
    """Say whether the other side has closed a connection."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True
    except BlockingIOError:
        return False


@pytest.fixture
def door(certificates):
    made = Door(certificates)
    yield made
    made.close()


def test_a_handshake_that_is_done_makes_a_client(door):
    peer = door.connect_tls()
    waiting = len(door.handshakes)

    door.shake(peer)
    door.run_until(lambda: door.done)

    ((tls, address),) = door.done
    tls.send(b"+1\r\n")
    assert (waiting, len(door.handshakes)) == (1, 0)
    assert address == ("peer", 0)
    assert peer.recv(100) == b"+1\r\n"
    assert door.failed == []


def test_what_a_client_sends_with_the_end_of_its_handshake_is_there(door):
    peer = door.connect_tls()
    door.shake(peer)
    peer.send(b"PING\r\n")

    door.run_until(lambda: door.done)

    assert door.done[0][0].recv(100) == b"PING\r\n"


def test_handshakes_that_stall_are_given_up_and_hold_nobody(door):
    door.handshakes.seconds_max = 0.05
    before = open_files()
    stalled = [door.connect() for _ in range(50)]
    for peer in stalled[25:]:
        peer.send(b"\x16\x03\x01\x02\x00\x01")  # the beginning of one
    door.handshakes.seconds_max = SECONDS

    good = door.connect_tls()
    door.shake(good)
    door.run_until(lambda: len(door.failed) == 50)

    assert len(door.done) == 1
    assert len(door.handshakes) == 0
    assert all(is_closed(peer) for peer in stalled)
    for peer in stalled:
        peer.close()
    assert open_files() == before + 2


@pytest.mark.parametrize(
    "said",
    [b"GET / HTTP/1.1\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"\x16\x03\x01\x00\x06xxxxxx"],
)
def test_what_is_no_handshake_closes_the_connection(door, said):
    peer = door.connect()

    peer.send(said)
    door.run_until(lambda: door.failed)

    assert door.failed == [Counted("accept_errors")]
    assert len(door.handshakes) == 0
    assert door.done == []


@pytest.mark.parametrize("size", [0, 1, 6, 200])
def test_a_peer_that_goes_in_the_middle_closes_the_connection(door, size):
    hello = ssl.MemoryBIO()
    client = door.certificates.client_context().wrap_bio(
        ssl.MemoryBIO(), hello, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    peer = door.connect()

    peer.send(hello.read()[:size])
    peer.close()
    door.run_until(lambda: door.failed)

    assert len(door.handshakes) == 0
    assert door.done == []


@pytest.mark.parametrize("steps", [1, 3])
def test_one_turn_takes_so_many_steps_first_come_first_served(door, steps, monkeypatch):
    monkeypatch.setattr(handshakes, "perf_counter", itertools.count().__next__)
    door.config.max_new_tls_connections_per_cycle = steps
    taken = []
    step = door.handshakes._step
    door.handshakes._step = lambda one: (taken.append(one.address[1]), step(one))
    peers = [door.connect_tls() for _ in range(6)]
    for peer in peers:
        with pytest.raises(ssl.SSLWantReadError):
            peer.do_handshake()

    counts = []
    for _ in range(6 // steps):
        door.loop.run_once(0.0)
        counts.append(len(taken))

    assert counts == [steps * (at + 1) for at in range(6 // steps)]
    assert sorted(taken) == sorted(peer for peer in range(0, 12, 2))
    door.shake(*peers)
    door.run_until(lambda: len(door.done) == 6)


def test_steps_that_take_no_time_are_taken_in_one_turn(door, monkeypatch):
    monkeypatch.setattr(handshakes, "perf_counter", lambda: 0.0)
    peers = [door.connect() for _ in range(handshakes.BEHIND)]
    assert not door.handshakes.is_behind
    for peer in peers:
        peer.send(b"\x16\x03\x01")  # a part of a record
    door.loop.run_once(0.0)

    assert len(door.handshakes) == len(peers)
    assert not door.handshakes.is_behind
    assert door.failed == []


def test_many_that_wait_for_their_turn_are_told(door, monkeypatch):
    monkeypatch.setattr(handshakes, "perf_counter", itertools.count().__next__)
    for _ in range(handshakes.BEHIND + 1):
        door.connect().send(b"\x16\x03\x01")

    door.loop.run_once(0.0)

    assert door.handshakes.is_behind
    door.loop.run_once(0.0)
    assert not door.handshakes.is_behind


def test_nothing_of_a_connection_is_kept_once_it_is_gone(door):
    peer = door.connect_tls()
    (one,) = door.handshakes._all
    gone = weakref.ref(one.tls)
    del one
    door.shake(peer)
    door.run_until(lambda: door.done)

    tls, _ = door.done.pop()
    tls.close()
    del tls
    gc.collect()

    assert gone() is None


def test_a_client_that_cannot_be_taken_over_costs_itself(door):
    def fail(tls, address):
        raise OSError("no more")

    door.handshakes._done = fail
    peer = door.connect_tls()

    door.shake(peer)
    door.run_until(lambda: door.failed)

    assert peer.recv(100) == b""


def test_a_server_that_stops_closes_all(door):
    peers = [door.connect_tls() for _ in range(3)]

    door.handshakes.close()

    assert len(door.handshakes) == 0
    for peer in peers:
        assert socket.socket.recv(peer, 1) == b""
