"""TlsTransport: what is encrypted comes again, what is decrypted is not forgotten."""

import socket
import ssl

import pytest

from joblog.actors.tls.transport import RECORD_BYTES, SEND_BYTES, TlsTransport

MANY = 100


@pytest.fixture
def ends(certificates):
    """Return a transport and its peer, whose handshake is done."""
    ours, theirs = socket.socketpair()
    # Small, so that little fills them.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    ours.settimeout(0)
    theirs.settimeout(0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.server)
    server = context.wrap_socket(ours, server_side=True, do_handshake_on_connect=False)
    peer = certificates.client_context().wrap_socket(
        theirs, server_hostname="localhost", do_handshake_on_connect=False
    )
    left = [server, peer]
    while left:
        one = left.pop(0)
        try:
            one.do_handshake()
        except ssl.SSLWantReadError:
            left.append(one)
    transport = TlsTransport(server)
    yield transport, peer
    transport.close()
    peer.close()


def read_all(peer):
    """Return all that there is to read."""
    read = b""
    while True:
        try:
            read += peer.recv(1 << 20)
        except ssl.SSLWantReadError:
            return read


def test_what_a_send_did_not_take_comes_whole_and_once(ends):
    transport, peer = ends
    data = bytes(range(256)) * 4096
    got, sent, refused = b"", 0, 0

    while sent < len(data):
        try:
            sent += transport.send(data[sent:])
        except BlockingIOError:
            refused += 1
            got += read_all(peer)
    got += read_all(peer)

    assert got == data
    assert refused > 0


def fill(transport, data):
    """Send the same bytes until no more are taken; return how many were."""
    sent = 0
    while True:
        try:
            sent += transport.send(data[sent % 256 :])
        except BlockingIOError:
            return sent


@pytest.mark.parametrize("more", [0, 1, MANY], ids=["none", "one", "many"])
def test_a_record_that_was_begun_may_come_again_with_other_bytes_behind_it(ends, more):
    transport, peer = ends
    data = bytes(range(256)) * 256
    count = 0
    sent = fill(transport, data)

    read = b""
    pieces = [data[sent % 256 :][:RECORD_BYTES], *more * [b"more"]]
    while not count:
        read += read_all(peer)
        try:
            count = transport.sendmsg(pieces)
        except BlockingIOError:
            continue
    read += read_all(peer)

    expected = (data * (1 + sent // len(data)))[:sent] + b"".join(pieces)
    assert count >= RECORD_BYTES
    assert read == expected[: sent + count]


def test_one_send_takes_no_more_than_others_can_wait_for(ends):
    transport, peer = ends
    transport._tls.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

    assert transport.send(bytes(4 * SEND_BYTES)) <= SEND_BYTES
    assert transport.sendmsg([bytes(1000)] * 1000) <= SEND_BYTES + 1000
    assert read_all(peer)


def test_bytes_that_were_decrypted_are_pending_until_they_are_taken(ends):
    transport, peer = ends
    peer.send(b"x" * 1000)

    first = transport.recv(400)

    assert (len(first), transport.has_pending()) == (400, True)
    assert len(transport.recv(4000)) == 600
    assert not transport.has_pending()
    with pytest.raises(BlockingIOError):
        transport.recv(400)


def test_a_peer_that_says_goodbye_is_an_end(ends):
    transport, peer = ends
    peer.send(b"last")

    with pytest.raises(ssl.SSLWantReadError):
        peer.unwrap()

    assert transport.recv(100) == b"last"
    assert transport.recv(100) == b""


def test_the_peer_is_told_of_a_close(ends):
    transport, peer = ends

    transport.close()

    assert peer.recv(100) == b""


def test_a_hang_up_is_seen_behind_what_nobody_has_read(ends):
    transport, peer = ends
    peer.send(b"x")
    before = transport.has_hung_up()

    peer.shutdown(socket.SHUT_WR)

    assert (before, transport.has_hung_up()) == (False, True)


def test_bytes_that_are_no_record_are_an_error(ends):
    transport, peer = ends

    socket.socket.send(peer, b"*1\r\n$4\r\nPING\r\n")

    with pytest.raises(ssl.SSLError):
        transport.recv(100)


def test_a_close_may_come_twice_and_after_an_error(ends):
    transport, peer = ends
    peer.close()
    with pytest.raises(OSError):  # noqa: PT011 - a broken pipe, or a reset
        fill(transport, b"x" * 1000)

    transport.close()
    transport.close()

    assert transport.has_hung_up()


def test_peer_that_goes_without_a_word_of_tls_is_at_its_end(ends):
    transport, peer = ends
    peer.send(b"last words")
    socket.socket(fileno=peer.detach()).close()

    assert transport.recv(100) == b"last words"
    assert transport.recv(100) == b""
