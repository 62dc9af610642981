"""What a socket tells of its peer."""

import socket
import struct

import pytest

from joblog.actors.transport import PlainTransport


@pytest.fixture
def pair():
    """Return both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    ours.settimeout(0)
    yield ours, peer
    ours.close()
    peer.close()


def reset(peer):
    """Close a socket with RST, as the kernel does where bytes were left unread."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


@pytest.mark.parametrize("sent", [b"", b"PING\r\n"])
@pytest.mark.parametrize(
    "leave", [socket.socket.close, reset, lambda peer: peer.shutdown(socket.SHUT_WR)]
)
def test_peer_has_hung_up_when_it_is_gone_whatever_it_sent_before(pair, leave, sent):
    ours, peer = pair
    peer.sendall(sent)
    before = PlainTransport(ours).has_hung_up()
    leave(peer)

    assert not before
    assert PlainTransport(ours).has_hung_up()
