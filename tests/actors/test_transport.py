"""Transport: a connection need not be a plain socket, and its calls may cross."""

import socket
import ssl
import threading

import pykka
import pytest

from joblog.actors.connection import Connection
from joblog.actors.failures import Failures
from joblog.actors.loop import Loop
from joblog.actors.messages import ClientClosed
from joblog.actors.tls.transport import TlsTransport
from joblog.actors.traffic import Batch
from joblog.actors.transport import OtherWayError
from joblog.app.config import Config
from tests.support.fakes import MailTrap

SECONDS = 30
PING = b"*1\r\n$4\r\nPING\r\n"


class BufferingTransport:
    """Reads all that the socket has, and gives out pieces of it; may be told to cross.

    Attributes:
        piece: how many bytes a read gives at the most.
        crossed_reads: how many reads want to write first.
        crossed_sends: the same of sends, until the peer has sent something.
        calls: what was called.
    """

    def __init__(self, connected, piece=1 << 16):
        self._socket = connected
        self._read = b""
        self.piece = piece
        self.crossed_reads = self.crossed_sends = 0
        self.calls = []

    def has_pending(self):
        return bool(self._read)

    def recv(self, size):
        self.calls.append("recv")
        if self.crossed_reads:
            self.crossed_reads -= 1
            raise OtherWayError
        if not self._read:
            self._read = self._socket.recv(1 << 16)
        size = min(size, self.piece)
        data, self._read = self._read[:size], self._read[size:]
        return data

    def send(self, data):
        self.calls.append("send")
        if self.crossed_sends:
            self.crossed_sends -= 1
            raise OtherWayError
        return self._socket.send(data)

    def sendmsg(self, pieces):
        return self.send(b"".join(pieces))

    def fileno(self):
        return self._socket.fileno()

    def has_hung_up(self):
        return False

    def close(self):
        self.calls.append("close")
        self._socket.close()


class Client:
    """A connection over a transport, its peer's socket, and a trap for batches."""

    def __init__(self, make):
        ours, self.peer = socket.socketpair()
        ours.settimeout(0)
        self.peer.settimeout(SECONDS)
        self.loop = Loop()
        self.keyspace = MailTrap(self.loop)
        self.transport = make(ours)
        self.ref = Connection.start(
            self.loop,
            1,
            self.transport,
            ("peer", "us"),
            self.keyspace.inbox,
            Config({}),
            Failures(self.loop, self.keyspace.inbox),
            lambda _: None,
        )

    @property
    def batches(self):
        return [mail for mail in self.keyspace.mail if isinstance(mail, Batch)]

    def run(self, ticks=20):
        for _ in range(ticks):
            self.loop.run_once(0.001)

    def answer(self, data):
        self.ref.actor_inbox.post(data)
        self.run()

    def stop(self):
        self.ref.stop(block=False)
        self.loop.run_actors()
        self.peer.close()
        self.loop.close()


@pytest.fixture
def connect():
    made = []

    def connect_over(make):
        made.append(Client(make))
        return made[-1]

    yield connect_over
    for one in made:
        one.stop()
    assert pykka.ActorRegistry.get_all() == []


def test_bytes_that_no_poll_tells_of_are_read_when_the_batch_is_answered(connect):
    client = connect(lambda ours: BufferingTransport(ours, piece=len(PING)))

    client.peer.sendall(3 * PING)
    client.run()
    under_way = len(client.batches)
    client.answer(b"+1\r\n")
    client.answer(b"+2\r\n")

    assert under_way == 1  # the rest waits, as it would in the kernel
    assert [batch.commands for batch in client.batches] == 3 * [[[b"PING"]]]
    assert client.peer.recv(100) == b"+1\r\n+2\r\n"


def test_rest_of_a_command_is_read_though_no_poll_tells_of_it(connect):
    client = connect(lambda ours: BufferingTransport(ours, piece=3))

    client.peer.sendall(PING)
    client.run()

    assert [batch.commands for batch in client.batches] == [[[b"PING"]]]


def test_nothing_pending_is_read_once_the_client_is_to_be_closed(connect):
    client = connect(lambda ours: BufferingTransport(ours, piece=len(PING)))
    client.peer.sendall(2 * PING)
    client.run()

    client.ref.stop(block=False)
    client.run()

    assert len(client.batches) == 1
    assert client.transport.calls[-1] == "close"
    assert isinstance(client.keyspace.mail[-1], ClientClosed)


def test_read_that_has_to_write_is_tried_again_when_it_can(connect):
    client = connect(BufferingTransport)
    client.transport.crossed_reads = 2

    client.peer.sendall(PING)
    client.run()
    client.answer(b"+1\r\n")
    calls = len(client.transport.calls)
    client.run()
    client.peer.sendall(PING)
    client.run()

    assert len(client.batches) == 2
    assert client.peer.recv(100) == b"+1\r\n"
    assert client.transport.calls[:4] == ["recv", "recv", "recv", "send"]
    assert calls == 4  # it does not go on polling for what nobody waits for


def test_send_that_has_to_read_is_tried_again_when_the_peer_has_sent(connect):
    client = connect(BufferingTransport)
    client.peer.sendall(PING)
    client.run()
    client.transport.crossed_sends = 1

    client.answer(b"+1\r\n")
    waiting = list(client.transport.calls)
    client.peer.sendall(PING)
    client.run()

    assert waiting == ["recv", "send"]  # one try, and no turning in circles
    assert client.peer.recv(100) == b"+1\r\n"
    assert len(client.batches) == 2


def test_both_ways_may_cross_at_once(connect):
    client = connect(BufferingTransport)
    client.peer.sendall(PING)
    client.run()
    client.transport.crossed_sends = client.transport.crossed_reads = 1

    client.answer(b"+1\r\n")
    client.peer.sendall(PING)
    client.run()
    client.answer(b"+2\r\n")

    assert client.peer.recv(100) == b"+1\r\n+2\r\n"
    assert len(client.batches) == 2


def under_tls(connected, context):
    """Return a server's side whose handshake is still to be done."""
    return TlsTransport(
        context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
    )


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_tls_is_a_transport(connect, certificates, version, size):
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(*certificates.server)
    client = connect(lambda connected: under_tls(connected, ours))
    theirs = certificates.client_context()
    theirs.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
    command = b"*2\r\n$4\r\nECHO\r\n$%d\r\n%b\r\n" % (size, size * b"x")
    reply = b"$%d\r\n%b\r\n" % (64 * size, 64 * size * b"x")
    got = []

    def talk():
        with theirs.wrap_socket(client.peer, server_hostname="localhost") as peer:
            # Small records, of which one read of the kernel brings many.
            for at in range(0, 3 * len(command), 1000):
                peer.sendall((3 * command)[at : at + 1000])
            left = 3 * len(reply)
            while left:
                got.append(peer.recv(left))
                left -= len(got[-1])

    talking = threading.Thread(target=talk)
    talking.start()
    answered = 0
    while talking.is_alive():
        client.loop.run_once(0.01)
        if len(client.batches) > answered:
            count = len(client.batches[answered].commands)
            answered += 1
            client.ref.actor_inbox.post(count * reply)
    talking.join()

    assert b"".join(got) == 3 * reply
